"""The replicas of a node: started, given their roles and stopped as the cluster image says; and the actors they share.

Not an actor, but a part of the broker actor. It keeps a ref to each replica, and to one fetcher for each node whose
partitions are followed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from actors.config import topic_log_config, topic_values
from actors.config.resource_type import ResourceType
from actors.controller.messages import METADATA_LOG
from actors.image.image import ClusterImage, ImageDelta, PartitionImage, TopicImage
from actors.image.topic_names import INTERNAL_TOPICS
from actors.node.messages import CheckFiles
from actors.partition.checkpoints import EndWriting, ForgetReplica, HighWatermarks, RecoveryPoints, StartOffsets
from actors.partition.follower.replica_fetcher import ReplicaFetcher
from actors.partition.log_cleaner import LogCleaner
from actors.partition.log_scrubber import LogScrubber
from actors.partition.messages import (
    BecomeFollower,
    BecomeLeader,
    BrokersChanged,
    Close,
    Closed,
    Configure,
    EnforceRetention,
    Remove,
)
from actors.partition.replica.log_owner import LogListeners, ServicesRenewed
from actors.partition.replica.replica import Replica
from actors.partition.to_controller.directory_assignments import Directories
from actors.partition.to_controller.isr_changes import IsrChanges
from actors.runtime import Stopped
from actors.runtime.logs import logger
from kstore.log.checkpoints import CheckpointError, read_partition_metadata
from kstore.log.names import STRAY, TopicAndPartition, is_doomed, set_aside, topic_and_partition
from kstore.log.names import folder as label
from kstore.log.segments import holds_log

if TYPE_CHECKING:
    from actors.broker.broker import Broker
    from actors.config import BrokerConfig
    from actors.node.folder import Folder
    from actors.runtime import Ref
    from kstore.log import LogConfig

UNKNOWN = bytes(16)
NONE: Mapping[TopicAndPartition, int] = {}

PARTITIONS_A_TURN = 200
"""Replicas that the broker starts, stops or instructs before other actors have their turns."""

COORDINATED_TAIL_BYTES = 16 * 1024
"""What each log of a coordinator keeps of its newest batches in memory. Its followers get them at once, and others
rarely read there. There are 50 such logs of each kind.
"""


def min_in_sync_of(image: ClusterImage, topic: str, config: BrokerConfig) -> int:
    """How many replicas must be in sync for acks=all."""
    value = topic_values(image.topic_config(topic), config)["min.insync.replicas"]
    assert isinstance(value, int), "min.insync.replicas is an integer"
    return value


class Replicas:
    """The partitions that have a replica on this node."""

    def __init__(self, broker: Broker, folder: Folder) -> None:
        self.broker = broker
        self.node = broker.node
        self.folder = folder
        self.refs: dict[TopicAndPartition, Ref] = {}
        self.leaders: dict[TopicAndPartition, None] = {}
        self.leaving: dict[TopicAndPartition, int] = {}  # how many checkpoints still name it
        self.fetchers: dict[int, Ref] = {}
        self._last_config: tuple[object, tuple[LogConfig, int]] | None = None
        self.all_closed = True
        self.isr_changes = self._isr_changes()
        self.listeners = LogListeners(
            self._directories(),
            self._high_watermarks(folder.high_watermarks),
            self._recovery_points(folder.recovery_points),
            self._start_offsets(folder.start_offsets),
            self._cleaner(folder.cleaner_offsets),
        )
        if self.node.config.integer("log.scrub.bytes.per.second"):
            self._start_scrubber()

    def _isr_changes(self) -> Ref:
        return self._keep(self.broker.spawn(IsrChanges), "isr_changes", self._isr_changes)

    def _directories(self) -> Ref:
        return self._keep(self.broker.spawn(Directories), "directories", self._directories)

    def _high_watermarks(self, known: Mapping[TopicAndPartition, int] = NONE) -> Ref:
        write = self.folder.checkpoint_high_watermarks
        return self._keep(self.broker.spawn(HighWatermarks, known, write), "high_watermarks", self._high_watermarks)

    def _recovery_points(self, known: Mapping[TopicAndPartition, int] = NONE) -> Ref:
        write = self.folder.checkpoint_recovery_points
        return self._keep(self.broker.spawn(RecoveryPoints, known, write), "recovery_points", self._recovery_points)

    def _start_offsets(self, known: Mapping[TopicAndPartition, int] = NONE) -> Ref:
        write = self.folder.checkpoint_start_offsets
        ref = self.broker.spawn(StartOffsets, known, write, "start-offsets")
        return self._keep(ref, "start_offsets", self._start_offsets)

    def _cleaner(self, known: Mapping[TopicAndPartition, int] = NONE) -> Ref:
        write = self.folder.checkpoint_cleaner_offsets
        return self._keep(self.broker.spawn(LogCleaner, known, write), "cleaner", self._cleaner)

    def _start_scrubber(self) -> None:
        self.broker.supervision.keep(self.broker.spawn(LogScrubber), self._start_scrubber)

    def _keep(self, ref: Ref, name: str, make: Callable[[], Ref]) -> Ref:
        return self.broker.supervision.keep(ref, partial(self._renew, name, make))

    def _renew(self, name: str, make: Callable[[], Ref]) -> None:
        """Replace a shared actor that has failed. It has lost what it was told, so every replica tells the new one."""
        if name == "isr_changes":
            self.isr_changes = make()
        else:
            self.listeners = self.listeners._replace(**{name: make()})
        for replica in self.refs.values():
            replica.tell(ServicesRenewed(self.isr_changes, self.listeners))

    def sweep(self, image: ClusterImage) -> None:
        """Set aside the logs of partitions that left this node while it was down, or as it died.

        A folder is known by the topic id in its ``partition.metadata``; one without it, by the topic that has its name.
        As in Apache Kafka, logs that the cluster doesn't know are renamed ``-stray`` and kept for the operator; only
        folders whose deletion had begun are deleted. Folders that aren't logs belong to the user and aren't touched.
        """
        self._forget_absent(image)
        try:
            names = self.folder.fs.listdir()
        except OSError as error:
            self._not_swept("its folder", error)
            return
        for name in names:
            key = topic_and_partition(name)
            if is_doomed(name):
                self._delete(name)
            elif key is not None and name != METADATA_LOG:
                try:
                    self._sweep_one(image, name, key)
                except (OSError, CheckpointError) as error:
                    self._not_swept(name, error)

    def _forget_absent(self, image: ClusterImage) -> None:
        """Have the checkpoints leave out what isn't on this node: it may have died as it deleted them."""
        for topic, number in self.folder.checkpointed():
            found = image.partition(topic, number)
            if (found is None or self.node.node_id not in found.replicas) and label(topic, number) != METADATA_LOG:
                self.folder.forget((topic, number))
                self._forget((topic, number))

    def _sweep_one(self, image: ClusterImage, name: str, key: TopicAndPartition) -> None:
        fs = self.folder.fs
        topic_id = read_partition_metadata(fs, name)
        if topic_id is None and holds_log(fs, name):
            topic_id = topic.id if (topic := image.topics.get(key[0])) is not None else UNKNOWN
        if topic_id is not None and not self._belongs(image, key, topic_id):
            fs.rename(name, set_aside(*key, self.broker.uuid().hex(), STRAY))
            self.folder.forget(key)
            if key not in self.leaving:
                self._forget(key)

    def _not_swept(self, name: str, error: Exception) -> None:
        what = "node %d: couldn't check whether %s still belongs here, the next start tries again: %s"
        logger("storage").warning(what, self.node.node_id, name, error)

    def _belongs(self, image: ClusterImage, key: TopicAndPartition, topic_id: bytes) -> bool:
        topic = image.topics.get(key[0])
        if topic is None or topic.id != topic_id:
            return False
        found = topic.partitions.get(key[1])
        return found is not None and self.node.node_id in found.replicas

    def _delete(self, doomed: str) -> None:
        self.broker.on_disk(partial(self.folder.fs.remove_tree, doomed), self._deleted, doomed)

    def _deleted(self, outcome: object, doomed: str) -> None:
        if isinstance(outcome, OSError):
            self.broker.note("FolderNotDeleted", doomed, outcome.errno or -1)  # the next start retries

    def follow(self, image: ClusterImage, delta: ImageDelta) -> Iterator[None]:
        """Start, stop and instruct replicas; other actors may have turns between the steps."""
        for steps, _ in enumerate(self._steps(image, delta), 1):
            if steps % PARTITIONS_A_TURN == 0:
                yield

    def _steps(self, image: ClusterImage, delta: ImageDelta) -> Iterator[None]:
        for topic in delta.removed_topics:
            for number in topic.partitions:
                self._remove(topic.name, number)
                yield
        for name, numbers in delta.changed_topics.items():
            changed = image.topics[name]
            for number in sorted(numbers):
                self._follow_partition(image, changed, number, changed.partitions[number])
                yield
        for kind, name in delta.changed_configs:
            if kind == ResourceType.TOPIC:
                self._configure(image, name)
                yield
            elif kind == ResourceType.BROKER:
                for topic_name in dict.fromkeys(topic for topic, _ in self.refs):
                    self._configure(image, topic_name)
                    yield
        if delta.changed_brokers:
            for key in self.leaders:
                self.refs[key].tell(BrokersChanged())

    def _follow_partition(self, image: ClusterImage, topic: TopicImage, number: int, found: PartitionImage) -> None:
        key = (topic.name, number)
        if self.node.node_id not in found.replicas:
            self._remove(*key)
            return
        if key in self.leaving:
            return  # goes on with it when the place is free
        replica = self.refs.get(key)
        if replica is None:
            replica = self.refs[key] = self._make(image, topic, number)
        if found.leader == self.node.node_id:
            self.leaders[key] = None
            replica.tell(BecomeLeader(found.leader_epoch, found.partition_epoch, found.replicas, found.isr))
        else:
            self.leaders.pop(key, None)
            fetcher = self._fetcher(found.leader) if found.leader >= 0 else None
            replica.tell(BecomeFollower(found.leader, found.leader_epoch, found.partition_epoch, fetcher))

    def _fetcher(self, leader: int) -> Ref:
        fetcher = self.fetchers.get(leader)
        if fetcher is None:
            fetcher = self.fetchers[leader] = self.broker.spawn(ReplicaFetcher, leader)
            self.broker.supervision.keep(fetcher, partial(self._renew_fetcher, leader))
        return fetcher

    def _renew_fetcher(self, leader: int) -> None:
        """Replace a failed fetcher: its followers use the new one."""
        del self.fetchers[leader]
        image = self.node.view.image
        for name, number in list(self.refs):
            found = image.partition(name, number)
            if found is not None and found.leader == leader:
                self._follow_partition(image, image.topics[name], number, found)

    def _make(self, image: ClusterImage, topic: TopicImage, number: int) -> Ref:
        key = (topic.name, number)
        log_config, min_in_sync = self._config_of(image, topic.name)
        return self.broker.spawn(
            Replica,
            topic.name,
            number,
            topic.id,
            log_config=log_config,
            min_in_sync=min_in_sync,
            isr_changes=self.isr_changes,
            listeners=self.listeners,
            clean=self.folder.clean,
            recovery_point=self.folder.recovery_points.pop(key, 0),
            high_watermark=self.folder.high_watermarks.get(key, 0),
            start_offset=self.folder.start_offsets.pop(key, 0),
            note=self.folder.notes.pop(label(*key), None),
        )

    def enforce_retention(self) -> Iterator[None]:
        """Have every log remove what its retention doesn't keep; other actors may have turns between the steps."""
        for count, replica in enumerate(list(self.refs.values()), 1):
            replica.tell(EnforceRetention())
            if count % PARTITIONS_A_TURN == 0:
                yield

    def check_files(self) -> None:
        """Have every log check that its folder still exists."""
        for replica in self.refs.values():
            replica.tell(CheckFiles())

    def _config_of(self, image: ClusterImage, topic: str) -> tuple[LogConfig, int]:
        """The log config of a topic, and how many replicas must be in sync; the same for all its partitions."""
        asked = topic, image.offset, self.node.config
        if self._last_config is None or self._last_config[0] != asked:
            log_config = topic_log_config(image.topic_config(topic), self.node.config)
            if topic in INTERNAL_TOPICS:
                log_config = log_config.derived(hot_tail_bytes=COORDINATED_TAIL_BYTES)
            self._last_config = asked, (log_config, min_in_sync_of(image, topic, self.node.config))
        return self._last_config[1]

    def _configure(self, image: ClusterImage, topic_name: str) -> None:
        topic = image.topics.get(topic_name)
        if topic is None:
            return
        message = Configure(*self._config_of(image, topic_name))
        for number in topic.partitions:
            replica = self.refs.get((topic_name, number))
            if replica is not None:
                replica.tell(message)

    def _remove(self, topic: str, number: int) -> None:
        self.leaders.pop((topic, number), None)
        key = (topic, number)
        replica = self.refs.pop(key, None)
        if replica is not None:
            self.leaving[key] = 0
            self.broker.supervision.keep(replica, self._gone)  # should it fail
            self.broker.request(replica, Remove(), self._removed, key, replica)

    def _forget(self, key: TopicAndPartition) -> None:
        """Have the checkpoints leave a partition out; a new one of its name has its place once they are written."""
        checkpoints = self.listeners[1:]
        self.leaving[key] = len(checkpoints)
        for checkpoint in checkpoints:
            self.broker.request(checkpoint, ForgetReplica(*key), self._forgotten, key)

    def _forgotten(self, outcome: object, key: TopicAndPartition) -> None:
        """Give a place to a new topic's replica. A checkpoint that has failed has a successor that knows no old one."""
        self.leaving[key] -= 1
        if self.leaving[key]:
            return
        del self.leaving[key]
        image = self.node.view.image
        topic = image.topics.get(key[0])
        if self.broker.stopping is None and topic is not None and key[1] in topic.partitions:
            self._follow_partition(image, topic, key[1], topic.partitions[key[1]])
            self.broker.replica_came(*key)

    def _gone(self) -> None:
        """Handle a failed replica. It is started again only if it still has a place, which it gets once it is known to
        be gone.
        """

    def _removed(self, outcome: object, key: TopicAndPartition, replica: Ref) -> None:
        """Handle that a replica is gone, however it ended."""
        if not isinstance(outcome, Stopped):  # else it has failed, which the supervision handles
            self.broker.supervision.release(replica)
        self._forget(key)  # not before: it may have reported something just before it ended

    def stop(self, done: Callable[[], None]) -> None:
        """Close every log, then write the checkpoints, then call ``done`` in a turn of the broker."""
        closed: dict[TopicAndPartition, Closed] = {}
        unclosed: dict[TopicAndPartition, object] = {}

        def one_closed(outcome: object, key: TopicAndPartition) -> None:
            if isinstance(outcome, Closed):
                closed[key] = outcome
            else:
                unclosed[key] = outcome
            if len(closed) + len(unclosed) == len(self.refs):
                if unclosed:  # the existing checkpoints are valid for all logs, if not the latest
                    self.all_closed = False
                    done()
                else:
                    self._end_checkpoints(closed, done)

        for key, replica in self.refs.items():
            self.broker.request(replica, Close(), one_closed, key)
        if not self.refs:
            done()

    def _end_checkpoints(self, closed: Mapping[TopicAndPartition, Closed], done: Callable[[], None]) -> None:
        """Write the checkpoints, once nothing else writes them."""
        under_way = dict.fromkeys(self.listeners[1:])

        def ended(outcome: object, checkpoint: Ref) -> None:
            del under_way[checkpoint]
            if not under_way:
                self._checkpoint(closed)
                done()

        for checkpoint in list(under_way):
            self.broker.request(checkpoint, EndWriting(), ended, checkpoint)

    def _checkpoint(self, closed: Mapping[TopicAndPartition, Closed]) -> None:
        folder = self.folder
        self.all_closed = not any(ends.failure for ends in closed.values())
        folder.notes.update({label(*key): ends.note for key, ends in closed.items() if ends.note is not None})
        try:
            starts = {key: ends.start_offset for key, ends in closed.items() if ends.start_offset}
            folder.checkpoint_high_watermarks({key: ends.high_watermark for key, ends in closed.items()})()
            folder.checkpoint_recovery_points({key: ends.recovery_point for key, ends in closed.items()})()
            folder.checkpoint_start_offsets(starts)()
        except OSError as error:
            self.all_closed = False
            what = "node %d: the checkpoints of %s can't be written, its logs are recovered at the next start: %s"
            logger("storage").warning(what, self.node.node_id, folder.name, error)
