"""The small values that users of the clients give and get, under kafka-python's names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from kstore.named import NamedTuple, checked


@checked
class TopicPartition(NamedTuple):
    """One partition of a topic.

    >>> str(TopicPartition("orders", 0))
    'orders-0'
    """

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@checked
class OffsetAndMetadata(NamedTuple):
    """A committed position: the offset of the next record to read, a text of the user's own, and the leader epoch of
    the last record read (-1: not known; KIP-320).
    """

    offset: int
    metadata: str = ""
    leader_epoch: int = -1


@checked
class OffsetAndTimestamp(NamedTuple):
    """What a look-up by time found: the first record whose timestamp (ms since 1970) is not earlier."""

    offset: int
    timestamp: int
    leader_epoch: int = -1


@checked
class RecordMetadata(NamedTuple):
    """Where a record was put. ``offset`` is -1 with ``acks=0``; ``timestamp`` is in ms since 1970: the record's own, or
    the broker's for a topic of LogAppendTime. Sizes are in bytes after serialization, -1 for None.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    serialized_key_size: int = -1
    serialized_value_size: int = -1


@checked
class SentRange(NamedTuple):
    """Where some records of a ``send_many`` were put, side by side: so many ``records`` from ``offset`` on (-1 with
    ``acks=0``).
    """

    topic: str
    partition: int
    offset: int
    records: int


@checked
class GroupMetadata(NamedTuple):
    """Who a consumer is in its group: ``Consumer.group_metadata()``, for ``Producer.send_offsets_to_transaction``. A
    consumer that reads partitions by hand has generation -1 and no member id.
    """

    group_id: str
    generation_id: int = -1
    member_id: str = ""
    group_instance_id: str | None = None


@checked
class NewTopic(NamedTuple):
    """A topic to be made; -1 takes the broker's default. ``replica_assignments`` gives brokers by partition, instead of
    the two numbers.
    """

    name: str
    num_partitions: int = -1
    replication_factor: int = -1
    replica_assignments: Mapping[int, Sequence[int]] | None = None
    topic_configs: Mapping[str, str] | None = None


@checked
class NewPartitions(NamedTuple):
    """To how many partitions a topic is to grow; ``new_assignments`` gives the brokers of each new one."""

    total_count: int
    new_assignments: Sequence[Sequence[int]] | None = None


@checked
class SubscriptionPattern(NamedTuple):
    """A regular expression in RE2's syntax that the broker matches with whole names of topics, also of those that come
    later; for ``Consumer.subscribe`` with ``group_protocol="consumer"`` (KIP-848).
    """

    pattern: str


class ConsumerRebalanceListener:
    """Told of a consumer's partitions as they come and go, inside its own ``poll()``; all may commit and seek.

    Subclass it and override what matters. As in Java: revoked before partitions go to others, assigned after new ones
    have come, lost instead of revoked when another member has them already.
    """

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """These are about to be given away: the last moment to commit what was done with them."""

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """These are the consumer's from now on."""

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        """These were taken without asking; by default as if they were revoked."""
        self.on_partitions_revoked(lost)
