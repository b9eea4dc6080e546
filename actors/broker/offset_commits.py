"""OffsetCommits: what OffsetCommit and TxnOffsetCommit do alike with the topics of a request.

Topics and partitions that don't exist, or may not be read, are refused one by one; the others go to the group's
coordinator. Very many partitions are committed in portions, one after the other (Kafka refuses what doesn't fit into
one batch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from actors.broker.call import PAUSE, Call
from actors.broker.slices import portions
from actors.node.authorizer import READ, topic
from kstore.errors import KafkaError, TopicAuthorizationFailed, UnknownTopicId, UnknownTopicOrPartition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from actors.runtime import Coroutine
    from actors.runtime.coroutine import Eventually
    from kstore.schema.uuids import Uuid


class CommittedPartition(Protocol):
    """A partition of a request."""

    @property
    def partition_index(self) -> int:
        """Its number in the topic."""


class CommittedTopic(Protocol):
    """A topic of a request."""

    @property
    def name(self) -> str:
        """Its name; empty where topics go by id."""

    @property
    def topic_id(self) -> Uuid:
        """Its id; zero where topics go by name."""

    @property
    def partitions(self) -> Sequence[CommittedPartition]:
        """Those whose offsets are committed."""


RequestTopic = TypeVar("RequestTopic", bound=CommittedTopic)
ResponseTopic = TypeVar("ResponseTopic")
ResponsePartition = TypeVar("ResponsePartition")


class OffsetCommits(Generic[RequestTopic, ResponseTopic, ResponsePartition]):
    """One request's. ``topics_by_id`` is the first version that names topics by id; the classes are those of topics in
    requests, of topics in responses and of their partitions.
    """

    def __init__(
        self,
        call: Call,
        topics_by_id: int,
        topic_class: Callable[..., RequestTopic],
        answer_class: Callable[..., ResponseTopic],
        part_class: Callable[..., ResponsePartition],
    ) -> None:
        self._call = call
        self._by_id = call.version >= topics_by_id
        self._topic_class = topic_class
        self._answer_class = answer_class
        self._part_class = part_class
        self._answers: dict[str | Uuid, tuple[RequestTopic, list[ResponsePartition]]] = {}  # by what names the topic

    def answered(
        self, refusal: KafkaError | None, commit: Callable[[list[RequestTopic]], Coroutine]
    ) -> Eventually[list[ResponseTopic]]:
        """The topics of the response; part of a coroutine. ``refusal`` is of the whole request. ``commit`` returns
        the coordinator's response for some topics, or the error that refuses them.
        """
        topics: list[RequestTopic] = self._call.request.topics
        for number, portion in enumerate(portions(topics, lambda each: list(each.partitions))):
            if number:
                yield PAUSE
            if refusal is None:
                yield from self._commit(portion, commit)
            else:
                for each, partitions in portion:
                    self._refuse(self._parts(each), partitions, refusal)
        return [
            self._answer_class(name=each.name, topic_id=each.topic_id, partitions=parts)
            for each, parts in self._answers.values()
        ]

    def _commit(
        self,
        portion: list[tuple[RequestTopic, list[CommittedPartition]]],
        commit: Callable[[list[RequestTopic]], Coroutine],
    ) -> Coroutine:
        accepted: list[RequestTopic] = []
        their_parts: list[list[ResponsePartition]] = []
        for each, partitions in portion:
            parts = self._parts(each)
            known = self._existing(each, partitions, parts)
            if known is not None and known.partitions:
                accepted.append(known)
                their_parts.append(parts)
        if not accepted:
            return
        outcome = yield from commit(accepted)
        if isinstance(outcome, KafkaError):
            for known, parts in zip(accepted, their_parts, strict=True):
                self._refuse(parts, known.partitions, outcome)
        else:
            for found, parts in zip(outcome.topics, their_parts, strict=True):
                parts += found.partitions

    def _parts(self, asked: RequestTopic) -> list[ResponsePartition]:
        """The partitions of a topic in the response, which has each topic once."""
        return self._answers.setdefault(asked.topic_id if self._by_id else asked.name, (asked, []))[1]

    def _existing(
        self, asked: RequestTopic, partitions: list[CommittedPartition], parts: list[ResponsePartition]
    ) -> RequestTopic | None:
        """The part of a topic that exists and may be read; the rest is refused."""
        image = self._call.view.image
        found = image.topic_by_id(asked.topic_id) if self._by_id else image.topic(asked.name)
        if found is None and self._by_id:
            self._refuse(parts, partitions, UnknownTopicId())
            return None
        if not self._call.authorize(READ, topic(asked.name if found is None else found.name)):
            self._refuse(parts, partitions, TopicAuthorizationFailed())
            return None
        if found is None:
            self._refuse(parts, partitions, UnknownTopicOrPartition())
            return None
        unknown = [each for each in partitions if each.partition_index not in found.partitions]
        self._refuse(parts, unknown, UnknownTopicOrPartition())
        known = [each for each in partitions if each.partition_index in found.partitions]
        return self._topic_class(name=found.name, topic_id=found.id, partitions=known)

    def _refuse(
        self, parts: list[ResponsePartition], partitions: Iterable[CommittedPartition], error: KafkaError
    ) -> None:
        parts += [self._part_class(partition_index=each.partition_index, error_code=error.code) for each in partitions]
