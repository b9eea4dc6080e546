"""OffsetCommit, OffsetFetch and OffsetDelete of a group."""

from collections.abc import Iterable

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.groups.appends import AppendResponse, GroupAppends
from actors.groups.group_interface import Group
from actors.groups.offsets import OffsetKey, OffsetStore
from actors.groups.records import CommittedOffset, OffsetRecord
from actors.groups.settings import GroupSettings
from kstore import errors
from kstore.schema.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
)
from kstore.schema.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteResponsePartition,
    OffsetDeleteResponseTopic,
)
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequestGroup,
    OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics,
)
from kstore.schema.uuids import ZERO

NO_OFFSET = -1

FOREVER_MS = 2**63 - 1
"""The last time that a record can name: an offset whose client wants it kept for longer is kept until then."""


class OffsetRequests:
    """Answers OffsetCommit, OffsetFetch and OffsetDelete for groups of every kind."""

    def __init__(self, offsets: OffsetStore, appends: GroupAppends, settings: GroupSettings) -> None:
        self._offsets = offsets
        self._appends = appends
        self._settings = settings

    def commit(self, group: Group, request: OffsetCommitRequest, caller: Caller, event: Event) -> None:
        """The group has checked the request; topics have their names and ids."""
        response = OffsetCommitResponse()
        records: list[OffsetRecord] = []
        bytes_max = self._settings.offset_metadata_max_bytes
        expires_at_ms = _expires_at_ms(request, event.now_ms)
        for topic in request.topics:
            answers: list[OffsetCommitResponsePartition] = []
            for partition in topic.partitions:
                index, metadata = partition.partition_index, partition.committed_metadata or ""
                if len(metadata) > bytes_max:
                    code = errors.OffsetMetadataTooLarge.code
                    answers.append(OffsetCommitResponsePartition(partition_index=index, error_code=code))
                    continue
                committed = CommittedOffset(
                    partition.committed_offset,
                    partition.committed_leader_epoch,
                    metadata,
                    event.now_ms,
                    expires_at_ms,
                    topic.topic_id,
                )
                records.append(OffsetRecord(group.group_id, topic.name, index, committed))
                answers.append(OffsetCommitResponsePartition(partition_index=index))
            answer = OffsetCommitResponseTopic(name=topic.name, topic_id=topic.topic_id, partitions=answers)
            response.topics.append(answer)
        if records:
            self._appends.begin(records, event, answer=AppendResponse(caller.reply, response))
        else:
            event.respond(caller.reply, response)

    def fetch(self, request: OffsetFetchRequestGroup, *, is_stable: bool = False) -> OffsetFetchResponseGroup:
        """What is committed for the partitions asked for, or for all if none are named. With ``is_stable``, nothing is
        told of a partition for which an open transaction has an offset.
        """
        if request.topics is None:
            topics = [
                (topic, ZERO, list(partitions))
                for topic, partitions in self._offsets.of_group(request.group_id).items()
            ]
        else:
            topics = [(topic.name, topic.topic_id, topic.partition_indexes) for topic in request.topics]
        return OffsetFetchResponseGroup(
            group_id=request.group_id,
            topics=[
                OffsetFetchResponseTopics(
                    name=name,
                    topic_id=topic_id,
                    partitions=[
                        self._fetched(OffsetKey(request.group_id, name, each), topic_id, is_stable=is_stable)
                        for each in partitions
                    ],
                )
                for name, topic_id, partitions in topics
            ],
        )

    def _fetched(self, key: OffsetKey, topic_id: bytes, *, is_stable: bool) -> OffsetFetchResponsePartitions:
        if is_stable and self._offsets.open.has(key.group_id, (key.topic, key.partition)):
            return OffsetFetchResponsePartitions(
                partition_index=key.partition,
                committed_offset=NO_OFFSET,
                committed_leader_epoch=-1,
                metadata="",
                error_code=errors.UnstableOffsetCommit.code,
            )
        committed = self._offsets.get(key)
        if committed is None or _is_of_another_topic(committed, topic_id):
            return OffsetFetchResponsePartitions(
                partition_index=key.partition, committed_offset=NO_OFFSET, committed_leader_epoch=-1, metadata=""
            )
        return OffsetFetchResponsePartitions(
            partition_index=key.partition,
            committed_offset=committed.offset,
            committed_leader_epoch=committed.leader_epoch,
            metadata=committed.metadata,
        )

    def delete(self, group: Group, request: OffsetDeleteRequest, caller: Caller, event: Event) -> None:
        """Delete the offsets that are asked for, except those of topics that are read; the group was checked."""
        read = group.topics_read(topic.name for topic in request.topics)
        response = OffsetDeleteResponse()
        keys: list[OffsetKey] = []
        for topic in request.topics:
            is_read = topic.name in read
            code = errors.GroupSubscribedToTopic.code if is_read else errors.NONE
            wanted = [OffsetKey(group.group_id, topic.name, each.partition_index) for each in topic.partitions]
            keys += [] if is_read else [key for key in wanted if self._is_known(key)]
            answers = [
                OffsetDeleteResponsePartition(partition_index=each.partition_index, error_code=code)
                for each in topic.partitions
            ]
            response.topics.append(OffsetDeleteResponseTopic(name=topic.name, partitions=answers))
        if keys:
            records = tombstones(dict.fromkeys(keys))
            self._appends.begin(records, event, answer=AppendResponse(caller.reply, response))
        else:
            event.respond(caller.reply, response)

    def _is_known(self, key: OffsetKey) -> bool:
        return self._offsets.get(key) is not None or self._offsets.is_under_way(key)


def tombstones(keys: Iterable[OffsetKey]) -> list[OffsetRecord]:
    return [OffsetRecord(key.group_id, key.topic, key.partition, None) for key in keys]


def _expires_at_ms(request: OffsetCommitRequest, now_ms: int) -> int:
    """As a record has it: -1 unless the client asked for a retention of its own."""
    return -1 if request.retention_time_ms < 0 else min(now_ms + request.retention_time_ms, FOREVER_MS)


def _is_of_another_topic(committed: CommittedOffset, topic_id: bytes) -> bool:
    """Whether the offset belongs to an earlier topic of the same name."""
    return ZERO not in (committed.topic_id, topic_id) and committed.topic_id != topic_id
