"""The coordinator as an actor on virtual time, asked through the handlers of the group APIs."""

from typing import Any

import pytest
from groups.standing import ORDERS_ID, Release, Stand

from actors.broker.apis import (
    delete_groups,
    describe_groups,
    find_coordinator,
    heartbeat,
    join_group,
    leave_group,
    list_groups,
    offset_commit,
    offset_fetch,
    sync_group,
)
from actors.coordinator.messages import TopicsDeleted
from kstore import errors
from kstore.records import BatchBuilder, parse_batches
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.list_groups import ListGroupsRequest
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

SESSION_MS = 10_000


def join(member_id: str = "", *, group: str = "g") -> JoinGroupRequest:
    return JoinGroupRequest(
        group_id=group,
        session_timeout_ms=SESSION_MS,
        rebalance_timeout_ms=60_000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"sub")],
    )


def sync(member_id: str, generation: int = 1, *, group: str = "g") -> SyncGroupRequest:
    return SyncGroupRequest(
        group_id=group,
        generation_id=generation,
        member_id=member_id,
        protocol_type="consumer",
        protocol_name="range",
        assignments=[SyncGroupRequestAssignment(member_id=member_id, assignment=b"share")],
    )


def commit(offset: int, member_id: str = "", generation: int = -1, *, group: str = "g") -> OffsetCommitRequest:
    partitions = [
        OffsetCommitRequestPartition(partition_index=index, committed_offset=offset, committed_metadata="m")
        for index in (0, 7)
    ]
    topics = [
        OffsetCommitRequestTopic(name=name, partitions=partitions[:count])
        for name, count in (("orders", 2), ("nowhere", 1))
    ]
    return OffsetCommitRequest(
        group_id=group, generation_id_or_member_epoch=generation, member_id=member_id, topics=topics
    )


def stable_member(stand: Stand, *, group: str = "g") -> str:
    member_id: str = stand.get(join_group, join(group=group)).member_id
    assert stand.get(join_group, join(member_id, group=group)).error_code == 0
    assert stand.get(sync_group, sync(member_id, group=group)).assignment == b"share"
    return member_id


def commit_codes(response: Any) -> dict[tuple[str, int], int]:
    return {
        (topic.name, each.partition_index): each.error_code for topic in response.topics for each in topic.partitions
    }


def committed(stand: Stand, *, group: str = "g", version: int = 9, **request: Any) -> Any:
    groups = [OffsetFetchRequestGroup(group_id=group, topics=None)]
    response = stand.get(offset_fetch, OffsetFetchRequest(groups=groups, **request), version=version)
    (answer,) = response.groups
    if answer.error_code:
        return answer.error_code
    return {
        (topic.name, each.partition_index): each.committed_offset
        for topic in answer.topics
        for each in topic.partitions
    }


def test_a_member_joins_commits_and_is_found_again_by_the_next_coordinator() -> None:
    stand = Stand()
    member_id = stable_member(stand)
    assert member_id.startswith("client-")
    assert len(member_id) == len("client-") + 36
    response = stand.get(offset_commit, commit(5, member_id, 1), version=9)
    unknown = errors.UnknownTopicOrPartition.code
    assert commit_codes(response) == {("orders", 0): 0, ("orders", 7): unknown, ("nowhere", 0): unknown}
    assert committed(stand) == {("orders", 0): 5}
    stand.resign(0)
    stand.lead(0)
    assert committed(stand) == {("orders", 0): 5}
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    assert stand.get(heartbeat, beat).error_code == 0
    described = stand.get(describe_groups, DescribeGroupsRequest(groups=["g"], include_authorized_operations=True))
    (group,) = described.groups
    assert (group.group_state, group.members[0].client_host) == ("Stable", "/127.0.0.1")
    assert group.authorized_operations == 3400


def test_sessions_run_on_the_worlds_time_and_heartbeats_extend_them() -> None:
    stand = Stand()
    member_id = stable_member(stand)
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    for _ in range(4):
        stand.run_for(SESSION_MS / 1000 - 0.001)
        assert stand.get(heartbeat, beat).error_code == 0
    stand.run_for(SESSION_MS / 1000)
    assert stand.get(heartbeat, beat).error_code == errors.UnknownMemberId.code
    (listed,) = stand.get(list_groups, ListGroupsRequest(states_filter=["Empty"])).groups
    assert (listed.group_id, listed.group_type) == ("g", "classic")


def test_while_it_loads_a_coordinator_asks_for_patience_but_calms_heartbeats() -> None:
    stand = Stand()
    stable_member(stand)
    stand.resign(0)
    stand.shelves[0].read_error = errors.NotLeaderOrFollower()
    stand.lead(0)
    loading = errors.CoordinatorLoadInProgress.code
    assert stand.get(join_group, join()).error_code == loading
    assert committed(stand) == loading
    assert stand.get(heartbeat, HeartbeatRequest(group_id="g", member_id="m")).error_code == 0
    assert stand.get(list_groups, ListGroupsRequest()).error_code == loading
    stand.shelves[0].read_error = None
    stand.run_for(1)
    assert committed(stand) == {}


def test_a_coordinator_waits_until_what_it_has_loaded_is_committed() -> None:
    stand = Stand()
    stand.get(offset_commit, commit(5), version=9)
    stand.get(offset_commit, commit(6), version=9)
    stand.resign(0)
    stand.shelves[0].high_watermark = 1
    stand.lead(0)
    stand.run_for(10)
    assert committed(stand) == errors.CoordinatorLoadInProgress.code
    stand.shelves[0].high_watermark = None
    stand.run_for(1)
    assert committed(stand) == {("orders", 0): 6}


def test_a_node_that_does_not_coordinate_a_group_says_so() -> None:
    stand = Stand()
    stand.resign(0)
    elsewhere = errors.NotCoordinator.code
    assert stand.get(join_group, join()).error_code == elsewhere
    assert stand.get(sync_group, sync("m")).error_code == elsewhere
    assert stand.get(heartbeat, HeartbeatRequest(group_id="g", member_id="m")).error_code == elsewhere
    assert stand.get(leave_group, LeaveGroupRequest(group_id="g")).error_code == elsewhere
    assert commit_codes(stand.get(offset_commit, commit(5), version=9))["orders", 0] == elsewhere
    assert committed(stand) == elsewhere
    assert stand.get(describe_groups, DescribeGroupsRequest(groups=["g"])).groups[0].error_code == elsewhere
    assert stand.get(delete_groups, DeleteGroupsRequest(groups_names=["g"])).results[0].error_code == elsewhere
    assert stand.get(list_groups, ListGroupsRequest()).groups == []


def test_who_waits_when_the_coordinator_moves_is_told_to_look_for_it() -> None:
    stand = Stand(group_initial_rebalance_delay_ms="3000")
    member_id = stand.get(join_group, join()).member_id
    parked = stand.ask(join_group, join(member_id))
    stand.shelves[0].is_held = True
    committing = stand.ask(offset_commit, commit(5, group="h"), version=9)
    groups = [OffsetFetchRequestGroup(group_id="g", topics=None)]
    stand.run_for(1)
    waiting = stand.ask(offset_fetch, OffsetFetchRequest(groups=groups, require_stable=True), version=9)
    stand.run_for(1)
    assert not parked.done
    stand.resign(0)
    assert parked.get(timeout=1).error_code == errors.NotCoordinator.code
    assert commit_codes(committing.get(timeout=1))["orders", 0] == errors.NotCoordinator.code
    assert waiting.get(timeout=1).groups[0].error_code == errors.NotCoordinator.code
    stand.shelves[0].actor_ref.tell(Release())
    stand.run_for(60)


def test_a_commit_is_answered_when_it_is_committed_or_after_its_time() -> None:
    stand = Stand()
    shelf = stand.shelves[0]
    shelf.is_held = True
    first = stand.ask(offset_commit, commit(5), version=9)
    stand.run_for(4.9)
    assert not first.done
    assert committed(stand) == {}
    stand.run_for(0.2)
    assert commit_codes(first.get(timeout=1))["orders", 0] == errors.CoordinatorNotAvailable.code
    stable = stand.ask(
        offset_fetch,
        OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="g", topics=None)], require_stable=True),
        version=9,
    )
    stand.run_for(1)
    assert not stable.done
    shelf.actor_ref.tell(Release())
    assert stable.get(timeout=1).groups[0].topics[0].partitions[0].committed_offset == 5
    second = stand.ask(offset_commit, commit(6), version=9)
    stand.run_for(0)
    shelf.actor_ref.tell(Release(errors.NotEnoughReplicasAfterAppend()))
    assert commit_codes(second.get(timeout=1))["orders", 0] == 0


def test_a_refused_append_is_told_and_changes_nothing() -> None:
    stand = Stand()
    stand.get(offset_commit, commit(5), version=9)
    stand.shelves[0].error = errors.NotEnoughReplicas()
    response = stand.get(offset_commit, commit(6), version=9)
    assert commit_codes(response)["orders", 0] == errors.CoordinatorNotAvailable.code
    assert committed(stand) == {("orders", 0): 5}


def test_topics_are_known_by_id_from_version_10_on() -> None:
    stand = Stand()
    partition = OffsetCommitRequestPartition(partition_index=1, committed_offset=8)
    topics = [OffsetCommitRequestTopic(topic_id=each, partitions=[partition]) for each in (ORDERS_ID, b"?" * 16)]
    response = stand.get(offset_commit, OffsetCommitRequest(group_id="g", topics=topics), version=10)
    assert [(each.topic_id, each.partitions[0].error_code) for each in response.topics] == [
        (ORDERS_ID, 0),
        (b"?" * 16, errors.UnknownTopicId.code),
    ]
    questions = [OffsetFetchRequestTopics(topic_id=each, partition_indexes=[1]) for each in (b"?" * 16, ORDERS_ID)]
    request = OffsetFetchRequest(
        groups=[
            OffsetFetchRequestGroup(group_id="g", topics=questions),
            OffsetFetchRequestGroup(group_id="g", topics=None),
        ]
    )
    some, everything = stand.get(offset_fetch, request, version=10).groups
    answers = {
        each.topic_id: (each.partitions[0].committed_offset, each.partitions[0].error_code) for each in some.topics
    }
    assert answers == {ORDERS_ID: (8, 0), b"?" * 16: (-1, errors.UnknownTopicId.code)}
    assert [(each.topic_id, each.partitions[0].committed_offset) for each in everything.topics] == [(ORDERS_ID, 8)]


@pytest.mark.parametrize("version", [1, 2, 7])
def test_old_versions_fetch_one_group(version: int) -> None:
    stand = Stand()
    stand.get(offset_commit, commit(5), version=2)
    question = [OffsetFetchRequestTopic(name="orders", partition_indexes=[0, 1])]
    request = OffsetFetchRequest(group_id="g", topics=question)
    (topic,) = stand.get(offset_fetch, request, version=version).topics
    assert [each.committed_offset for each in topic.partitions] == [5, -1]
    stand.resign(0)
    response = stand.get(offset_fetch, request, version=version)
    elsewhere = errors.NotCoordinator.code
    if version == 1:
        assert [each.error_code for each in response.topics[0].partitions] == [elsewhere, elsewhere]
    else:
        assert response.error_code == elsewhere


def test_an_old_leave_names_one_member_whose_error_is_the_responses() -> None:
    stand = Stand()
    member_id = stable_member(stand)
    assert stand.get(leave_group, LeaveGroupRequest(group_id="g", member_id="x"), version=2).error_code == 25
    response = stand.get(leave_group, LeaveGroupRequest(group_id="g", member_id=member_id), version=2)
    assert (response.error_code, response.members) == (0, [])


def test_an_old_join_is_answered_with_an_empty_protocol_and_without_its_own_timeout() -> None:
    stand = Stand()
    refused = stand.get(join_group, join("stranger"), version=6)
    assert (refused.error_code, refused.protocol_name) == (errors.UnknownMemberId.code, "")
    answer = stand.get(join_group, join(), version=0)
    assert isinstance(answer, JoinGroupResponse)
    assert answer.generation_id == 1


def test_groups_are_described_listed_and_deleted_across_partitions() -> None:
    stand = Stand(partitions=4)
    names = ["a", "b", "c", "d", "e"]
    for name in names:
        stand.get(offset_commit, commit(1, group=name), version=9)
    member_id = stable_member(stand, group="f")
    listed = stand.get(list_groups, ListGroupsRequest()).groups
    assert sorted(each.group_id for each in listed) == [*names, "f"]
    results = stand.get(delete_groups, DeleteGroupsRequest(groups_names=[*names, "f", "none"])).results
    codes = {each.group_id: each.error_code for each in results}
    assert codes == {**dict.fromkeys(names, 0), "f": errors.NonEmptyGroup.code, "none": errors.GroupIdNotFound.code}
    leaving = LeaveGroupRequest(group_id="f", members=[MemberIdentity(member_id=member_id)])
    assert stand.get(leave_group, leaving).members[0].error_code == 0
    described = stand.get(describe_groups, DescribeGroupsRequest(groups=["f", "a"])).groups
    assert [each.group_state for each in described] == ["Empty", "Dead"]


def test_a_deleted_topic_takes_its_offsets_along() -> None:
    stand = Stand()
    stand.get(offset_commit, commit(5), version=9)
    stand.coordinators[0].tell(TopicsDeleted(("orders",)))
    stand.run_for(0)
    assert committed(stand) == {}


def test_a_topic_deleted_during_the_load_takes_its_offsets_along_too() -> None:
    stand = Stand()
    stand.get(offset_commit, commit(5), version=9)
    stand.resign(0)
    stand.shelves[0].read_error = errors.NotLeaderOrFollower()
    stand.lead(0)
    stand.coordinators[0].tell(TopicsDeleted(("orders",)))
    stand.run_for(0)
    stand.shelves[0].read_error = None
    stand.run_for(1)
    assert committed(stand) == {}


def test_offsets_expire_while_nobody_does_anything() -> None:
    stand = Stand(offsets_retention_minutes="60")
    stand.get(offset_commit, commit(5), version=9)
    stand.run_for(59 * 60)
    assert committed(stand) == {("orders", 0): 5}
    stand.run_for(11 * 60)
    assert stand.get(list_groups, ListGroupsRequest()).groups == []


def test_find_coordinator_names_the_leader_of_the_groups_partition() -> None:
    stand = Stand()
    found = stand.get(find_coordinator, FindCoordinatorRequest(key="g"), version=3)
    assert (found.error_code, found.node_id, found.host, found.port) == (0, 1, "127.0.0.1", 9092)
    several = stand.get(find_coordinator, FindCoordinatorRequest(coordinator_keys=["g", "h"]))
    assert [(each.key, each.port) for each in several.coordinators] == [("g", 9092), ("h", 9092)]
    shared = stand.get(find_coordinator, FindCoordinatorRequest(key_type=2, coordinator_keys=["s"])).coordinators[0]
    assert (shared.error_code, shared.node_id) == (errors.InvalidRequest.code, -1)


def test_a_coordinator_that_stopped_expires_nobody() -> None:
    stand = Stand()
    member_id = stable_member(stand)
    coordinator = stand.coordinators[0]
    stand.resign(0)
    stand.run_for(60)
    assert not coordinator.is_alive()
    stand.lead(0)
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id=member_id)
    assert stand.get(heartbeat, beat).error_code == 0, "its timers ended with it"


def test_groups_that_cannot_be_read_are_not_coordinated() -> None:
    stand = Stand()
    stable_member(stand)
    builder = BatchBuilder()
    builder.append(1, b"\x00\x02\x00\x01g", b"\x00\x03\x00")
    stand.resign(0)
    stand.shelves[0].append_now(parse_batches(builder.build()))
    stand.lead(0)
    assert stand.get(join_group, join()).error_code == errors.NotCoordinator.code
    assert stand.get(list_groups, ListGroupsRequest()).groups == []


def test_the_trace_knows_groups_by_their_names_and_cuts_those_that_are_too_long() -> None:
    stand = Stand()
    for group in ["console-consumer-1", "x" * 5_000]:
        stand.get(join_group, join(group=group), version=3)
    traced = [row.partition for row in stand.world.recorder.recent() if row.kind == "MemberJoined"]
    assert traced == ["console-consumer-1", "x" * 249]
