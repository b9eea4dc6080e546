"""Scripts of group requests, spoken to any broker over plain sockets, and the transcript of its answers.

A script is a function over ``Wire``: it sends requests in a fixed order, parks some, and every answer is noted as a
dictionary, so that two brokers' transcripts can be compared. What must differ doesn't take part: member ids are
replaced by labels in the order of their appearance, ports and throttle times are left out.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable
from typing import Any

from kstore.schema import decode, frames
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
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

TIMEOUT_S = 30.0
SESSION_MS = 6_000
TOPIC = "group-orders"
CONFIG = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "6000",
    "offsets.topic.num.partitions": "1",
}
"""What a broker must be started with for its answers to be comparable."""

RETRIABLE = {14, 15, 16, 3, 5, 6}
MEMBER_ID = re.compile(r"^(script|instance-\w+)-[0-9a-f]{8}-[0-9a-f-]{27}$")
LEFT_OUT = {"throttle_time_ms", "port", "host", "topic_id", "error_message"}


class Socket:
    """One client connection; requests may be sent ahead of reading their answers."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), TIMEOUT_S)
        self._sent: list[tuple[int, int]] = []
        self._correlation_id = 0

    def send(self, request: Any, version: int) -> None:
        self._correlation_id += 1
        parts = frames.encode_request(request, version, self._correlation_id, "script")
        self._socket.sendall(b"".join(bytes(part) for part in parts))
        self._sent.append((request.API_KEY, version))

    def receive(self) -> Any:
        api_key, version = self._sent.pop(0)
        frame = self._read(struct.unpack(">i", self._read(4))[0])
        _, body = frames.decode_response_header(api_key, version, frame)
        return decode(frames.response_class(api_key), version, frame, body)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the broker has closed the connection")
            data += part
        return data

    def close(self) -> None:
        self._socket.close()


class Labels:
    """Messages as dictionaries, with a label for each member id in the order of their appearance."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}

    def plain(self, value: Any) -> Any:
        if isinstance(value, list):
            plain = [self.plain(each) for each in value]
            return sorted(plain, key=lambda each: each["member_id"]) if _are_members(plain) else plain
        if isinstance(value, str):
            return self._labels.setdefault(value, f"member {len(self._labels)}") if MEMBER_ID.match(value) else value
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value).hex()
        fields = getattr(type(value), "__slots__", None)
        if fields is None or value is None:
            return value
        return {name: self.plain(getattr(value, name)) for name in fields if name not in LEFT_OUT}


class Wire:
    """Some clients of one broker, by name, and the transcript of what they were answered."""

    def __init__(self, bootstrap: str) -> None:
        host, port = bootstrap.split(",")[0].rsplit(":", 1)
        self._address = host, int(port)
        self._sockets: dict[str, Socket] = {}
        self.labels = Labels()
        self.transcript: list[Any] = []

    def socket(self, client: str) -> Socket:
        if client not in self._sockets:
            self._sockets[client] = Socket(*self._address)
        return self._sockets[client]

    def send(self, client: str, request: Any, version: int) -> None:
        self.socket(client).send(request, version)

    def receive(self, client: str) -> Any:
        response = self.socket(client).receive()
        self.transcript.append([client, type(response).__name__, self.labels.plain(response)])
        return response

    def call(self, client: str, request: Any, version: int) -> Any:
        self.send(client, request, version)
        return self.receive(client)

    def settle(self, request: Any, version: int, is_settled: Callable[[Any], bool]) -> Any:
        """Ask until the answer is what the script can go on with; not noted."""
        while True:
            self.send("settle", request, version)
            response = self.socket("settle").receive()
            if is_settled(response):
                return response

    def close(self) -> None:
        for each in self._sockets.values():
            each.close()


def _are_members(rows: list[Any]) -> bool:
    """A broker keeps its members in no order in particular."""
    return bool(rows) and all(isinstance(row, dict) and "member_id" in row for row in rows)


# Requests


def join(group: str, member_id: str = "", **changes: Any) -> JoinGroupRequest:
    protocols = changes.pop("protocols", {"range": b"\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"})
    fields = {"session_timeout_ms": SESSION_MS, "rebalance_timeout_ms": 10_000, "protocol_type": "consumer", **changes}
    return JoinGroupRequest(
        group_id=group,
        member_id=member_id,
        protocols=[JoinGroupRequestProtocol(name=name, metadata=data) for name, data in protocols.items()],
        **fields,
    )


def sync(group: str, member_id: str, generation: int, shares: dict[str, bytes] | None = None, **changes: Any) -> Any:
    return SyncGroupRequest(
        **{
            "group_id": group,
            "member_id": member_id,
            "generation_id": generation,
            "protocol_type": "consumer",
            "protocol_name": "range",
            "assignments": [
                SyncGroupRequestAssignment(member_id=each, assignment=share) for each, share in (shares or {}).items()
            ],
            **changes,
        }
    )


def old_sync(group: str, member_id: str, generation: int, shares: dict[str, bytes] | None = None) -> Any:
    return sync(group, member_id, generation, shares, protocol_type=None, protocol_name=None)


def beat(group: str, member_id: str, generation: int, instance: str | None = None) -> HeartbeatRequest:
    return HeartbeatRequest(group_id=group, member_id=member_id, generation_id=generation, group_instance_id=instance)


def leave(group: str, *members: tuple[str, str | None]) -> LeaveGroupRequest:
    return LeaveGroupRequest(
        group_id=group, members=[MemberIdentity(member_id=each, group_instance_id=name) for each, name in members]
    )


def commit(
    group: str,
    offset: int,
    member_id: str = "",
    generation: int = -1,
    *,
    topics: tuple[str, ...] = (TOPIC,),
    partitions: tuple[int, ...] = (0,),
    **changes: Any,
) -> OffsetCommitRequest:
    metadata = changes.pop("metadata", "m")
    rows = [
        OffsetCommitRequestPartition(partition_index=each, committed_offset=offset, committed_metadata=metadata)
        for each in partitions
    ]
    return OffsetCommitRequest(
        group_id=group,
        member_id=member_id,
        generation_id_or_member_epoch=generation,
        topics=[OffsetCommitRequestTopic(name=topic, partitions=rows) for topic in topics],
        **changes,
    )


def fetch(group: str, topic: str | None = TOPIC, *, stable: bool = False) -> OffsetFetchRequest:
    topics = None if topic is None else [OffsetFetchRequestTopics(name=topic, partition_indexes=[0, 1])]
    return OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id=group, topics=topics)], require_stable=stable)


def old_fetch(group: str, topic: str | None = TOPIC) -> OffsetFetchRequest:
    topics = None if topic is None else [OffsetFetchRequestTopic(name=topic, partition_indexes=[0, 1])]
    return OffsetFetchRequest(group_id=group, topics=topics)


def prepare(wire: Wire, group: str) -> None:
    """Wait until the group has a coordinator that has loaded, and the topic is there."""
    request = CreateTopicsRequest(topics=[CreatableTopic(name=TOPIC, num_partitions=2, replication_factor=1)])
    wire.settle(request, 7, lambda answer: answer.topics[0].error_code in (0, 36))
    find = FindCoordinatorRequest(coordinator_keys=[group])
    wire.settle(find, 4, lambda answer: answer.coordinators[0].error_code not in RETRIABLE)
    wire.settle(fetch(group), 9, lambda answer: answer.groups[0].error_code not in RETRIABLE)
    wire.settle(
        commit(f"{group}-probe", 1), 9, lambda answer: answer.topics[0].partitions[0].error_code not in RETRIABLE
    )


def member(wire: Wire, client: str, group: str, **changes: Any) -> str:
    return str(wire.call(client, join(group, **changes), 9).member_id)


# Scripts


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
    every_version,
    listing_and_deleting,
    a_session_that_ends,
    finding,
]


def transcript(bootstrap: str, script: Callable[[Wire, str], None], group: str) -> list[Any]:
    """What a broker answers to a script."""
    wire = Wire(bootstrap)
    try:
        prepare(wire, group)
        script(wire, group)
    finally:
        wire.close()
    return wire.transcript
