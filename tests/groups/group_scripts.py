"""Scripts of group requests to be played to any broker, ours or Apache Kafka's.

A script is a function over ``Wire``: it sends requests in a fixed order, some of them parked, and every answer goes to
the transcript.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from groups.migration_scripts import MIGRATION_SCRIPTS, as_the_policy_allows
from groups.requests_of_groups import (
    RETRIABLE,
    TOPIC,
    beat,
    commit,
    delete_offsets,
    fetch,
    join,
    leave,
    member,
    old_fetch,
    old_sync,
    prepare,
    sync,
)
from groups.wire import Wire

from kstore.schema import encode
from kstore.schema.messages.consumer_protocol import ConsumerProtocolSubscription
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.list_groups import ListGroupsRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_delete import OffsetDeleteRequest
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
)

CONFIG = {
    "group.consumer.assignment.interval.ms": "0",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "6000",
    "offsets.topic.num.partitions": "1",
}
"""What a broker must be started with for its answers to be comparable."""

POLICY = "group.consumer.migration.policy"


def one_member(wire: Wire, group: str) -> None:
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    wire.call("a", beat(group, a, 1), 4)
    wire.call("a", commit(group, 1, a, 1), 9)
    wire.call("a", sync(group, a, 1, {a: b"share"}), 5)
    wire.call("a", beat(group, a, 1), 4)
    wire.call("a", sync(group, a, 1), 5)
    wire.call("a", DescribeGroupsRequest(groups=[group], include_authorized_operations=True), 5)
    wire.call("a", join(group, a), 9)
    wire.call("a", sync(group, a, 2, {a: b"again"}), 5)
    wire.call("a", leave(group, (a, None)), 5)
    wire.call("a", DescribeGroupsRequest(groups=[group, f"{group}-none"]), 6)
    wire.call("a", DescribeGroupsRequest(groups=[group, f"{group}-none"]), 5)
    wire.call("a", beat(group, a, 2), 4)


def refusals(wire: Wire, group: str) -> None:
    wire.call("a", join("", ""), 9)
    wire.call("a", join(group, session_timeout_ms=5_999), 9)
    wire.call("a", join(group, "script-unknown"), 9)
    wire.call("a", join(group, protocols={}), 9)
    wire.call("a", join(group, protocol_type=""), 9)
    wire.call("a", sync(group, "x", 1), 5)
    wire.call("a", sync("", "x", 1), 5)
    wire.call("a", sync(group, "x", 1, protocol_name=None), 5)
    wire.call("a", beat(group, "x", 1), 4)
    wire.call("a", beat("", "x", 1), 4)
    wire.call("a", leave(group, ("x", None), ("", "y"), ("", None)), 5)
    wire.call("a", leave("", ("x", None)), 5)
    wire.call("a", LeaveGroupRequest(group_id=group, member_id="x"), 2)
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    wire.call("a", sync(group, a, 1, {a: b"s"}), 5)
    wire.call("b", join(group, protocol_type="connect"), 9)
    wire.call("b", join(group, protocols={"other": b""}), 9)
    wire.call("b", join(group, "script-unknown", protocols={"other": b""}), 9)
    wire.call("b", join(group, a, group_instance_id="nobody"), 9)
    wire.call("a", sync(group, a, 7), 5)
    wire.call("a", sync(group, a, 1, protocol_name="other"), 5)
    wire.call("a", sync(group, a, 1, protocol_type="other"), 5)
    wire.call("a", old_sync(group, a, 1), 4)
    wire.call("a", beat(group, a, 7), 4)
    wire.call("a", beat(group, a, 1, "nobody"), 4)
    wire.call("a", leave(group, (a, "nobody")), 5)


def two_members(wire: Wire, group: str) -> None:
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    wire.call("a", sync(group, a, 1, {a: b"all"}), 5)
    b = member(wire, "b", group)
    wire.call("a", beat(group, a, 1), 4)
    wire.send("b", join(group, b), 9)
    wire.call("other", DescribeGroupsRequest(groups=[f"{group}-none"]), 5)
    while wire.settle(beat(group, a, 1), 4, lambda _: True).error_code == 0:
        continue
    wire.call("other", sync(group, a, 1), 5)
    wire.call("other", commit(group, 3, a, 1), 9)
    wire.send("a", join(group, a), 9)
    wire.receive("a")
    wire.receive("b")
    wire.send("b", sync(group, b, 2), 5)
    wire.call("other", beat(group, b, 2), 4)
    wire.call("other", commit(group, 4, a, 2), 9)
    wire.call("a", sync(group, a, 2, {a: b"p0", b: b"p1"}), 5)
    wire.receive("b")
    wire.call("b", join(group, b), 9)
    wire.call("b", DescribeGroupsRequest(groups=[group]), 4)
    wire.send("b", join(group, b, protocols={"range": b"new", "sticky": b""}), 9)
    while wire.settle(beat(group, a, 2), 4, lambda _: True).error_code == 0:
        continue
    wire.call("a", leave(group, (a, None)), 5)
    wire.receive("b")
    wire.call("b", sync(group, b, 3, {}), 5)
    wire.call("b", leave(group, (b, None), ("x", None)), 3)


def static_members(wire: Wire, group: str) -> None:
    first = wire.call("a", join(group, group_instance_id="instance-a"), 9).member_id
    wire.call("a", sync(group, first, 1, {first: b"p0"}, group_instance_id="instance-a"), 5)
    for version in (9, 8, 5):
        again = wire.call("b", join(group, group_instance_id="instance-a"), version).member_id
        wire.call("a", beat(group, first, 1, "instance-a"), 4)
        wire.call("a", sync(group, first, 1, group_instance_id="instance-a"), 5)
        wire.call("a", commit(group, 1, first, 1, group_instance_id="instance-a"), 9)
        wire.call("a", join(group, first, group_instance_id="instance-a"), 9)
        wire.call("a", leave(group, (first, "instance-a")), 5)
        wire.call("b", sync(group, again, 1, group_instance_id="instance-a"), 5)
        wire.call("b", beat(group, again, 1, "instance-a"), 4)
        wire.call("b", beat(group, again, 1), 4)
        first = again
    wire.call("b", join(group, group_instance_id="instance-a", protocols={"range": b"new", "sticky": b"x"}), 9)
    third = wire.call("c", join(group, group_instance_id="instance-a", protocols={"sticky": b"x", "range": b"r"}), 9)
    wire.call("c", DescribeGroupsRequest(groups=[group]), 6)
    wire.call("c", leave(group, ("", "instance-a"), ("", "instance-b")), 5)
    wire.call("c", beat(group, third.member_id, 2, "instance-a"), 4)


def offsets(wire: Wire, group: str) -> None:
    wire.call("a", fetch(group), 9)
    wire.call("a", fetch(group, None), 9)
    wire.call("a", commit(group, 5), 9)
    wire.call("a", commit(group, 5, partitions=(1, 2), topics=(TOPIC, "nowhere")), 9)
    wire.call("a", commit(group, 5, metadata="x" * 4096), 9)
    wire.call("a", commit(group, 6, metadata="x" * 4097), 9)
    wire.call("a", commit(group, 7, metadata=None), 9)
    wire.call("a", commit(group, 5, "x", 1), 9)
    wire.call("a", commit(group, 5, "x", -1), 9)
    wire.call("a", commit(group, 5, "", 0), 9)
    wire.call("a", commit(f"{group}-none", 5, "x", 1), 9)
    wire.call("a", commit(f"{group}-none", 5, "x", 1), 8)
    wire.call("a", commit("", 5), 9)
    wire.call("a", fetch("", None), 9)
    for version in range(2, 10):
        wire.call("a", commit(group, 10 + version), version)
    wire.call("a", commit(group, 30, retention_time_ms=1_000_000), 4)
    for version in (8, 9):
        wire.call("a", fetch(group), version)
        wire.call("a", fetch(group, None), version)
        wire.call("a", fetch(group, "nowhere", stable=True), version)
    for version in range(1, 8):
        wire.call("a", old_fetch(group), version)
    for version in range(2, 8):
        wire.call("a", old_fetch(group, None), version)
    wire.call("a", DescribeGroupsRequest(groups=[group]), 6)
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    wire.call("a", commit(group, 8), 9)
    wire.call("a", commit(group, 8, a, 1), 9)
    wire.call("a", sync(group, a, 1, {}), 5)
    wire.call("a", commit(group, 8), 9)
    wire.call("a", commit(group, 8, a, 1), 9)
    wire.call("a", commit(group, 9, a, 2), 9)
    wire.call("a", commit(group, 9, a, -1), 9)
    wire.call("a", fetch(group), 9)
    wire.call("a", leave(group, (a, None)), 5)


def offsets_by_id(wire: Wire, group: str) -> None:
    known = wire.settle(
        MetadataRequest(topics=[MetadataRequestTopic(name=TOPIC)]), 12, lambda answer: not answer.topics[0].error_code
    )
    topic_id, nowhere = known.topics[0].topic_id, b"nowhere-at-all-!"
    for partition, ids in ((0, [topic_id]), (0, [nowhere]), (7, [topic_id, nowhere]), (1, [nowhere, topic_id])):
        request = commit(group, 3, partitions=(partition,), topics=("",) * len(ids))
        for topic, each in zip(request.topics, ids, strict=True):
            topic.topic_id = each
        wire.call("a", request, 10)
    wire.call("a", fetch(group, None), 9)
    wire.call("a", fetch(group, None), 10)
    for ids in ([topic_id], [nowhere], [nowhere, topic_id]):
        topics = [OffsetFetchRequestTopics(topic_id=each, partition_indexes=[0, 1]) for each in ids]
        wire.call("a", OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=topics)]), 10)


def several_groups(wire: Wire, group: str) -> None:
    names = [f"{group}-{index}" for index in range(3)]
    for index, name in enumerate(names[:2]):
        wire.call("a", commit(name, index), 9)
    for version in (8, 9, 10):
        groups = [OffsetFetchRequestGroup(group_id=name, topics=None) for name in names]
        wire.call("a", OffsetFetchRequest(groups=groups), version)
        wire.call("a", OffsetFetchRequest(groups=groups, require_stable=True), version)
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    wire.call("a", join(group, a, protocols={"range": b"other"}), 9)
    wire.call("a", sync(group, a, 2, {a: b"1", "stranger": b"2"}), 5)
    wire.call("a", DescribeGroupsRequest(groups=[*names, group]), 6)
    for version in range(3, 6):
        wire.call("a", leave(group, ("stranger", None)), version)
    for version in range(3):
        wire.call("a", LeaveGroupRequest(group_id=group, member_id="stranger"), version)
    wire.call("a", leave(group, (a, None)), 4)


def every_version(wire: Wire, group: str) -> None:
    for version in range(4):
        name = f"{group}-{version}"
        wire.settle(commit(name, 1), 9, lambda answer: answer.topics[0].partitions[0].error_code not in RETRIABLE)
        a = wire.call("a", join(name), version).member_id
        wire.call("a", join(name, "script-unknown"), version)
        wire.call("a", old_sync(name, a, 1, {a: b"s"}), version)
        wire.call("a", beat(name, a, 1), version)
        wire.call("a", beat(name, a, 2), version)
        wire.call("a", DescribeGroupsRequest(groups=[name]), version)
        gone = leave(name, (a, None)) if version > 2 else LeaveGroupRequest(group_id=name, member_id=a)
        wire.call("a", gone, version)
    for version in range(4, 10):
        name = f"{group}-{version}"
        wire.settle(commit(name, 1), 9, lambda answer: answer.topics[0].partitions[0].error_code not in RETRIABLE)
        a = wire.call("a", join(name), version).member_id
        wire.call("a", join(name, a), version)
        wire.call("a", join(name, "script-unknown"), version)


def listing_and_deleting(wire: Wire, group: str) -> None:
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    wire.call("a", sync(group, a, 1, {a: b"s"}), 5)
    empty = f"{group}-empty"
    wire.call("a", commit(empty, 5), 9)

    def listed(version: int, states: list[str], types: list[str]) -> None:
        request = ListGroupsRequest(states_filter=states, types_filter=types)
        wire.send("a", request, version)
        answer = wire.socket("a").receive()
        rows = [wire.labels.plain(each) for each in answer.groups if each.group_id in (group, empty)]
        wire.transcript.append(["a", "listed", sorted(rows, key=lambda row: str(row["group_id"]))])

    for version in range(6):
        listed(version, [], [])
    for states in (["Stable"], ["stable", "EMPTY"], ["Dead"], ["nonsense"]):
        listed(5, states, [])
    for types in (["classic"], ["Classic", "consumer"], ["consumer"], ["nonsense"]):
        listed(5, [], types)
    for version in range(3):
        for name in (group, f"{group}-none"):
            wire.call("a", DeleteGroupsRequest(groups_names=[name]), version)
    wire.call("a", DeleteGroupsRequest(groups_names=[empty]), 2)
    wire.call("a", fetch(empty), 9)
    wire.call("a", DescribeGroupsRequest(groups=[empty]), 5)
    wire.call("a", leave(group, (a, None)), 5)
    wire.call("a", DeleteGroupsRequest(groups_names=[group, group]), 2)
    wire.call("a", beat(group, a, 1), 4)


def deleting_offsets(wire: Wire, group: str) -> None:
    def subscription(*topics: str) -> bytes:
        return b"\x00\x00" + encode(ConsumerProtocolSubscription(topics=list(topics)), 0)

    wire.call("a", delete_offsets(group, 0), 0)
    wire.call("a", delete_offsets("", 0), 0)
    wire.call("a", commit(group, 5, partitions=(0, 1, 2)), 9)
    wire.call("a", delete_offsets(group), 0)
    wire.call("a", delete_offsets(group, 0, 0, 7), 0)
    wire.call("a", delete_offsets(group, 0, 1, topics=("nowhere", TOPIC)), 0)
    wire.call("a", delete_offsets(group, topics=("nowhere",)), 0)
    wire.call("a", delete_offsets(f"{group}-none", 0, topics=("nowhere",)), 0)
    wire.call("a", delete_offsets(f"{group}-none", 0, topics=("nowhere", TOPIC)), 0)
    wire.call("a", OffsetDeleteRequest(group_id=group), 0)
    wire.call("a", fetch(group, None), 9)
    wire.call("a", DescribeGroupsRequest(groups=[group]), 5)
    a = member(wire, "a", group)
    wire.call("a", join(group, a, protocols={"range": subscription("others")}), 9)
    wire.call("a", delete_offsets(group, 2), 0)
    wire.call("a", sync(group, a, 1, {a: b"share"}), 5)
    wire.call("a", commit(group, 6, a, 1), 9)
    wire.call("a", delete_offsets(group, 0, 2), 0)
    wire.call("a", fetch(group, None), 9)
    wire.call("a", commit(group, 7, a, 1), 9)
    wire.call("a", join(group, a, protocols={"range": subscription("others", TOPIC)}), 9)
    wire.call("a", sync(group, a, 2, {a: b"share"}), 5)
    wire.call("a", delete_offsets(group, 0, 7), 0)
    wire.call("a", join(group, a, protocols={"range": b"\x00\x00\x00"}), 9)
    wire.call("a", sync(group, a, 3, {a: b"share"}), 5)
    wire.call("a", delete_offsets(group, 0), 0)
    wire.call("a", leave(group, (a, None)), 5)
    wire.call("a", delete_offsets(group, 0), 0)
    wire.call("a", fetch(group, None), 9)
    other = f"{group}-connect"
    b = member(wire, "b", other)
    connect = {"protocols": {"range": b"x"}, "protocol_type": "connect"}
    wire.call("b", join(other, b, **connect), 9)
    wire.call("b", sync(other, b, 1, {b: b"s"}, protocol_type="connect"), 5)
    wire.call("b", commit(other, 1, b, 1), 9)
    wire.call("b", delete_offsets(other, 0), 0)
    wire.call("b", delete_offsets(other, 0, topics=("nowhere",)), 0)
    wire.call("b", leave(other, (b, None)), 5)
    wire.call("b", delete_offsets(other, 0), 0)


def a_session_that_ends(wire: Wire, group: str) -> None:
    a = member(wire, "a", group)
    wire.call("a", join(group, a), 9)
    b = member(wire, "b", group)
    wire.send("b", join(group, b), 9)
    while wire.settle(beat(group, a, 1), 4, lambda _: True).error_code == 0:
        continue
    wire.call("a", join(group, a), 9)
    wire.receive("b")
    wire.call("a", sync(group, a, 2, {a: b"p0", b: b"p1"}), 5)
    wire.call("b", sync(group, b, 2), 5)
    while wire.settle(beat(group, a, 2), 4, lambda _: True).error_code == 0:
        continue
    wire.call("b", beat(group, b, 2), 4)
    wire.call("a", join(group, a), 9)
    wire.call("a", DescribeGroupsRequest(groups=[group]), 6)


def finding(wire: Wire, group: str) -> None:
    for version in range(4):
        wire.call("a", FindCoordinatorRequest(key=group), version)
    for version in range(4, 7):
        wire.call("a", FindCoordinatorRequest(coordinator_keys=[group, "other"]), version)


SCRIPTS = [
    one_member,
    refusals,
    two_members,
    static_members,
    offsets,
    offsets_by_id,
    several_groups,
    every_version,
    listing_and_deleting,
    deleting_offsets,
    a_session_that_ends,
    finding,
    *MIGRATION_SCRIPTS,
]


def transcript_under(policy: str, bootstrap: str) -> list[Any]:
    """What a broker with a ``group.consumer.migration.policy`` answers."""
    return transcript(bootstrap, as_the_policy_allows, policy)


def transcript(bootstrap: str, script: Callable[[Wire, str], None], group: str) -> list[Any]:
    """What a broker answers to a script."""
    wire = Wire(bootstrap)
    try:
        prepare(wire, group)
        script(wire, group)
    finally:
        wire.close()
    return wire.transcript
