"""Builds the next cluster image, with one method for each metadata record. Each mapping is copied when it is first
changed; those of all topics and all configs are ``Layered``, which share unchanged entries with the image before.

The rules are those of Apache Kafka's image deltas and of ``PartitionRegistration.merge``: a partition's epoch rises
with every change record, its leader epoch only when the record names a leader (or that there is none). A topic's
configs are deleted with it.

Records that kstore never writes and that change nothing it keeps (no-ops, controllers' registrations) are skipped by
name, and so are those of access rules, quotas, credentials and tokens: no node starts on a log in which one is in force
(``actors.broker.unsupported``). Any other unknown record is an error, since an image that left it out would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from actors.config.resource_type import ResourceType
from actors.image.image import (
    NO_LEADER_CHANGE,
    BrokerImage,
    ClusterImage,
    ConfigResource,
    Endpoint,
    ImageDelta,
    PartitionImage,
    TopicImage,
)
from kstore.errors import UnsupportedVersion
from kstore.layered import Layered
from kstore.schema.messages.control_records import LeaderChangeMessage
from kstore.schema.messages.metadata_records import (
    AccessControlEntryRecord,
    BrokerRegistrationChangeRecord,
    ClearElrRecord,
    ClientQuotaRecord,
    ConfigRecord,
    DelegationTokenRecord,
    FeatureLevelRecord,
    FenceBrokerRecord,
    NoOpRecord,
    PartitionChangeRecord,
    PartitionRecord,
    ProducerIdsRecord,
    RegisterBrokerRecord,
    RegisterControllerRecord,
    RemoveAccessControlEntryRecord,
    RemoveDelegationTokenRecord,
    RemoveTopicRecord,
    RemoveUserScramCredentialRecord,
    TopicRecord,
    UnfenceBrokerRecord,
    UnregisterBrokerRecord,
    UnregisterControllerRecord,
    UserScramCredentialRecord,
    ZkMigrationStateRecord,
)

K = TypeVar("K")
V = TypeVar("V")


class ImageDraft:
    """A cluster image under construction; ``finish`` closes it."""

    def __init__(self, base: ClusterImage) -> None:
        self._base = base
        self._brokers: dict[int, BrokerImage] | None = None
        self._topics: Layered[str, TopicImage] | None = None
        self._names: Layered[bytes, str] | None = None
        self._configs: Layered[ConfigResource, Mapping[str, str]] | None = None
        self._features: dict[str, int] | None = None
        self._controller_id = base.controller_id
        self._next_producer_id = base.next_producer_id
        self._partitions: dict[str, dict[int, PartitionImage]] = {}
        self._changed: dict[str, set[int]] = {}
        self._removed: list[TopicImage] = []
        self._changed_brokers: set[int] = set()
        self._changed_configs: dict[ConfigResource, None] = {}

    def apply(self, record: object) -> None:
        """Replay one record.

        Raises:
            UnsupportedVersion: the record is of a kind that an image can't leave out and kstore doesn't know.
        """
        rule = RULES.get(type(record))
        if rule is None:
            raise UnsupportedVersion(f"The metadata log holds a {type(record).__name__}, which kstore can't replay.")
        rule(self, record)

    def finish(self, offset: int, epoch: int) -> tuple[ClusterImage, ImageDelta]:
        """The next image, and its differences from the base."""
        base = self._base
        for name, partitions in self._partitions.items():
            topics = self._own_topics()
            topics[name] = topics[name]._replace(partitions=partitions)
        image = ClusterImage(
            cluster_id=base.cluster_id,
            offset=offset,
            epoch=epoch,
            controller_id=self._controller_id,
            brokers=base.brokers if self._brokers is None else self._brokers,
            topics=base.topics if self._topics is None else self._topics,
            topic_names_by_id=base.topic_names_by_id if self._names is None else self._names,
            configs=base.configs if self._configs is None else self._configs,
            features=base.features if self._features is None else self._features,
            next_producer_id=self._next_producer_id,
        )
        delta = ImageDelta(
            changed_topics={name: frozenset(numbers) for name, numbers in self._changed.items()},
            removed_topics=tuple(self._removed),
            changed_brokers=frozenset(self._changed_brokers),
            changed_configs=tuple(self._changed_configs),
            features_changed=self._features is not None,
            controller_changed=self._controller_id != base.controller_id,
        )
        return image, delta

    def register_broker(self, record: RegisterBrokerRecord) -> None:
        """Add a broker, or replace it by its new incarnation."""
        endpoints = tuple(Endpoint(e.name, e.host, e.port, e.security_protocol) for e in record.end_points)
        self._put_broker(
            BrokerImage(
                id=record.broker_id,
                epoch=record.broker_epoch,
                incarnation=record.incarnation_id,
                endpoints=endpoints,
                fenced=record.fenced,
                rack=record.rack,
                shutting_down=record.in_controlled_shutdown,
                log_dirs=tuple(record.log_dirs),
            )
        )

    def change_broker(self, record: BrokerRegistrationChangeRecord) -> None:
        """Change what a broker's registration says of fencing, shutdown and log directories."""
        broker = self._broker(record.broker_id, record.broker_epoch)
        if record.fenced:
            broker = broker._replace(fenced=record.fenced > 0)
        if record.in_controlled_shutdown:
            broker = broker._replace(shutting_down=record.in_controlled_shutdown > 0)
        if record.log_dirs:
            broker = broker._replace(log_dirs=tuple(record.log_dirs))
        self._put_broker(broker)

    def fence_broker(self, record: FenceBrokerRecord) -> None:
        """Fence a broker, as older records say it."""
        self._put_broker(self._broker(record.id, record.epoch)._replace(fenced=True))

    def unfence_broker(self, record: UnfenceBrokerRecord) -> None:
        """Unfence a broker, as older records say it."""
        self._put_broker(self._broker(record.id, record.epoch)._replace(fenced=False))

    def unregister_broker(self, record: UnregisterBrokerRecord) -> None:
        """Remove a broker."""
        self._broker(record.broker_id, record.broker_epoch)
        self._own_brokers().pop(record.broker_id)
        self._changed_brokers.add(record.broker_id)

    def _broker(self, broker_id: int, epoch: int) -> BrokerImage:
        brokers = self._base.brokers if self._brokers is None else self._brokers
        broker = brokers.get(broker_id)
        assert broker is not None, f"the metadata log changes broker {broker_id}, which was never registered"
        assert broker.epoch == epoch, f"the metadata log changes broker {broker_id} at epoch {epoch}, not its own"
        return broker

    def _put_broker(self, broker: BrokerImage) -> None:
        self._own_brokers()[broker.id] = broker
        self._changed_brokers.add(broker.id)

    def _own_brokers(self) -> dict[int, BrokerImage]:
        if self._brokers is None:
            self._brokers = dict(self._base.brokers)
        return self._brokers

    def add_topic(self, record: TopicRecord) -> None:
        """Add a topic without partitions."""
        self._own_topics()[record.name] = TopicImage(record.topic_id, record.name, {})
        self._own_names()[record.topic_id] = record.name
        self._partitions[record.name] = {}
        self._changed[record.name] = set()

    def remove_topic(self, record: RemoveTopicRecord) -> None:
        """Remove a topic with its partitions and its configs."""
        name = self._own_names().pop(record.topic_id)
        self._partitions.pop(name, None)
        self._changed.pop(name, None)
        self._own_topics().pop(name)
        last_seen = self._base.topics.get(name)
        if last_seen is not None and last_seen.id == record.topic_id:
            self._removed.append(last_seen)
        resource = (ResourceType.TOPIC, name)
        configs = self._base.configs if self._configs is None else self._configs
        if resource in configs:
            self._own_configs().pop(resource)
            self._changed_configs[resource] = None

    def add_partition(self, record: PartitionRecord) -> None:
        """Add a partition."""
        name = self._name_of(record.topic_id)
        self._own_partitions(name)[record.partition_id] = PartitionImage(
            replicas=tuple(record.replicas),
            isr=tuple(record.isr),
            leader=record.leader,
            leader_epoch=record.leader_epoch,
            partition_epoch=record.partition_epoch,
            removing_replicas=tuple(record.removing_replicas),
            adding_replicas=tuple(record.adding_replicas),
            directories=tuple(record.directories),
            leader_recovery_state=record.leader_recovery_state,
            eligible_leader_replicas=tuple(record.eligible_leader_replicas or ()),
            last_known_elr=tuple(record.last_known_elr or ()),
        )
        self._changed[name].add(record.partition_id)

    def change_partition(self, record: PartitionChangeRecord) -> None:
        """Change the fields of a partition that the record has."""
        name = self._name_of(record.topic_id)
        partitions = self._own_partitions(name)
        partitions[record.partition_id] = merged(partitions[record.partition_id], record)
        self._changed[name].add(record.partition_id)

    def clear_eligible_leaders(self, record: ClearElrRecord) -> None:
        """Clear the eligible leader replicas of one topic or, without a name, of all."""
        topics = self._base.topics if self._topics is None else self._topics
        for name in [record.topic_name] if record.topic_name else list(topics):
            partitions = self._partitions.get(name) or topics[name].partitions
            for number, partition in list(partitions.items()):
                if partition.eligible_leader_replicas or partition.last_known_elr:
                    cleared = partition._replace(eligible_leader_replicas=(), last_known_elr=())
                    self._own_partitions(name)[number] = cleared
                    self._changed[name].add(number)

    def _name_of(self, topic_id: bytes) -> str:
        names = self._base.topic_names_by_id if self._names is None else self._names
        return names[topic_id]

    def _own_topics(self) -> Layered[str, TopicImage]:
        if self._topics is None:
            self._topics = own(self._base.topics)
        return self._topics

    def _own_names(self) -> Layered[bytes, str]:
        if self._names is None:
            self._names = own(self._base.topic_names_by_id)
        return self._names

    def _own_partitions(self, name: str) -> dict[int, PartitionImage]:
        found = self._partitions.get(name)
        if found is None:
            found = self._partitions[name] = dict(self._base.topics[name].partitions)
            self._changed.setdefault(name, set())
        return found

    def change_config(self, record: ConfigRecord) -> None:
        """Set a config of a resource, or remove it where the record has no value."""
        resource = (record.resource_type, record.resource_name)
        configs = self._own_configs()
        values = dict(configs.get(resource, {}))
        if record.value is None:
            values.pop(record.name, None)
        else:
            values[record.name] = record.value
        if values:
            configs[resource] = values
        else:
            configs.pop(resource, None)
        self._changed_configs[resource] = None

    def _own_configs(self) -> Layered[ConfigResource, Mapping[str, str]]:
        if self._configs is None:
            self._configs = own(self._base.configs)
        return self._configs

    def change_feature(self, record: FeatureLevelRecord) -> None:
        """Set the level of a feature; level 0 removes it."""
        if self._features is None:
            self._features = dict(self._base.features)
        if record.feature_level == 0:
            self._features.pop(record.name, None)
        else:
            self._features[record.name] = record.feature_level

    def advance_producer_ids(self, record: ProducerIdsRecord) -> None:
        """Note the first producer id that no broker has been given."""
        self._next_producer_id = record.next_producer_id

    def change_leader(self, message: LeaderChangeMessage) -> None:
        """Note which node leads the metadata log."""
        self._controller_id = message.leader_id

    def pass_over(self, record: object) -> None:
        """Skip a record that changes nothing in an image."""


def own(mapping: Mapping[K, V]) -> Layered[K, V]:
    """A copy of a mapping to change, which shares unchanged entries with it."""
    return mapping.copy() if isinstance(mapping, Layered) else Layered(mapping)


def merged(partition: PartitionImage, change: PartitionChangeRecord) -> PartitionImage:
    """The partition after a change record; a null (or "unchanged") field of the record keeps the old value."""
    isr, replicas, directories = change.isr, change.replicas, change.directories
    removing, adding = change.removing_replicas, change.adding_replicas
    eligible, last_known = change.eligible_leader_replicas, change.last_known_elr
    leader, leader_epoch = partition.leader, partition.leader_epoch
    if change.leader != NO_LEADER_CHANGE:
        leader, leader_epoch = change.leader, leader_epoch + 1
    recovery = change.leader_recovery_state
    return PartitionImage(
        replicas=partition.replicas if replicas is None else tuple(replicas),
        isr=partition.isr if isr is None else tuple(isr),
        leader=leader,
        leader_epoch=leader_epoch,
        partition_epoch=partition.partition_epoch + 1,
        removing_replicas=partition.removing_replicas if removing is None else tuple(removing),
        adding_replicas=partition.adding_replicas if adding is None else tuple(adding),
        directories=partition.directories if directories is None else tuple(directories),
        leader_recovery_state=partition.leader_recovery_state if recovery == -1 else recovery,
        eligible_leader_replicas=partition.eligible_leader_replicas if eligible is None else tuple(eligible),
        last_known_elr=partition.last_known_elr if last_known is None else tuple(last_known),
    )


RULES: dict[type, Callable[[ImageDraft, Any], None]] = {
    RegisterBrokerRecord: ImageDraft.register_broker,
    BrokerRegistrationChangeRecord: ImageDraft.change_broker,
    FenceBrokerRecord: ImageDraft.fence_broker,
    UnfenceBrokerRecord: ImageDraft.unfence_broker,
    UnregisterBrokerRecord: ImageDraft.unregister_broker,
    TopicRecord: ImageDraft.add_topic,
    RemoveTopicRecord: ImageDraft.remove_topic,
    PartitionRecord: ImageDraft.add_partition,
    PartitionChangeRecord: ImageDraft.change_partition,
    ClearElrRecord: ImageDraft.clear_eligible_leaders,
    ConfigRecord: ImageDraft.change_config,
    FeatureLevelRecord: ImageDraft.change_feature,
    ProducerIdsRecord: ImageDraft.advance_producer_ids,
    LeaderChangeMessage: ImageDraft.change_leader,
    NoOpRecord: ImageDraft.pass_over,
    RegisterControllerRecord: ImageDraft.pass_over,
    UnregisterControllerRecord: ImageDraft.pass_over,
    ZkMigrationStateRecord: ImageDraft.pass_over,
    AccessControlEntryRecord: ImageDraft.pass_over,
    RemoveAccessControlEntryRecord: ImageDraft.pass_over,
    ClientQuotaRecord: ImageDraft.pass_over,
    UserScramCredentialRecord: ImageDraft.pass_over,
    RemoveUserScramCredentialRecord: ImageDraft.pass_over,
    DelegationTokenRecord: ImageDraft.pass_over,
    RemoveDelegationTokenRecord: ImageDraft.pass_over,
}
