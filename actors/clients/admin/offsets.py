"""Admin calls for offsets: look up those of partitions, delete records below them, list and alter those of groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from actors.clients import arguments
from actors.clients.actor import ClientActor
from actors.clients.admin.asking import (
    PASSING,
    at_coordinator,
    at_coordinators,
    at_leaders,
    by_topic,
    in_rounds,
    outcome_of,
    settled,
)
from actors.clients.admin.descriptions import DeletedRecords, OffsetSpec, OffsetTimestamp
from actors.clients.coroutine import CONSUMER, SendTo
from actors.clients.structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition
from actors.runtime.coroutine import Eventually
from kstore.errors import KafkaError, for_code
from kstore.errors.arguments import shown, text
from kstore.errors.config import ConfigError
from kstore.schema.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
    DeleteRecordsTopic,
)
from kstore.schema.messages.list_offsets import (
    ListOffsetsPartition,
    ListOffsetsRequest,
    ListOffsetsResponse,
    ListOffsetsTopic,
)
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
    OffsetCommitResponse,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponseGroup,
)

if TYPE_CHECKING:
    from kstore.schema.struct import Message

ISOLATION = {"read_uncommitted": 0, "read_committed": 1}

Committed = dict[TopicPartition, OffsetAndMetadata]
GroupSpecs = str | Iterable[str] | Mapping[str, Sequence[TopicPartition] | None]


def check_isolation(name: str, level: str) -> None:
    """Raise ``ConfigError`` for what is no isolation level."""
    if level not in tuple(ISOLATION):
        raise ConfigError(f"{name} is one of {', '.join(ISOLATION)}; got {shown(level)}")


def asked_for(name: str, given: GroupSpecs) -> dict[str, list[TopicPartition] | None]:
    """The groups that are meant, and which of their partitions (None: all), however they are given."""
    if isinstance(given, str):
        given = [given]
    specs = given if isinstance(given, Mapping) else dict.fromkeys(arguments.names(name, given))
    return {
        text(f"each group of {name}", group): None if each is None else arguments.partitions(name, each)
        for group, each in specs.items()
    }


def find(
    actor: ClientActor, specs: Mapping[TopicPartition, int], isolation_level: str
) -> Eventually[dict[TopicPartition, OffsetAndTimestamp]]:
    """The offsets of times, or of the positions of ``OffsetSpec``, by partition."""

    def request(asked: list[TopicPartition]) -> ListOffsetsRequest:
        topics = [
            ListOffsetsTopic(
                name=name,
                partitions=[
                    ListOffsetsPartition(partition_index=each.partition, timestamp=specs[each]) for each in partitions
                ],
            )
            for name, partitions in by_topic(asked).items()
        ]
        return ListOffsetsRequest(replica_id=CONSUMER, isolation_level=ISOLATION[isolation_level], topics=topics)

    def outcomes(answer: ListOffsetsResponse) -> Iterable[tuple[TopicPartition, OffsetAndTimestamp | KafkaError]]:
        for topic in answer.topics:
            for each in topic.partitions:
                found = OffsetAndTimestamp(each.offset, each.timestamp, each.leader_epoch)
                yield TopicPartition(topic.name, each.partition_index), outcome_of(each.error_code, found)

    def one_round(
        left: list[TopicPartition],
    ) -> Eventually[Mapping[TopicPartition, OffsetAndTimestamp | KafkaError]]:
        return (yield from at_leaders(actor, left, request, outcomes))

    return (yield from in_rounds(actor, specs, one_round))


def delete_records(
    actor: ClientActor, offsets: Mapping[TopicPartition, int], timeout_ms: int
) -> Eventually[dict[TopicPartition, DeletedRecords]]:
    """Let partitions begin at these offsets."""

    def request(asked: list[TopicPartition]) -> DeleteRecordsRequest:
        topics = [
            DeleteRecordsTopic(
                name=name,
                partitions=[
                    DeleteRecordsPartition(partition_index=each.partition, offset=offsets[each]) for each in partitions
                ],
            )
            for name, partitions in by_topic(asked).items()
        ]
        return DeleteRecordsRequest(topics=topics, timeout_ms=timeout_ms)

    def outcomes(answer: DeleteRecordsResponse) -> Iterable[tuple[TopicPartition, DeletedRecords | KafkaError]]:
        for topic in answer.topics:
            for each in topic.partitions:
                found = outcome_of(each.error_code, DeletedRecords(each.low_watermark))
                yield TopicPartition(topic.name, each.partition_index), found

    def one_round(left: list[TopicPartition]) -> Eventually[Mapping[TopicPartition, DeletedRecords | KafkaError]]:
        return (yield from at_leaders(actor, left, request, outcomes))

    return (yield from in_rounds(actor, offsets, one_round))


def committed(
    actor: ClientActor, wanted: Mapping[str, Sequence[TopicPartition] | None], require_stable: bool
) -> Eventually[dict[str, Committed]]:
    """What groups have committed; of a partition without, nothing. With ``require_stable`` a transaction that may
    commit an offset is waited for.
    """

    def ask(node_id: int, groups: list[str]) -> Eventually[Mapping[str, Committed | KafkaError]]:
        asked = [OffsetFetchRequestGroup(group_id=each, topics=_fetched_topics(wanted[each])) for each in groups]
        answer = yield SendTo(node_id, OffsetFetchRequest(groups=asked, require_stable=require_stable))
        if isinstance(answer, KafkaError):
            return dict.fromkeys(groups, answer)
        return {each.group_id: _committed(each) for each in answer.groups}

    def one_round(left: list[str]) -> Eventually[Mapping[str, Committed | KafkaError]]:
        return (yield from at_coordinators(actor, left, ask))

    return (yield from in_rounds(actor, wanted, one_round))


def _fetched_topics(partitions: Sequence[TopicPartition] | None) -> list[OffsetFetchRequestTopics] | None:
    if partitions is None:
        return None
    return [
        OffsetFetchRequestTopics(name=name, partition_indexes=[each.partition for each in named])
        for name, named in by_topic(partitions).items()
    ]


def _committed(group: OffsetFetchResponseGroup) -> Committed | KafkaError:
    if group.error_code:
        return for_code(group.error_code)
    found: Committed = {}
    for topic in group.topics:
        for each in topic.partitions:
            if each.error_code:
                return for_code(each.error_code, f"{topic.name}-{each.partition_index}")
            if each.committed_offset >= 0:
                found[TopicPartition(topic.name, each.partition_index)] = OffsetAndMetadata(
                    each.committed_offset, each.metadata or "", each.committed_leader_epoch
                )
    return found


def commit(actor: ClientActor, group_id: str, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> Eventually[None]:
    """Commit offsets for a group that has no members."""
    topics = [
        OffsetCommitRequestTopic(
            name=name,
            partitions=[
                OffsetCommitRequestPartition(
                    partition_index=each.partition,
                    committed_offset=offsets[each].offset,
                    committed_leader_epoch=offsets[each].leader_epoch,
                    committed_metadata=offsets[each].metadata,
                )
                for each in partitions
            ],
        )
        for name, partitions in by_topic(offsets).items()
    ]
    yield from _of_partitions(actor, group_id, OffsetCommitRequest(group_id=group_id, topics=topics), list(offsets))


def forget(actor: ClientActor, group_id: str, partitions: Sequence[TopicPartition]) -> Eventually[None]:
    """Delete what a group has committed for some partitions."""
    topics = [
        OffsetDeleteRequestTopic(
            name=name, partitions=[OffsetDeleteRequestPartition(partition_index=each.partition) for each in named]
        )
        for name, named in by_topic(partitions).items()
    ]
    request = OffsetDeleteRequest(group_id=group_id, topics=topics)
    yield from _of_partitions(actor, group_id, request, list(partitions))


def _of_partitions(
    actor: ClientActor, group_id: str, request: Message, wanted: list[TopicPartition]
) -> Eventually[None]:
    """Ask a coordinator for something that each partition has a code for in the answer."""

    def judge(
        answer: OffsetCommitResponse | OffsetDeleteResponse,
    ) -> dict[TopicPartition, KafkaError] | KafkaError:
        if isinstance(answer, OffsetDeleteResponse) and answer.error_code:
            return for_code(answer.error_code)
        failed = {
            TopicPartition(topic.name, each.partition_index): for_code(each.error_code)
            for topic in answer.topics
            for each in topic.partitions
            if each.error_code
        }
        return next((error for error in failed.values() if isinstance(error, PASSING)), failed)

    failed = yield from at_coordinator(actor, group_id, request, judge)
    settled(wanted, {each: None for each in wanted if each not in failed}, failed)


def reset(actor: ClientActor, group_id: str, specs: Mapping[TopicPartition, int]) -> Eventually[Committed]:
    """Commit offsets, or those of positions or times, each brought into what its partition holds; one of a time that
    nothing came after is the end.
    """
    first = yield from find(actor, dict.fromkeys(specs, OffsetSpec.EARLIEST), "read_uncommitted")
    last = yield from find(actor, dict.fromkeys(specs, OffsetSpec.LATEST), "read_uncommitted")
    sought = {each: spec for each, spec in specs.items() if spec < 0 or isinstance(spec, OffsetTimestamp)}
    found = yield from find(actor, sought, "read_uncommitted")
    offsets: Committed = {}
    for each, spec in specs.items():
        offset = found[each].offset if each in found else spec
        if offset < 0:
            offset = last[each].offset
        offsets[each] = OffsetAndMetadata(min(max(offset, first[each].offset), last[each].offset))
    yield from commit(actor, group_id, offsets)
    return offsets
