"""The cluster as the metadata log describes it at one offset: brokers, topics, partitions, configs, features.

An image is immutable; nodes hand it to their actors freely. ``apply`` replays a run of metadata records and gives the
next image together with a delta that says what changed, so a broker with 10,000 partitions handles only those that
changed. The two images share mappings, or parts of mappings, that the records don't change.

Invariants: ``topics`` and ``topic_names_by_id`` hold the same topics; ``offset`` is the last record applied (-1: none);
mappings are never changed after the image was made (only ``ImageDraft`` changes them, while it builds).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from actors.config.resource_type import ResourceType
from kstore.named import NamedTuple

NOTHING: Mapping[Any, Any] = MappingProxyType({})
NO_LEADER = -1
NO_LEADER_CHANGE = -2


class Directory:
    """The ids of log directories that aren't a broker's own: see Kafka's ``DirectoryId``."""

    MIGRATING = bytes(16)
    UNASSIGNED = bytes(15) + b"\x01"
    LOST = bytes(15) + b"\x02"
    UNSAID = (MIGRATING, UNASSIGNED)


class Endpoint(NamedTuple):
    """A broker's endpoint: the name of a listener, its advertised address, its security protocol (0 is PLAINTEXT)."""

    name: str
    host: str
    port: int
    security_protocol: int = 0


class BrokerImage(NamedTuple):
    """One registered broker. ``epoch`` is the offset of its registration; a fenced broker leads nothing."""

    id: int
    epoch: int
    incarnation: bytes
    endpoints: tuple[Endpoint, ...]
    fenced: bool = True
    rack: str | None = None
    shutting_down: bool = False
    log_dirs: tuple[bytes, ...] = ()

    def endpoint(self, listener: str) -> Endpoint:
        """The endpoint for clients of this listener; clients in the process have none."""
        return next((each for each in self.endpoints if each.name == listener), self.endpoints[0])

    @property
    def active(self) -> bool:
        """True when the broker may lead and join an ISR."""
        return not self.fenced and not self.shutting_down

    def has_online(self, directory: bytes) -> bool:
        """Whether it can use a directory: not if it is lost, or isn't its own (``BrokerRegistration``)."""
        return directory in self.log_dirs or directory in Directory.UNSAID


class PartitionImage(NamedTuple):
    """One partition. ``leader`` is -1 when none of its in-sync replicas is alive."""

    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    leader: int
    leader_epoch: int
    partition_epoch: int
    removing_replicas: tuple[int, ...] = ()
    adding_replicas: tuple[int, ...] = ()
    directories: tuple[bytes, ...] = ()
    leader_recovery_state: int = 0
    eligible_leader_replicas: tuple[int, ...] = ()
    last_known_elr: tuple[int, ...] = ()

    def directory_of(self, replica: int) -> bytes:
        """The log directory of a replica; ``Directory.UNASSIGNED`` before it is known."""
        if replica not in self.replicas or len(self.directories) != len(self.replicas):
            return Directory.UNASSIGNED
        return self.directories[self.replicas.index(replica)]

    def offline_replicas(self, alive: frozenset[int]) -> list[int]:
        """The offline replicas: their broker isn't alive, or their log is offline."""
        if Directory.LOST in self.directories:
            return [each for each in self.replicas if each not in alive or self.directory_of(each) == Directory.LOST]
        return [each for each in self.replicas if each not in alive]


class TopicImage(NamedTuple):
    """One topic: its name, its id (16 bytes) and its partitions by number."""

    id: bytes
    name: str
    partitions: Mapping[int, PartitionImage]


ConfigResource = tuple[int, str]


class ImageDelta(NamedTuple):
    """What a run of records changed.

    ``changed_topics``: topic name to the numbers of its partitions that are new or different. ``removed_topics``: the
    last image of every topic that is gone (a topic deleted and made again under the same name is in both). Collections
    of strings keep the order of the log, so that a run doesn't depend on string hashes.
    """

    changed_topics: Mapping[str, frozenset[int]] = NOTHING
    removed_topics: tuple[TopicImage, ...] = ()
    changed_brokers: frozenset[int] = frozenset()
    changed_configs: tuple[ConfigResource, ...] = ()
    features_changed: bool = False
    controller_changed: bool = False

    def __bool__(self) -> bool:
        return bool(
            self.changed_topics
            or self.removed_topics
            or self.changed_brokers
            or self.changed_configs
            or self.features_changed
            or self.controller_changed
        )


class ClusterImage(NamedTuple):
    """The state of the cluster by the metadata log up to ``offset``."""

    cluster_id: str = ""
    offset: int = -1
    epoch: int = -1
    controller_id: int = -1
    brokers: Mapping[int, BrokerImage] = NOTHING
    topics: Mapping[str, TopicImage] = NOTHING
    topic_names_by_id: Mapping[bytes, str] = NOTHING
    configs: Mapping[ConfigResource, Mapping[str, str]] = NOTHING
    features: Mapping[str, int] = NOTHING
    next_producer_id: int = 0

    def apply(self, records: Iterable[object], offset: int, epoch: int) -> tuple[ClusterImage, ImageDelta]:
        """Replay ``records``, the last of which is at ``offset`` in the log and was written in leader ``epoch``."""
        from actors.image.draft import ImageDraft

        draft = ImageDraft(self)
        for record in records:
            draft.apply(record)
        return draft.finish(offset, epoch)

    def whole(self, before: ClusterImage | None = None) -> ImageDelta:
        """The delta from an empty image to this one: everything is new. Topics that only the image ``before`` has are
        removed.
        """
        known = {} if before is None else before.topics
        return ImageDelta(
            changed_topics={name: frozenset(topic.partitions) for name, topic in self.topics.items()},
            removed_topics=tuple(topic for topic in known.values() if topic.id not in self.topic_names_by_id),
            changed_brokers=frozenset(self.brokers),
            changed_configs=tuple(self.configs),
            features_changed=bool(self.features),
            controller_changed=self.controller_id != NO_LEADER,
        )

    def topic(self, name: str) -> TopicImage | None:
        """A topic by name; None if there is none."""
        return self.topics.get(name)

    def topic_by_id(self, topic_id: bytes) -> TopicImage | None:
        """A topic by id; None if there is none."""
        name = self.topic_names_by_id.get(topic_id)
        return None if name is None else self.topics[name]

    def partition(self, topic: str, partition: int) -> PartitionImage | None:
        """A partition by its topic's name; None if there is none."""
        found = self.topics.get(topic)
        return None if found is None else found.partitions.get(partition)

    def config(self, resource_type: int, name: str) -> Mapping[str, str]:
        """The configs set for one resource ("" names the defaults of all brokers); empty when there are none."""
        return self.configs.get((resource_type, name), {})

    def topic_config(self, topic: str) -> Mapping[str, str]:
        """The configs that were set for a topic."""
        return self.configs.get((ResourceType.TOPIC, topic), {})

    def is_active(self, broker_id: int) -> bool:
        """True when the broker is registered, unfenced and not shutting down."""
        broker = self.brokers.get(broker_id)
        return broker is not None and broker.active

    def is_online(self, partition: PartitionImage, replica: int) -> bool:
        """Whether a replica is online: its log is in use, and its broker is known."""
        broker = self.brokers.get(replica)
        return broker is not None and broker.has_online(partition.directory_of(replica))
