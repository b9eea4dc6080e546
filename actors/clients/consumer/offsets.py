"""Looks up offsets: those that a group has committed, and where logs begin and end.

Errors are told apart as the Java client's ``ConsumerCoordinator`` and ``OffsetFetcher`` do: transient ones are tried
again after the coordinator or the leader was looked up anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from actors.clients.coroutine import CONSUMER, COORDINATOR, SendTo
from actors.clients.structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition
from actors.clients.versions import OFFSET_FETCH_BY_ID
from actors.clients.view import NO_ID
from actors.runtime.coroutine import Eventually
from kstore.errors import (
    CoordinatorNotAvailable,
    KafkaError,
    NotCoordinator,
    RequestTimedOut,
    StaleMemberEpoch,
    UnknownMemberId,
    UnknownTopicId,
    UnknownTopicOrPartition,
    for_code,
)
from kstore.named import NamedTuple
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopics,
    OffsetFetchResponseGroup,
)

if TYPE_CHECKING:
    from actors.clients.actor import ClientActor

LATEST_TIMESTAMP = -1
EARLIEST_TIMESTAMP = -2
COORDINATOR_ELSEWHERE = frozenset({CoordinatorNotAvailable.code, NotCoordinator.code, RequestTimedOut.code})
NOT_THAT_MEMBER = StaleMemberEpoch, UnknownMemberId  # it has another epoch soon, or is no member


class Listed(NamedTuple):
    """What a leader said of an offset: -1 with a timestamp of -1 when no record is that late."""

    offset: int
    timestamp: int
    leader_epoch: int


ISOLATION_LEVELS = {"read_uncommitted": 0, "read_committed": 1}
"""Their numbers in requests."""


class OffsetLookups:
    """Look-ups of one consumer; of what ``group`` has committed. To a reader of committed records (an isolation level
    of 1) a log ends at its last stable offset. ``identity()`` is the member id and epoch to ask with, or None and -1.
    """

    def __init__(
        self, actor: ClientActor, group: str, isolation_level: int, identity: Callable[[], tuple[str | None, int]]
    ) -> None:
        self.actor = actor
        self.group = group
        self.isolation_level = isolation_level
        self._identity = identity

    def committed(
        self, partitions: Collection[TopicPartition]
    ) -> Eventually[dict[TopicPartition, OffsetAndMetadata | None]]:
        """What the group committed last for each of these."""
        actor = self.actor
        group = self.group
        attempt = 0
        while True:
            node = yield from actor.coordinator(group)
            asked_by = self._identity()
            ids = actor.view.ids_of(dict.fromkeys(each.topic for each in partitions))
            request = self._committed_request(group, partitions, ids, *asked_by)
            versions = OFFSET_FETCH_BY_ID if ids else None
            answer = yield SendTo(node, request, purpose=COORDINATOR, versions=versions)
            if isinstance(answer, KafkaError):
                error: KafkaError | None = answer
            elif code := answer.groups[0].error_code:
                error = for_code(code)
            else:
                found, error = self._committed_in(answer.groups[0], partitions, ids)
                if error is None:
                    return found
            assert error is not None
            if error.code in COORDINATOR_ELSEWHERE:
                actor.forget_coordinator(group)
            if isinstance(error, UnknownTopicId):  # a topic was deleted, and maybe made again
                actor.mistrust_view()
            if not error.retriable and not (asked_by[0] is not None and isinstance(error, NOT_THAT_MEMBER)):
                raise error
            yield actor.backoff(attempt)
            attempt += 1

    @staticmethod
    def _committed_request(
        group: str,
        partitions: Collection[TopicPartition],
        ids: Mapping[str, bytes],
        member_id: str | None,
        epoch: int,
    ) -> OffsetFetchRequest:
        topics: dict[str, list[int]] = {}
        for partition in partitions:
            topics.setdefault(partition.topic, []).append(partition.partition)
        asked = [
            OffsetFetchRequestTopics(name=name, topic_id=ids.get(name, NO_ID), partition_indexes=numbers)
            for name, numbers in topics.items()
        ]
        of_group = OffsetFetchRequestGroup(group_id=group, member_id=member_id, member_epoch=epoch, topics=asked)
        return OffsetFetchRequest(groups=[of_group], require_stable=True)

    @staticmethod
    def _committed_in(
        group: OffsetFetchResponseGroup, partitions: Collection[TopicPartition], ids: Mapping[str, bytes]
    ) -> tuple[dict[TopicPartition, OffsetAndMetadata | None], KafkaError | None]:
        found: dict[TopicPartition, OffsetAndMetadata | None] = dict.fromkeys(partitions)
        names = {topic_id: name for name, topic_id in ids.items()}
        for topic in group.topics:
            name = topic.name or names.get(bytes(topic.topic_id), "")
            for each in topic.partitions:
                if each.error_code:
                    error = for_code(each.error_code, f"{name}-{each.partition_index}")
                    if isinstance(error, UnknownTopicOrPartition):  # retriable elsewhere, but not here, as in Java
                        raise KafkaError(f"there is no partition {name}-{each.partition_index}")
                    return found, error
                if each.committed_offset >= 0:
                    found[TopicPartition(name, each.partition_index)] = OffsetAndMetadata(
                        each.committed_offset, each.metadata or "", each.committed_leader_epoch
                    )
        return found, None

    def listed(self, timestamps: Mapping[TopicPartition, int]) -> Eventually[dict[TopicPartition, Listed]]:
        """The first offset of each partition whose record is not earlier than a timestamp; -2 for the log's first
        offset, -1 for the offset after the last committed record.
        """
        found: dict[TopicPartition, Listed] = {}
        attempt = 0
        while True:
            left = {each: when for each, when in timestamps.items() if each not in found}
            if not left:
                return found
            if attempt:
                yield self.actor.backoff(attempt - 1)
                yield from self.actor.metadata.refresh([each.topic for each in left])
            found |= yield from self.list_once(left)
            attempt += 1

    def beginnings(self, partitions: Collection[TopicPartition]) -> Eventually[dict[TopicPartition, int]]:
        """The first offset of each partition."""
        return (yield from self._found(dict.fromkeys(partitions, EARLIEST_TIMESTAMP)))

    def ends(self, partitions: Collection[TopicPartition]) -> Eventually[dict[TopicPartition, int]]:
        """The offset behind the last record of each partition that may be read."""
        return (yield from self._found(dict.fromkeys(partitions, LATEST_TIMESTAMP)))

    def _found(self, wanted: Mapping[TopicPartition, int]) -> Eventually[dict[TopicPartition, int]]:
        found = yield from self.listed(wanted)
        return {each: found[each].offset for each in wanted}

    def at_times(
        self, timestamps: Mapping[TopicPartition, int]
    ) -> Eventually[dict[TopicPartition, OffsetAndTimestamp | None]]:
        """The first record that isn't earlier than a time, of each partition."""
        found = yield from self.listed(timestamps)
        return {each: OffsetAndTimestamp(*found[each]) if found[each].offset >= 0 else None for each in timestamps}

    def list_once(self, timestamps: Mapping[TopicPartition, int]) -> Eventually[dict[TopicPartition, Listed]]:
        """What can be had by asking each leader once; a partition without one doesn't hold up the others."""
        by_leader: dict[int, dict[TopicPartition, int]] = {}
        unknown = dict.fromkeys(each.topic for each in timestamps if self.actor.view.partition(*each) is None)
        if unknown:
            yield from self.actor.metadata.learn(unknown)
        for partition, when in timestamps.items():
            known = self.actor.view.partition(*partition)
            if known is not None and known.leader >= 0:
                by_leader.setdefault(known.leader, {})[partition] = when
            else:
                self._check_topic(partition.topic)
        answers = yield [SendTo(leader, self._list_request(wanted)) for leader, wanted in by_leader.items()]
        found: dict[TopicPartition, Listed] = {}
        for answer in answers:
            if isinstance(answer, KafkaError):
                if not answer.retriable:
                    raise answer
                continue
            for topic in answer.topics:
                for each in topic.partitions:
                    partition = TopicPartition(topic.name, each.partition_index)
                    if each.error_code == 0:
                        found[partition] = Listed(each.offset, each.timestamp, each.leader_epoch)
                    elif not (error := for_code(each.error_code, str(partition))).retriable:
                        raise error
        return found

    def _check_topic(self, name: str) -> None:
        """Raise the error of a topic that won't be there later either."""
        topic = self.actor.view.topics.get(name)
        if topic is not None and topic.error_code and not for_code(topic.error_code).retriable:
            raise for_code(topic.error_code, name)

    def _list_request(self, wanted: Mapping[TopicPartition, int]) -> ListOffsetsRequest:
        topics: dict[str, ListOffsetsTopic] = {}
        for partition, when in wanted.items():
            topic = topics.setdefault(partition.topic, ListOffsetsTopic(name=partition.topic, partitions=[]))
            known = self.actor.view.partition(*partition)
            topic.partitions.append(
                ListOffsetsPartition(
                    partition_index=partition.partition,
                    current_leader_epoch=-1 if known is None else known.leader_epoch,
                    timestamp=when,
                )
            )
        return ListOffsetsRequest(
            replica_id=CONSUMER, isolation_level=self.isolation_level, topics=list(topics.values())
        )
