"""The admin client as its user has it: kafka-python's methods, each one call that returns when it is done.

A call about one thing raises that thing's error; a call about several raises ``SeveralFailed``, which has every error
and every result, when not all worked out. What is transient is tried again until ``default_api_timeout_ms`` (or
the call's own ``timeout_ms``) is over, which is a ``KafkaTimeout``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from actors.clients import arguments
from actors.clients.actor import ClientActor
from actors.clients.admin import cluster, configs, elections, groups, log_dirs, offsets, quorum, topics, transactions
from actors.clients.admin.descriptions import (
    AbortTransactionSpec,
    ClusterDescription,
    ConfigEntry,
    ConfigResource,
    CreatedTopic,
    DeletedRecords,
    FeatureDescription,
    FencedProducer,
    GroupDescription,
    GroupListing,
    HangingTransaction,
    LogDirDescription,
    MemberToRemove,
    OffsetSpec,
    ProducerState,
    QuorumDescription,
    TopicDescription,
    TransactionDescription,
    TransactionListing,
)
from actors.clients.client import Client, tcp_transport
from actors.clients.keywords.table import AdminConfig
from actors.clients.structs import OffsetAndMetadata, OffsetAndTimestamp, TopicPartition
from actors.runtime.coroutine import Eventually
from actors.runtime.signals import in_one_piece
from kstore.errors.arguments import INT_MAX, LONG_MAX, milliseconds, text, truth, whole

if TYPE_CHECKING:
    from typing import Unpack

    from actors.clients.keywords.typed_dicts import AdminKeywords
    from actors.clients.transport import Transport

T = TypeVar("T")


class Admin(Client):
    """Administers a cluster: topics, configs, groups, offsets.

    ``bootstrap_servers`` names some brokers ("host:port", with commas or as a list). Keywords are those of
    ``AdminConfig``; an unknown one is a ``ConfigError`` that names the nearest. Any thread may use it.

    >>> from kstore import Cluster, NewTopic
    >>> with Cluster(brokers=3) as cluster, cluster.admin() as admin:
    ...     orders = NewTopic("orders", num_partitions=2, replication_factor=3)
    ...     admin.create_topics([orders])["orders"].num_partitions
    ...     admin.list_topics()
    2
    ['orders']
    """

    @in_one_piece
    def __init__(
        self,
        *,
        bootstrap_servers: str | Sequence[str] = "localhost:9092",
        transport: Transport | None = None,
        **keywords: Unpack[AdminKeywords],
    ) -> None:
        self.config = AdminConfig.parse(keywords)
        super().__init__(transport or tcp_transport(bootstrap_servers, "admin"))
        if not self.config.client_id:  # as the Java client names itself
            self.config = self.config.derived(client_id=f"adminclient-{self._transport.number}")
        self._actor = self._start(ClientActor, "admin", self.config)

    def _do(
        self, name: str, coroutine: Callable[..., Eventually[T]], *args: object, timeout_ms: float | None = None
    ) -> T:
        limit_ms = self.config.default_api_timeout_ms if timeout_ms is None else timeout_ms
        return self._calls.run(name, coroutine, self._actor, *args, timeout_s=limit_ms / 1000)

    def _timeout_ms(self, timeout_ms: int | None) -> int:
        limit_ms = self.config.default_api_timeout_ms if timeout_ms is None else milliseconds("timeout_ms", timeout_ms)
        return min(round(limit_ms), INT_MAX)

    def create_topics(
        self,
        new_topics: topics.NewTopics,
        timeout_ms: int | None = None,
        validate_only: bool = False,
        wait_for_metadata: bool = True,
    ) -> dict[str, CreatedTopic]:
        """Make topics: names, ``NewTopic``s, or a mapping of names to options (``num_partitions``,
        ``replication_factor``, ``assignments``, ``configs``).

        ``wait_for_metadata``: return when every broker knows them and their leaders. Raises ``TopicAlreadyExists``,
        ``InvalidReplicationFactor``, ``InvalidConfig``, ...
        """
        wanted = topics.new_topics(new_topics)
        limit_ms = self._timeout_ms(timeout_ms)
        how = truth("validate_only", validate_only), truth("wait_for_metadata", wait_for_metadata)
        return self._do("create_topics", topics.create, wanted, limit_ms, *how, timeout_ms=timeout_ms)

    def delete_topics(
        self, names: Iterable[str], timeout_ms: int | None = None, wait_for_metadata: bool = True
    ) -> None:
        """Delete topics with all their records. Raises ``UnknownTopicOrPartition``, ``TopicDeletionDisabled``, ..."""
        wanted, waits = arguments.names("names", names, "topics"), truth("wait_for_metadata", wait_for_metadata)
        limit_ms = self._timeout_ms(timeout_ms)
        self._do("delete_topics", topics.delete, wanted, limit_ms, waits, timeout_ms=timeout_ms)

    def create_partitions(
        self,
        topic_partitions: Mapping[str, topics.Growth],
        timeout_ms: int | None = None,
        validate_only: bool = False,
        wait_for_metadata: bool = True,
    ) -> None:
        """Let topics grow to so many partitions: a count, a ``NewPartitions``, or a mapping with ``count`` and
        ``assignments``, by the topic's name. Raises ``InvalidPartitions``, ``UnknownTopicOrPartition``, ...
        """
        limit_ms = self._timeout_ms(timeout_ms)
        how = truth("validate_only", validate_only), truth("wait_for_metadata", wait_for_metadata)
        wanted = topics.growths(topic_partitions)
        self._do("create_partitions", topics.grow, wanted, limit_ms, *how, timeout_ms=timeout_ms)

    def list_topics(self) -> list[str]:
        """The names of all topics, Kafka's own among them."""
        return [topic.name for topic in self._do("list_topics", topics.describe, None)]

    def describe_topics(self, names: Iterable[str] | None = None) -> list[TopicDescription]:
        """Topics with their partitions, leaders and replicas; None: all. Raises ``UnknownTopicOrPartition``, ..."""
        return self._do(
            "describe_topics", topics.describe, None if names is None else arguments.names("names", names, "topics")
        )

    def describe_cluster(self) -> ClusterDescription:
        """The cluster's id, its brokers and its controller."""
        return self._do("describe_cluster", cluster.describe)

    def describe_metadata_quorum(self) -> QuorumDescription:
        """Who leads the metadata log, who votes, and how far each node's copy of it goes."""
        return self._do("describe_metadata_quorum", quorum.describe)

    def describe_features(self) -> FeatureDescription:
        """The features that a broker supports, and those that the cluster has agreed on (KIP-584)."""
        return self._do("describe_features", quorum.features)

    def update_features(
        self,
        feature_updates: Mapping[str, quorum.Level],
        validate_only: bool = False,
        timeout_ms: int | None = None,
    ) -> None:
        """Set the levels of features, by name: all of them, or none. 0 turns one off.

        A level rises unless a kind of update stands before it: ``("SAFE_DOWNGRADE", 30)``, or ``"UNSAFE_DOWNGRADE"``,
        which may lose what the cluster knows. Raises ``InvalidUpdateVersion``, whose text says why.
        """
        wanted = quorum.levels(feature_updates)
        limit_ms, only = self._timeout_ms(timeout_ms), truth("validate_only", validate_only)
        self._do("update_features", quorum.update, wanted, only, limit_ms, timeout_ms=timeout_ms)

    def describe_log_dirs(
        self,
        topic_partitions: Iterable[str] | Mapping[str, Iterable[int]] | None = None,
        brokers: Iterable[int] | None = None,
    ) -> dict[int, tuple[LogDirDescription, ...]]:
        """The log directories of all brokers, or of those named, by broker: what their replicas take, and how much
        room there is (KIP-113, KIP-827).

        ``topic_partitions`` names topics, or numbers of partitions by topic (None: all partitions); a broker tells of
        those that it has. Raises ``ClusterAuthorizationFailed``, ``UnknownTopicOrPartition`` for a topic that is named
        without numbers and isn't there, ``UnsupportedVersion``; of several brokers ``SeveralFailed``, by their ids.
        """
        wanted = log_dirs.asked_for("topic_partitions", topic_partitions)
        ids = None if brokers is None else groups.brokers("brokers", brokers)
        return self._do("describe_log_dirs", log_dirs.describe, wanted, ids)

    def describe_configs(
        self,
        config_resources: Iterable[ConfigResource],
        include_synonyms: bool = False,
        config_filter: str = "all",
        include_documentation: bool = False,
    ) -> dict[str, dict[str, dict[str, ConfigEntry]]]:
        """Configs by kind of resource, its name and the config's.

        ``config_filter`` keeps "all", the "modified" (what was set for this very resource), "default", "dynamic" (what
        can be altered) or "static" ones. ``include_documentation`` has the brokers say what each is good for.

        >>> from kstore import Cluster
        >>> with Cluster() as cluster, cluster.admin() as admin:
        ...     admin.create_topics({"orders": {"configs": {"segment.ms": 1000}}})["orders"].replication_factor
        ...     orders = ConfigResource("topic", "orders")
        ...     admin.describe_configs([orders])["topic"]["orders"]["segment.ms"].value
        1
        '1000'
        """
        configs.check_filter("config_filter", config_filter)
        wanted, synonyms = configs.targets(config_resources), truth("include_synonyms", include_synonyms)
        documented = truth("include_documentation", include_documentation)
        return self._do("describe_configs", configs.describe, wanted, synonyms, config_filter, documented)

    def alter_configs(
        self, config_resources: Iterable[ConfigResource], validate_only: bool = False, incremental: bool = True
    ) -> None:
        """Change the configs that each resource names, and no others: a value, or a pair of an operation ("set",
        "delete", "append", "subtract") and its text. With ``incremental=False`` all others of the resource are reset,
        as the AlterConfigs of old does. Raises ``InvalidConfig``, ``InvalidRequest``, ``UnknownTopicOrPartition``, ...
        """
        wanted, only = configs.targets(config_resources), truth("validate_only", validate_only)
        if truth("incremental", incremental):
            self._do("alter_configs", configs.alter, configs.operations(wanted), only)
        else:
            self._do("alter_configs", configs.replace, configs.replacements(wanted), only)

    def reset_configs(self, config_resources: Iterable[ConfigResource], validate_only: bool = False) -> None:
        """Let configs have their defaults again: those that each resource names, or all that were set for it."""
        only = truth("validate_only", validate_only)
        self._do("reset_configs", configs.reset, configs.targets(config_resources), only)

    def list_groups(
        self,
        broker_ids: Iterable[int] | None = None,
        states_filter: Iterable[str] = (),
        types_filter: Iterable[str] = (),
    ) -> list[GroupListing]:
        """The groups of all brokers, or of those named, by their names; of these states and types only, if given."""
        brokers = None if broker_ids is None else groups.brokers("broker_ids", broker_ids)
        states, types = arguments.names("states_filter", states_filter), arguments.names("types_filter", types_filter)
        return self._do("list_groups", groups.list_groups, brokers, states, types)

    def describe_groups(self, group_ids: Iterable[str]) -> dict[str, GroupDescription]:
        """Groups with their members and what these read. Raises ``GroupIdNotFound``, ..."""
        return self._do("describe_groups", groups.describe, arguments.names("group_ids", group_ids))

    def delete_groups(self, group_ids: Iterable[str]) -> None:
        """Delete groups and all that they have committed. Raises ``NonEmptyGroup``, ``GroupIdNotFound``, ..."""
        self._do("delete_groups", groups.delete, arguments.names("group_ids", group_ids))

    def remove_group_members(self, group_id: str, members: Iterable[MemberToRemove | str]) -> None:
        """Send members away from a group: ``MemberToRemove``, or member ids. Raises ``UnknownMemberId``, ..."""
        wanted = groups.to_remove(members)
        self._do("remove_group_members", groups.remove_members, text("group_id", group_id), wanted)

    def list_group_offsets(
        self, group_specs: offsets.GroupSpecs, require_stable: bool = False
    ) -> dict[str, dict[TopicPartition, OffsetAndMetadata]]:
        """What groups have committed, by group and partition: a name, several, or a mapping of names to partitions
        (None: all). A partition without a committed offset is left out, and a group without any has none.

        With ``require_stable`` it waits for transactions that are about to commit an offset (KIP-447).
        """
        wanted = offsets.asked_for("group_specs", group_specs)
        stable = truth("require_stable", require_stable)
        return self._do("list_group_offsets", offsets.committed, wanted, stable)

    def alter_group_offsets(self, group_id: str, new_offsets: Mapping[TopicPartition, OffsetAndMetadata | int]) -> None:
        """Commit offsets for a group that has no members. Raises ``UnknownMemberId`` when it has some, ..."""
        wanted = arguments.commits("new_offsets", new_offsets)
        self._do("alter_group_offsets", offsets.commit, text("group_id", group_id), wanted)

    def reset_group_offsets(
        self, group_id: str, offset_specs: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Commit an offset, ``OffsetSpec.EARLIEST`` or ``.LATEST``, or the first at an ``OffsetTimestamp``, for a group
        that has no members; each is brought into what its partition holds. What was committed.
        """
        wanted = arguments.numbers("offset_specs", offset_specs, OffsetSpec.MAX_TIMESTAMP)
        return self._do("reset_group_offsets", offsets.reset, text("group_id", group_id), wanted)

    def delete_group_offsets(self, group_id: str, partitions: Iterable[TopicPartition]) -> None:
        """Delete what a group has committed for partitions that none of its members reads. Raises
        ``GroupSubscribedToTopic``, ``GroupIdNotFound``, ...
        """
        wanted = arguments.partitions("partitions", partitions)
        self._do("delete_group_offsets", offsets.forget, text("group_id", group_id), wanted)

    def list_partition_offsets(
        self,
        topic_partition_specs: Mapping[TopicPartition, int],
        isolation_level: str = "read_uncommitted",
        timeout_ms: int | None = None,
    ) -> dict[TopicPartition, OffsetAndTimestamp]:
        """The offset of a position (``OffsetSpec``) or of a time (ms since 1970), by partition; -1 where there is none.

        With "read_committed" the latest is the last stable offset. Raises ``UnknownTopicOrPartition``, ...
        """
        offsets.check_isolation("isolation_level", isolation_level)
        wanted = arguments.numbers("topic_partition_specs", topic_partition_specs, -LONG_MAX - 1)
        self._timeout_ms(timeout_ms)
        return self._do("list_partition_offsets", offsets.find, wanted, isolation_level, timeout_ms=timeout_ms)

    def list_transactions(
        self,
        broker_ids: Iterable[int] | None = None,
        producer_id_filters: Iterable[int] | None = None,
        state_filters: Iterable[str] | None = None,
        duration_filter_ms: int | None = None,
        transactional_id_pattern: str | None = None,
    ) -> list[TransactionListing]:
        """The transactional ids that all brokers coordinate, or those named, by their names. Only those of these
        producers, in these states (``"Ongoing"``, ...), with a transaction that began more than so many ms ago, and
        whose whole name matches a regular expression (in RE2's syntax), if given.

        >>> from kstore import Cluster
        >>> with Cluster() as cluster, cluster.admin() as admin:
        ...     with cluster.producer(transactional_id="invoices") as producer:
        ...         producer.init_transactions()
        ...     [(each.transactional_id, each.state) for each in admin.list_transactions()]
        [('invoices', 'Empty')]
        """
        brokers = None if broker_ids is None else groups.brokers("broker_ids", broker_ids)
        wanted = transactions.filters(producer_id_filters, state_filters, duration_filter_ms, transactional_id_pattern)
        return self._do("list_transactions", transactions.list_transactions, brokers, wanted)

    def describe_transactions(self, transactional_ids: Iterable[str]) -> dict[str, TransactionDescription]:
        """Transactional ids with their state, producer and partitions. Raises ``TransactionalIdNotFound``, ..."""
        wanted = arguments.names("transactional_ids", transactional_ids, "ids")
        return self._do("describe_transactions", transactions.describe, wanted)

    def describe_producers(
        self, partitions: Iterable[TopicPartition], broker_id: int | None = None
    ) -> dict[TopicPartition, tuple[ProducerState, ...]]:
        """The producers with an id that partitions know, and where their open transactions begin: as the leaders say,
        or the replicas on one broker. Raises ``UnknownTopicOrPartition``, ``NotLeaderOrFollower``, ...
        """
        wanted = arguments.partitions("partitions", partitions)
        broker = None if broker_id is None else whole("broker_id", broker_id, 0)
        return self._do("describe_producers", transactions.describe_producers, wanted, broker)

    def abort_transaction(self, spec: AbortTransactionSpec) -> None:
        """Abort what a producer has open in one partition, past its coordinator: for a transaction that hangs. For one
        that its coordinator knows, ``force_terminate_transaction`` is right. Raises ``InvalidProducerEpoch``, ...
        """
        self._do("abort_transaction", transactions.abort, transactions.spec_of(spec))

    def find_hanging_transactions(
        self,
        topic_partitions: Iterable[str] | Mapping[str, Iterable[int]] | None = None,
        broker_id: int | None = None,
        max_transaction_timeout_ms: int = 15 * 60_000,
    ) -> list[HangingTransaction]:
        """Transactions that are open in a partition, without a record for longer than any transaction may take, and
        that no coordinator will end. Looks at all partitions, or at topics, or at numbers of partitions by topic; at
        the replicas on one broker, if given.
        """
        wanted = log_dirs.asked_for("topic_partitions", topic_partitions)
        broker = None if broker_id is None else whole("broker_id", broker_id, 0)
        longer = whole("max_transaction_timeout_ms", max_transaction_timeout_ms, 0, LONG_MAX)
        return self._do("find_hanging_transactions", transactions.find_hanging, wanted, broker, longer)

    def fence_producers(
        self, transactional_ids: Iterable[str], timeout_ms: int | None = None
    ) -> dict[str, FencedProducer]:
        """Fence the producers of transactional ids: their next call raises ``ProducerFenced``, and what they have open
        is aborted. An id that isn't there is made. ``timeout_ms`` also becomes the ids' transaction timeout.
        """
        wanted = arguments.names("transactional_ids", transactional_ids, "ids")
        limit_ms = self.config.request_timeout_ms if timeout_ms is None else self._timeout_ms(timeout_ms)
        return self._do("fence_producers", transactions.fence, wanted, limit_ms, timeout_ms=timeout_ms)

    def force_terminate_transaction(self, transactional_id: str, timeout_ms: int | None = None) -> None:
        """Abort the transaction that an id has open, and fence its producer, as ``fence_producers`` does."""
        self.fence_producers([text("transactional_id", transactional_id)], timeout_ms)

    def elect_leaders(
        self,
        election_type: str | int,
        topic_partitions: Iterable[TopicPartition] | Mapping[str, Iterable[int]] | None = None,
        timeout_ms: int | None = None,
    ) -> list[TopicPartition]:
        """Have partitions (None: all) led by their "preferred" replicas, or, where there is no leader, by any replica
        that lives ("unclean": what only others had is lost). The partitions that got another leader.

        Raises ``PreferredLeaderNotAvailable``, ``EligibleLeadersNotAvailable``, ``UnknownTopicOrPartition``, ...
        """
        wanted = elections.partitions_of("topic_partitions", topic_partitions)
        args = (elections.type_of(election_type), wanted, self._timeout_ms(timeout_ms))
        return self._do("elect_leaders", elections.elect, *args, timeout_ms=timeout_ms)

    def delete_records(
        self, records_to_delete: Mapping[TopicPartition, int], timeout_ms: int | None = None
    ) -> dict[TopicPartition, DeletedRecords]:
        """Delete the records below an offset (-1: all that are committed) of each partition; where they begin now.

        Returns when every living replica has let go of them. Raises ``OffsetOutOfRange``, ``PolicyViolation``, ...
        """
        wanted = arguments.numbers("records_to_delete", records_to_delete, -1)
        limit_ms = self.config.request_timeout_ms if timeout_ms is None else self._timeout_ms(timeout_ms)
        return self._do("delete_records", offsets.delete_records, wanted, limit_ms, timeout_ms=timeout_ms)
