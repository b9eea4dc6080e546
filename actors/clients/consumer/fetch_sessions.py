"""A consumer's fetch session with one broker (KIP-227), pure: what to name in the next request, as Kafka's
``FetchSessionHandler`` does.

A full request (epoch 0) names every partition and opens a session; from then on a request names only what is new or
has changed place, and forgets what is gone. An answer that isn't what the session expects closes it: the next request
is a full one. Without sessions every request is full, with epoch -1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from actors.clients.structs import TopicPartition
from kstore.errors.arguments import INT_MAX
from kstore.named import NamedTuple
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ForgottenTopic

NO_SESSION = 0
FULL = 0
WITHOUT = -1


class Wanted(NamedTuple):
    """What is asked of one partition."""

    topic_id: bytes
    offset: int
    leader_epoch: int
    max_bytes: int


class FetchSessionHandler:
    """What one broker knows of what is wanted of it."""

    def __init__(self, *, enabled: bool) -> None:
        self.first_epoch = FULL if enabled else WITHOUT
        self.session_id = NO_SESSION
        self.epoch = self.first_epoch
        self.told: dict[TopicPartition, Wanted] = {}

    @property
    def is_incremental(self) -> bool:
        """Whether the next request names only what has changed."""
        return self.epoch > FULL

    def fill(
        self, request: FetchRequest, wanted: Mapping[TopicPartition, Wanted], changed: Iterable[TopicPartition]
    ) -> None:
        """Put into a FetchRequest what the broker must know to answer for all of ``wanted``, of which nothing differs
        from the last time but what ``changed`` names.
        """
        named: Mapping[TopicPartition, Wanted] = wanted
        gone: dict[tuple[str, bytes], list[int]] = {}
        if not self.is_incremental:
            self.told = dict(wanted)
        else:
            named = {}
            for each in changed:
                told, want = self.told.pop(each, None), wanted.get(each)
                if told is not None and (want is None or want.topic_id != told.topic_id):
                    gone.setdefault((each.topic, told.topic_id), []).append(each.partition)
                if want is not None:
                    self.told[each] = want
                    if want != told:
                        named[each] = want
        request.session_id = self.session_id
        request.session_epoch = self.epoch
        request.topics = topics_of(named)
        request.forgotten_topics_data = [
            ForgottenTopic(topic=topic, topic_id=topic_id, partitions=numbers)
            for (topic, topic_id), numbers in gone.items()
        ]

    def answered(self, error_code: int, session_id: int) -> None:
        """An answer came, with this error of its own, or none (0)."""
        if self.first_epoch == WITHOUT:
            return
        if error_code or session_id == NO_SESSION:
            self.close()
        elif self.epoch == FULL:
            self.session_id, self.epoch = session_id, 1
        else:
            self.epoch = 1 if self.epoch == INT_MAX else self.epoch + 1

    def close(self) -> None:
        """Begin anew with the next request."""
        self.session_id, self.epoch = NO_SESSION, self.first_epoch
        self.told = {}


def topics_of(wanted: Mapping[TopicPartition, Wanted]) -> list[FetchTopic]:
    """The partitions of a request, by topic."""
    topics: dict[str, FetchTopic] = {}
    for (name, number), want in wanted.items():
        topic = topics.get(name)
        if topic is None:
            topic = topics[name] = FetchTopic(topic=name, topic_id=want.topic_id, partitions=[])
        topic.partitions.append(
            FetchPartition(
                partition=number,
                current_leader_epoch=want.leader_epoch,
                fetch_offset=want.offset,
                partition_max_bytes=want.max_bytes,
            )
        )
    return list(topics.values())
