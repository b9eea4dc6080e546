"""Group requests in a line each, with what most scripts want as their defaults."""

from __future__ import annotations

from typing import Any

from groups.wire import Wire

from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.leave_group import LeaveGroupRequest, MemberIdentity
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from kstore.schema.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

SESSION_MS = 6_000
TOPIC = "group-orders"
RETRIABLE = {14, 15, 16, 3, 5, 6}


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


def delete_offsets(group: str, *partitions: int, topics: tuple[str, ...] = (TOPIC,)) -> OffsetDeleteRequest:
    wanted = [OffsetDeleteRequestPartition(partition_index=each) for each in partitions]
    return OffsetDeleteRequest(
        group_id=group, topics=[OffsetDeleteRequestTopic(name=name, partitions=wanted) for name in topics]
    )
