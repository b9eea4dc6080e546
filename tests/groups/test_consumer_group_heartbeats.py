"""Consumer groups in a shard: who joins, moves, is fenced and leaves by heartbeats, and what the log then says."""

from __future__ import annotations

from typing import Any

import pytest
from groups.driving import Driven

from actors.groups.consumer.group import ConsumerGroup
from actors.groups.topics import TopicInfo
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatRequestTopicPartitions,
    ConsumerGroupHeartbeatResponse,
)

ORDERS, USERS = b"o" * 16, b"u" * 16


def topics(orders: int = 4) -> dict[str, TopicInfo]:
    return {"orders": TopicInfo(ORDERS, orders), "users": TopicInfo(USERS, 2)}


@pytest.fixture
def driven() -> Driven:
    return started()


def started(**more: Any) -> Driven:
    found = Driven(**more)
    found.topics.set(topics())
    return found


def owned(*numbers: int, topic_id: bytes = ORDERS) -> list[ConsumerGroupHeartbeatRequestTopicPartitions]:
    if not numbers:
        return []
    return [ConsumerGroupHeartbeatRequestTopicPartitions(topic_id=topic_id, partitions=list(numbers))]


def send(driven: Driven, member: str, epoch: int, reply: str = "beat", **fields: Any) -> None:
    group = fields.pop("group", "g")
    driven.ask(ConsumerGroupHeartbeatRequest(group_id=group, member_id=member, member_epoch=epoch, **fields), reply, 1)


def beat(driven: Driven, member: str, epoch: int, **fields: Any) -> ConsumerGroupHeartbeatResponse:
    send(driven, member, epoch, **fields)
    answer = driven.answer("beat")
    if isinstance(answer, KafkaError):
        raise answer
    assert isinstance(answer, ConsumerGroupHeartbeatResponse)
    return answer


def join(driven: Driven, member: str, *names: str, **fields: Any) -> ConsumerGroupHeartbeatResponse:
    wanted = {"subscribed_topic_names": list(names or ("orders",)), "rebalance_timeout_ms": 30_000, **fields}
    return beat(driven, member, 0, topic_partitions=[], **wanted)


def numbers(answer: ConsumerGroupHeartbeatResponse) -> list[int] | None:
    if answer.assignment is None:
        return None
    return [number for topic in answer.assignment.topic_partitions for number in topic.partitions]


def group(driven: Driven) -> ConsumerGroup:
    found = driven.shard.groups["g"]
    assert isinstance(found, ConsumerGroup)
    return found


def two_members(driven: Driven) -> None:
    """A has partitions 0 and 1 at epoch 3, and B has 2 and 3."""
    join(driven, "A")
    join(driven, "B")
    beat(driven, "A", 2, topic_partitions=owned(0, 1, 2, 3))
    assert numbers(beat(driven, "A", 2, topic_partitions=owned(0, 1))) is None
    assert numbers(beat(driven, "B", 3, topic_partitions=owned())) == [2, 3]
    assert group(driven).shown_state == "Stable"


def test_the_first_member_gets_everything_at_once(driven: Driven) -> None:
    answer = join(driven, "A")
    assert (answer.member_id, answer.member_epoch, answer.heartbeat_interval_ms) == ("A", 2, 5_000)
    assert numbers(answer) == [0, 1, 2, 3]


def test_a_partition_is_given_up_before_another_member_gets_it(driven: Driven) -> None:
    join(driven, "A")
    second = join(driven, "B")
    assert (second.member_epoch, numbers(second)) == (3, [])
    first = beat(driven, "A", 2, topic_partitions=owned(0, 1, 2, 3))
    assert (first.member_epoch, numbers(first)) == (2, [0, 1]), "it stays at its epoch until it has given up the others"
    assert numbers(beat(driven, "B", 3, topic_partitions=owned())) is None
    assert group(driven).shown_state == "Reconciling"
    assert beat(driven, "A", 2, topic_partitions=owned(0, 1)).member_epoch == 3
    assert numbers(beat(driven, "B", 3, topic_partitions=owned())) == [2, 3]
    assert group(driven).shown_state == "Stable"


def test_a_heartbeat_that_changes_nothing_writes_nothing(driven: Driven) -> None:
    two_members(driven)
    before = len(driven.log)
    answer = beat(driven, "A", 3)
    assert (answer.member_epoch, answer.assignment) == (3, None)
    assert len(driven.log) == before


def test_another_epoch_than_the_members_fences_it(driven: Driven) -> None:
    two_members(driven)
    with pytest.raises(errors.FencedMemberEpoch, match="greater"):
        beat(driven, "A", 4)
    with pytest.raises(errors.FencedMemberEpoch, match="smaller"):
        beat(driven, "A", 2)


def test_the_previous_epoch_is_taken_from_a_member_whose_answer_was_lost(driven: Driven) -> None:
    two_members(driven)
    assert beat(driven, "A", 2, topic_partitions=owned(0, 1)).member_epoch == 3
    with pytest.raises(errors.FencedMemberEpoch):
        beat(driven, "A", 2, topic_partitions=owned(0, 1, 2))


def test_a_fenced_member_joins_again_and_keeps_its_share(driven: Driven) -> None:
    two_members(driven)
    again = join(driven, "A")
    assert (again.member_epoch, numbers(again)) == (3, [0, 1])


def test_a_member_that_nobody_knows_is_told_so(driven: Driven) -> None:
    join(driven, "A")
    with pytest.raises(errors.UnknownMemberId):
        beat(driven, "B", 2)
    with pytest.raises(errors.GroupIdNotFound):
        beat(driven, "B", 2, group="other")


def test_a_member_that_leaves_is_followed_by_a_new_epoch(driven: Driven) -> None:
    two_members(driven)
    assert beat(driven, "B", -1).member_epoch == -1
    assert group(driven).epoch == 4
    answer = beat(driven, "A", 3, topic_partitions=owned(0, 1))
    assert (answer.member_epoch, numbers(answer)) == (4, [0, 1, 2, 3])


def test_a_session_without_heartbeats_ends(driven: Driven) -> None:
    two_members(driven)
    driven.pass_ms(44_000)
    beat(driven, "A", 3)
    driven.pass_ms(2_000)
    assert list(group(driven).members) == ["A"]
    assert any(each.kind == "MemberExpired" and "B sent no heartbeat" in each.because for each in driven.notes)


def test_a_member_that_gives_nothing_up_in_its_time_is_removed(driven: Driven) -> None:
    join(driven, "A")
    join(driven, "B")
    for _ in range(4):
        beat(driven, "A", 2, topic_partitions=owned(0, 1, 2, 3))
        beat(driven, "B", 3, topic_partitions=owned())
        driven.pass_ms(9_000)
    assert list(group(driven).members) == ["B"]
    assert numbers(beat(driven, "B", 3, topic_partitions=owned())) == [0, 1, 2, 3]


def test_new_partitions_begin_an_epoch(driven: Driven) -> None:
    join(driven, "A")
    beat(driven, "A", 2)
    driven.topics.set(topics(orders=6))
    answer = beat(driven, "A", 2)
    assert (answer.member_epoch, numbers(answer)) == (3, [0, 1, 2, 3, 4, 5])
    driven.topics.set({**topics(orders=6), "other": TopicInfo(b"x" * 16, 9)})
    assert beat(driven, "A", 3).member_epoch == 3, "nobody subscribes to that one"


def test_a_regular_expression_follows_the_topics(driven: Driven) -> None:
    answer = beat(
        driven, "A", 0, topic_partitions=[], rebalance_timeout_ms=1_000, subscribed_topic_regex="(orders|new).*"
    )
    assert numbers(answer) == [0, 1, 2, 3]
    driven.topics.set({**topics(), "new-1": TopicInfo(b"n" * 16, 1)})
    assert beat(driven, "A", 2).member_epoch == 3
    assert group(driven).regexes == {"(orders|new).*": ("new-1", "orders")}
    with pytest.raises(errors.InvalidRegularExpression):
        beat(driven, "B", 0, topic_partitions=[], rebalance_timeout_ms=1_000, subscribed_topic_regex="(")
    assert list(group(driven).members) == ["A"]


def test_topics_that_a_member_drops_are_given_up(driven: Driven) -> None:
    join(driven, "A", "orders", "users")
    answer = beat(driven, "A", 2, subscribed_topic_names=["users"])
    assert answer.member_epoch == 2
    assert answer.assignment is not None
    assert [topic.topic_id for topic in answer.assignment.topic_partitions] == [USERS]
    assert beat(driven, "A", 2, topic_partitions=owned(0, 1, topic_id=USERS)).member_epoch == 3


def test_a_heartbeat_is_answered_when_its_records_are_committed_and_others_wait_for_it(driven: Driven) -> None:
    driven.is_held = True
    send(driven, "A", 0, "a", topic_partitions=[], rebalance_timeout_ms=9, subscribed_topic_names=["orders"])
    send(driven, "B", 0, "b", topic_partitions=[], rebalance_timeout_ms=9, subscribed_topic_names=["orders"])
    assert [driven.is_parked(each) for each in ("a", "b")] == [True, True]
    assert len(driven.held) == 1, "one append of a group at a time"
    driven.commit()
    assert driven.answer("a").member_epoch == 2
    assert driven.is_parked("b")
    driven.commit()
    assert driven.answer("b").member_epoch == 3


def test_a_refused_append_leaves_the_group_as_it_was_and_those_that_waited_go_on(driven: Driven) -> None:
    driven.is_held = True
    send(driven, "A", 0, "a", topic_partitions=[], rebalance_timeout_ms=9, subscribed_topic_names=["orders"])
    send(driven, "B", 0, "b", topic_partitions=[], rebalance_timeout_ms=9, subscribed_topic_names=["orders"])
    driven.refuse(errors.NotEnoughReplicas())
    assert isinstance(driven.answer("a"), errors.CoordinatorNotAvailable)
    driven.commit()
    assert (driven.answer("b").member_epoch, list(group(driven).members)) == (2, ["B"])


def test_a_group_whose_first_append_is_refused_never_was(driven: Driven) -> None:
    driven.is_held = True
    send(driven, "A", 0, "a", topic_partitions=[], rebalance_timeout_ms=9, subscribed_topic_names=["orders"])
    driven.refuse(errors.NotEnoughReplicas())
    assert "g" not in driven.shard.groups


def test_while_an_append_is_overdue_members_are_told_to_try_again(driven: Driven) -> None:
    join(driven, "A")
    driven.is_held = True
    send(driven, "B", 0, "b", topic_partitions=[], rebalance_timeout_ms=9, subscribed_topic_names=["orders"])
    send(driven, "A", 2, "a")
    driven.overdue()
    assert all(isinstance(driven.answer(each), errors.CoordinatorNotAvailable) for each in ("a", "b"))
    with pytest.raises(errors.CoordinatorNotAvailable):
        beat(driven, "A", 2)
    driven.is_held = False
    driven.commit()
    assert list(group(driven).members) == ["A", "B"]
    assert beat(driven, "A", 2).member_epoch == 2


def test_another_coordinator_reads_the_same_group_from_the_log(driven: Driven) -> None:
    two_members(driven)
    join(driven, "C", "users", instance_id="i", rack_id="r", server_assignor="range")
    other = started(log=driven.log)
    mine, read = group(driven), group(other)
    for name in ("epoch", "assignment_epoch", "members", "targets", "owners", "static_members", "regexes", "nbytes"):
        assert getattr(read, name) == getattr(mine, name), name
    other.pass_ms(46_000)
    assert group(other).members == {}, "sessions run from the load on"


def test_commits_are_judged_by_the_epoch_at_which_a_partition_was_assigned(driven: Driven) -> None:
    two_members(driven)

    def commit(member: str, epoch: int, number: int, topic_id: bytes = ORDERS) -> int:
        driven.send_commit("c", {("orders", number): 5}, member, epoch, topic_id=topic_id)
        answer = driven.answer("c")
        if isinstance(answer, KafkaError):
            return answer.code
        return int(answer.topics[0].partitions[0].error_code)

    assert commit("A", 3, 0) == 0
    assert commit("A", 2, 0) == 0, "it has had the partition since epoch 2"
    assert commit("A", 2, 2) == errors.StaleMemberEpoch.code
    assert commit("B", 2, 2) == errors.StaleMemberEpoch.code
    assert commit("A", 4, 0) == errors.StaleMemberEpoch.code
    assert commit("C", 3, 0) == errors.UnknownMemberId.code
    assert commit("", -1, 0) == errors.UnknownMemberId.code, "an administrator's, while the group has members"


def test_an_empty_classic_group_becomes_a_consumer_group_and_keeps_its_offsets(driven: Driven) -> None:
    driven.send_commit("c", {("orders", 0): 5})
    assert driven.shard.groups["g"].group_type == "classic"
    assert numbers(join(driven, "A")) == [0, 1, 2, 3]
    assert driven.listed(types=["consumer"]) == ["g"]
    assert driven.fetch("orders") == {("orders", 0): 5}
    assert group(started(log=driven.log)).members.keys() == {"A"}


def test_a_group_of_classic_members_is_not_described_as_a_consumer_group(driven: Driven) -> None:
    driven.stable_group()
    driven.ask(ConsumerGroupDescribeRequest(group_ids=["g"]), "d", 1)
    assert driven.answer("d").groups[0].error_code == errors.GroupIdNotFound.code


def test_a_consumer_group_is_not_described_as_a_classic_group(driven: Driven) -> None:
    join(driven, "A")
    assert driven.heartbeat("A", 2) == errors.UnknownMemberId.code
    assert driven.describe(version=6).error_code == errors.GroupIdNotFound.code
    assert (driven.describe(version=5).error_code, driven.describe(version=5).group_state) == (0, "Dead")


def test_a_group_is_deleted_when_it_is_empty(driven: Driven) -> None:
    join(driven, "A")
    assert driven.delete("g") == {"g": errors.NonEmptyGroup.code}
    beat(driven, "A", -1)
    assert driven.delete("g") == {"g": 0}
    assert "g" not in driven.shard.groups
    assert "g" not in started(log=driven.log).shard.groups


def test_a_full_group_takes_no_more_members() -> None:
    driven = started(group_consumer_max_size=1)
    join(driven, "A")
    with pytest.raises(errors.GroupMaxSizeReached):
        join(driven, "B")


@pytest.mark.parametrize(
    ("member", "epoch", "fields", "message"),
    [
        ("", 0, {}, "MemberId can't be empty."),
        ("A", 0, {"topic_partitions": []}, "RebalanceTimeoutMs must be provided in first request."),
        ("A", 0, {"rebalance_timeout_ms": 1}, "TopicPartitions must be empty when"),
        ("A", 0, {"rebalance_timeout_ms": 1, "topic_partitions": []}, "Either SubscribedTopicNames or"),
        ("A", -2, {}, "InstanceId can't be null."),
        ("A", -3, {}, "MemberEpoch is invalid."),
        ("A", 1, {"instance_id": ""}, "InstanceId can't be empty."),
        ("A", 1, {"group": " "}, "GroupId can't be empty."),
    ],
)
def test_a_heartbeat_that_no_group_could_take_is_refused(
    driven: Driven, member: str, epoch: int, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.InvalidRequest, match=message.replace("(", r"\(")):
        beat(driven, member, epoch, **fields)


def test_only_assignors_that_are_there_are_taken(driven: Driven) -> None:
    with pytest.raises(errors.UnsupportedAssignor, match="uniform, range"):
        join(driven, "A", server_assignor="sticky")


def test_a_group_is_described_with_assignments_and_targets(driven: Driven) -> None:
    join(driven, "A")
    join(driven, "B", server_assignor="range")
    driven.ask(ConsumerGroupDescribeRequest(group_ids=["g", "none"]), "d", 1)
    found, none = driven.answer("d").groups
    assert none.error_code == errors.GroupIdNotFound.code
    assert (found.group_state, found.group_epoch, found.assignment_epoch) == ("Reconciling", 3, 3)
    assert found.assignor_name == "range"
    a, b = found.members
    assert [(each.topic_name, each.partitions) for each in a.assignment.topic_partitions] == [("orders", [0, 1, 2, 3])]
    assert [each.partitions for each in b.target_assignment.topic_partitions] == [[2, 3]]
    assert (b.assignment.topic_partitions, b.member_type) == ([], 1)


def test_a_member_that_leaves_takes_its_topics_along_and_the_next_coordinator_begins_no_epoch(driven: Driven) -> None:
    join(driven, "A", "orders")
    join(driven, "B", subscribed_topic_names=[], subscribed_topic_regex="us.*")
    beat(driven, "B", -1)
    assert not group(driven).regexes
    assert beat(driven, "A", 2, topic_partitions=owned(0, 1, 2, 3)).member_epoch == 4
    again = Driven(log=driven.log)
    again.topics.set(topics())
    assert beat(again, "A", 4).member_epoch == 4
    assert (group(again).epoch, group(again).shown_state) == (4, "Stable")


def test_a_group_follows_the_assignor_that_its_members_would_have(driven: Driven) -> None:
    joined = join(driven, "a")
    changed = beat(driven, "a", joined.member_epoch, server_assignor="range")
    assert changed.member_epoch == joined.member_epoch + 1
    assert beat(driven, "a", changed.member_epoch, server_assignor="range").member_epoch == changed.member_epoch
    back = beat(driven, "a", changed.member_epoch, server_assignor="uniform")
    assert back.member_epoch == changed.member_epoch + 1


def test_a_member_that_subscribes_to_nothing_moves_nobody(driven: Driven) -> None:
    assert join(driven, "idle", subscribed_topic_names=[]).member_epoch == 1
    busy = join(driven, "busy")
    assert (busy.member_epoch, numbers(busy)) == (2, [0, 1, 2, 3])
    assert join(driven, "idler", subscribed_topic_names=[], subscribed_topic_regex="").member_epoch == 2
    assert beat(driven, "busy", 2).member_epoch == 2
    assert group(driven).epoch == 2
