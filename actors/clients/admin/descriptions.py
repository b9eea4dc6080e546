"""The values that the calls of Admin return: topics, configs, groups, transactions, brokers and offsets.

Ids of topics are the 22 characters that Kafka prints. An offset, an epoch or a broker that there is none of is -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from actors.clients.structs import TopicPartition
from kstore.errors import KafkaError
from kstore.errors.arguments import offset
from kstore.named import NamedTuple, checked

TOPIC, BROKER = "topic", "broker"
RESOURCE_TYPES: Mapping[str, int] = {TOPIC: 2, BROKER: 4, "broker_logger": 8, "client_metrics": 16, "group": 32}
"""Kafka's numbers for the kinds of things that have configs."""

CONFIG_SOURCES = (
    "UNKNOWN",
    "DYNAMIC_TOPIC_CONFIG",
    "DYNAMIC_BROKER_CONFIG",
    "DYNAMIC_DEFAULT_BROKER_CONFIG",
    "STATIC_BROKER_CONFIG",
    "DEFAULT_CONFIG",
    "DYNAMIC_BROKER_LOGGER_CONFIG",
    "DYNAMIC_CLIENT_METRICS_CONFIG",
    "DYNAMIC_GROUP_CONFIG",
)
"""Where a value comes from, by Kafka's numbers."""

CONFIG_TYPES = ("UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD")
TRANSACTION_STATES = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
)
"""The states of a transactional id, as brokers name them."""

UNSET_SOURCES = ("DEFAULT_CONFIG", "STATIC_BROKER_CONFIG", "DYNAMIC_DEFAULT_BROKER_CONFIG")
"""Sources of a value that nobody gave this very topic or broker through the cluster."""


class Node(NamedTuple):
    """A broker, and where it is reached; ``fenced`` when the controller doesn't count on it."""

    id: int
    host: str
    port: int
    rack: str | None = None
    fenced: bool = False


class ClusterDescription(NamedTuple):
    """A cluster: its id, the broker to ask for its controller, and its brokers by rising id."""

    cluster_id: str | None
    controller_id: int
    nodes: tuple[Node, ...]


class QuorumReplica(NamedTuple):
    """A node's copy of the metadata log: how far it goes, and when (ms since 1970; None: not known) it was last fetched
    for and last had all that there was. ``directory_id`` is the id of its folder; None where voters go by their ids
    alone.
    """

    replica_id: int
    directory_id: str | None
    log_end_offset: int
    last_fetch_timestamp: int | None
    last_caught_up_timestamp: int | None


class QuorumDescription(NamedTuple):
    """The quorum of the metadata log: its leader, the epoch it leads in, what is committed, the voters and others."""

    leader_id: int
    leader_epoch: int
    high_watermark: int
    voters: tuple[QuorumReplica, ...]
    observers: tuple[QuorumReplica, ...]


class FeatureDescription(NamedTuple):
    """Features by name: the lowest and highest level that the broker supports, the lowest and highest that the cluster
    has agreed on, and the epoch (an offset of the metadata log) as of which it has; None when that isn't known.
    """

    supported_features: Mapping[str, tuple[int, int]]
    finalized_features: Mapping[str, tuple[int, int]]
    finalized_features_epoch: int | None


class ReplicaSize(NamedTuple):
    """What a replica takes on a broker's disk, in bytes, and how many records it lacks to the high watermark (-1: its
    broker can't tell); ``is_future`` while it is copied into another log directory, whose replica it will be.
    """

    size_bytes: int
    offset_lag: int
    is_future: bool = False


class LogDirDescription(NamedTuple):
    """A log directory of a broker: its path, what is wrong with it (None: nothing), its replicas by partition, all the
    room on its disk and what is left of it, in bytes (None: not known), and whether new replicas are kept off it.
    """

    log_dir: str
    error: KafkaError | None
    replicas: Mapping[TopicPartition, ReplicaSize]
    total_bytes: int | None = None
    usable_bytes: int | None = None
    is_cordoned: bool = False


class PartitionDescription(NamedTuple):
    """One partition: the ids of its leader, its replicas (the preferred leader first), those in sync, those away."""

    partition: int
    leader: int
    leader_epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    offline_replicas: tuple[int, ...] = ()


class TopicDescription(NamedTuple):
    """A topic; ``is_internal`` for Kafka's own."""

    name: str
    topic_id: str
    is_internal: bool
    partitions: tuple[PartitionDescription, ...]


class CreatedTopic(NamedTuple):
    """A topic that was made (or could be, with ``validate_only``), and its configs by name."""

    name: str
    topic_id: str
    num_partitions: int
    replication_factor: int
    configs: Mapping[str, ConfigEntry]


@checked
class ConfigResource(NamedTuple):
    """Something that has configs: ``ConfigResource("topic", "orders")``, ``ConfigResource("broker", "1")``, or with an
    empty name all brokers; ``"group"``, ``"client_metrics"`` and ``"broker_logger"`` are the other types.

    ``configs`` are what it is about: the names to describe or reset (None: all), or the values to set, by name; a value
    may be a pair of an operation ("set", "delete", "append" or "subtract") and its text.
    """

    resource_type: str
    name: str
    configs: Mapping[str, object] | Sequence[str] | None = None


class ConfigSynonym(NamedTuple):
    """A value that a config would have if no better source gave one, and the name of the key that gives it."""

    name: str
    value: str | None
    source: str


class ConfigEntry(NamedTuple):
    """A config's value as text (None when it is unset or secret), and its source, one of ``CONFIG_SOURCES``.

    ``documentation`` is there if it was asked for and the broker has some.
    """

    name: str
    value: str | None
    source: str
    is_read_only: bool = False
    is_sensitive: bool = False
    type: str = "UNKNOWN"
    synonyms: tuple[ConfigSynonym, ...] = ()
    documentation: str | None = None

    @property
    def is_default(self) -> bool:
        """Whether nobody has set it anywhere."""
        return self.source == "DEFAULT_CONFIG"


class GroupListing(NamedTuple):
    """A group as a list of groups shows it; ``coordinator`` is the broker that told of it."""

    group_id: str
    protocol_type: str
    state: str
    type: str
    coordinator: int


class MemberDescription(NamedTuple):
    """A member of a group: what it subscribes to by name and by regular expression, and its partitions; all are empty
    for groups that aren't of consumers.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    topics: tuple[str, ...]
    assignment: tuple[TopicPartition, ...]
    subscribed_topic_regex: str


class GroupDescription(NamedTuple):
    """A group of the type ``classic`` or ``consumer``. ``state`` is Empty or Stable, of a classic group also
    PreparingRebalance or CompletingRebalance, of a consumer group Assigning or Reconciling; ``protocol`` the assignor
    that its members agreed on.
    """

    group_id: str
    state: str
    protocol_type: str
    protocol: str
    coordinator: int
    members: tuple[MemberDescription, ...]
    type: str


@checked
class MemberToRemove(NamedTuple):
    """A member that is to leave, by its id or, if it is static, by its instance id."""

    member_id: str = ""
    group_instance_id: str | None = None
    reason: str | None = None


class TransactionListing(NamedTuple):
    """A transactional id as a list shows it: the id of its producer, its state (one of ``TRANSACTION_STATES``), and the
    broker that coordinates it.
    """

    transactional_id: str
    producer_id: int
    state: str
    coordinator: int


class TransactionDescription(NamedTuple):
    """A transactional id. ``state`` is one of ``TRANSACTION_STATES``; how long a transaction may take, and when one
    began (in ms since 1970; None: none has), and the partitions that belong to it. While it is completed, these are
    the partitions that still wait for their markers.
    """

    coordinator: int
    state: str
    producer_id: int
    producer_epoch: int
    transaction_timeout_ms: int
    transaction_start_time_ms: int | None
    topic_partitions: tuple[TopicPartition, ...]


class ProducerState(NamedTuple):
    """What a partition knows of a producer with an id: the sequence number and the time (in ms since 1970) of its last
    record, the epoch of the coordinator that wrote its last marker, and the offset at which its open transaction
    begins. What there is none of is -1.
    """

    producer_id: int
    producer_epoch: int
    last_sequence: int
    last_timestamp: int
    coordinator_epoch: int
    current_transaction_start_offset: int

    @property
    def is_in_transaction(self) -> bool:
        """Whether the producer has a transaction open in the partition."""
        return self.current_transaction_start_offset >= 0


class HangingTransaction(NamedTuple):
    """A transaction that is open in a partition, and that no coordinator will end; and whose it is."""

    topic_partition: TopicPartition
    producer: ProducerState


@checked
class AbortTransactionSpec(NamedTuple):
    """A transaction to be aborted in one partition, by its producer's id and epoch. ``coordinator_epoch`` is that of
    the producer's last marker there, 0 if there is none.
    """

    topic_partition: TopicPartition
    producer_id: int
    producer_epoch: int
    coordinator_epoch: int = 0

    @classmethod
    def of(cls, topic_partition: TopicPartition, producer: ProducerState) -> Self:
        """The transaction that a producer has open in a partition, as ``describe_producers`` tells of it."""
        epoch = max(0, producer.coordinator_epoch)
        return cls(topic_partition, producer.producer_id, producer.producer_epoch, epoch)


class FencedProducer(NamedTuple):
    """A transactional id whose producers are fenced: the id and epoch that it has now, newer than theirs."""

    producer_id: int
    producer_epoch: int


class DeletedRecords(NamedTuple):
    """Where a partition begins now."""

    low_watermark: int


class OffsetSpec:
    """Which offset of a partition is meant, where no time is (ms since 1970): the special timestamps of ListOffsets."""

    LATEST = -1
    EARLIEST = -2
    MAX_TIMESTAMP = -3


class OffsetTimestamp(int):
    """A time in ms since 1970, where a plain number would be an offset."""

    def __new__(cls, time_ms: int) -> Self:
        """It is a whole number, at least 0."""
        return super().__new__(cls, offset("time_ms", time_ms))
