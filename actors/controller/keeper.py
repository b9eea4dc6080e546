"""What the controller and the observer have in common: a copy of the metadata log, and the image it gives.

The image that is published is committed: it never goes back, whatever happens to the quorum. The node's broker is told
every step, in order. Handlers that have just had topics made wait here until the node knows them.

When the disk fails under the copy, its keeper halts: nothing of what it knew beyond the published image is used on. It
opens and recovers the copy again, at growing intervals, and goes on from the published image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.controller.messages import METADATA_LOG, METADATA_TOPIC_ID, AwaitTopics, ImageAdvanced, MetadataHalted
from actors.controller.metadata_log import Replay
from actors.image.image import NO_LEADER, ClusterImage, ImageDelta
from actors.node.messages import CheckFiles
from actors.runtime import Actor, Ref, Reply, Timer, receives
from actors.runtime.logs import logger
from kstore.errors import KafkaStorageError
from kstore.log import Log, LogConfig
from kstore.log.answers import DiskWork
from kstore.log.checkpoints import CheckpointError, read_partition_metadata, write_partition_metadata
from kstore.log.damage import is_there
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.folder import Folder
    from actors.node.node import BrokerNode

BATCH_BYTES_MAX = 8 << 20
"""The largest decision: Kafka's limit on a batch of the metadata log."""

RETRY_MS_MIN = 250
RETRY_MS_MAX = 5_000
STEADY_MS = 60_000


class TopicsLate(NamedTuple):
    """To itself: a handler has waited for topics for as long as it may."""

    number: int


class BeginAgain(NamedTuple):
    """To itself: try to take the copy into use again."""


class Waiting(NamedTuple):
    """A handler that waits for topics."""

    names: tuple[str, ...]
    reply: Reply
    timer: Timer


class MetadataKeeper(Actor):
    """Keeps one node's copy of ``__cluster_metadata-0`` and its committed image."""

    node: BrokerNode

    HALTED = "can't use its metadata log"
    log: Log | None = None

    def __init__(self, node: BrokerNode, name: str, broker: Ref, folder: Folder) -> None:
        super().__init__(node, name)
        assert folder.meta is not None, "a folder belongs to a cluster before its node starts"
        self.broker = broker
        self.folder = folder
        self.published = ClusterImage(cluster_id=folder.meta.cluster_id)
        self.known = self.published  # what the broker has made of it: never ahead, sometimes a turn behind
        self.replay = Replay()
        self.waiting: dict[int, Waiting] = {}
        self.waited = 0
        self.halted = False
        self.closed = False
        self.retry_ms = RETRY_MS_MIN
        self.turned_ms = 0  # when it was last given up, or taken into use again
        self.said = ""

    def on_start(self) -> None:
        """Replay the copy and go on from there."""
        try:
            self.begin()
        except (OSError, KafkaStorageError, CheckpointError) as error:
            self.halt(error)

    def begin(self) -> None:
        """Open the copy, replay what isn't published yet, and take up work; raises what the disk says."""
        raise AssertionError(f"{type(self).__name__} keeps no log")

    def let_go(self) -> None:
        """Forget all that isn't published, and answer those who wait for it."""
        raise AssertionError(f"{type(self).__name__} keeps no log")

    def halt(self, error: Exception) -> None:
        """The disk fails under the copy: stops using it, and tries again after a while."""
        if self.halted or self.closed:
            return
        self.halted = True
        if self.now_us() // 1000 - self.turned_ms >= STEADY_MS:
            self.retry_ms, self.said = RETRY_MS_MIN, ""
        self.turned_ms = self.now_us() // 1000
        what = str(error)
        self.note("MetadataHalted", METADATA_LOG, self.published.offset, -1, what)
        if what != self.said:
            self.said = what
            logger("storage").warning("%s %s: %s; kstore retries", self.folder.name, self.HALTED, what)
        self.let_go()
        self.shut()
        self.broker.tell(MetadataHalted(True))
        self.after(self.retry_ms, BeginAgain())
        self.retry_ms = min(self.retry_ms * 2, RETRY_MS_MAX)

    def shut(self) -> None:
        """Give the copy's files back, unflushed."""
        log, self.log = self.log, None
        if log is not None:
            try:
                log.shut()
            except OSError as error:
                self.note("LogNotClosed", METADATA_LOG, error.errno or -1)

    @receives(CheckFiles)
    def check_files(self, message: CheckFiles) -> None:
        """The node's folder was deleted: a log that is deleted while it is open can't be found again."""
        if self.log is not None and not is_there(self.log):
            self.halt(KafkaStorageError(f"the files of {METADATA_LOG} are gone"))

    @receives(BeginAgain)
    def begin_again(self, message: BeginAgain) -> None:
        """Take the copy into use, if the disk lets it."""
        if self.closed:
            return
        self.halted = False
        self.on_start()
        if self.log is not None:
            self.turned_ms = self.now_us() // 1000
            logger("storage").warning("node %d: the metadata log of %s is back", self.node.node_id, self.folder.name)
            self.broker.tell(MetadataHalted(False))

    def open_log(self) -> Log:
        """The node's copy, recovered as far as its bytes are whole; what was published must be there."""
        fs = self.folder.fs
        config = LogConfig(max_message_bytes=BATCH_BYTES_MAX)
        log = Log.open(fs, METADATA_LOG, config, now_ms=self.now_ms(), clean=False, floor=self.floor)
        if read_partition_metadata(fs, METADATA_LOG) is None:
            write_partition_metadata(fs, METADATA_LOG, METADATA_TOPIC_ID, sync=True)
        return log

    @property
    def floor(self) -> int:
        """Up to where the copy must reach: what a predecessor of this keeper has published counts as well."""
        return max(self.published.offset, self.node.view.image.offset) + 1

    def on_failure(self, *_: object) -> None:
        """The log's files are given back; the next keeper opens and recovers it."""
        self.shut()

    def run_disk_work(self, log: Log) -> None:
        """Hand what the log wants done on the disk to the disk lane; raises KafkaStorageError."""
        for work in log.take_work():
            self.on_disk(work.run, self.disk_work_done, work, log)

    def disk_work_done(self, outcome: object, work: DiskWork, log: Log) -> None:
        """The disk lane has done it, for this log or one that was given up."""
        error = outcome if isinstance(outcome, OSError) else None
        work.done(error)
        if error is not None and log is self.log:
            self.halt(KafkaStorageError(log.failure))

    def publish(self, image: ClusterImage, delta: ImageDelta) -> None:
        """Tell the broker what is committed now. At first that is everything."""
        if self.published.offset < 0:
            delta = image.whole(self.node.view.image)  # which a predecessor of this keeper may have published
        self.published = image
        self.note("ImageAdvanced", "", image.offset, image.epoch)
        self.request(self.broker, ImageAdvanced(image, delta), self.adopted, image)

    def adopted(self, outcome: object, image: ClusterImage) -> None:
        """The broker has brought its node in step with an image: handlers that waited for it find it there."""
        if isinstance(outcome, Exception):
            return  # the node is stopping
        self.known = image
        for number, waiting in list(self.waiting.items()):
            if self.knows(waiting.names):
                self.end_waiting(number, True)

    def knows(self, names: tuple[str, ...]) -> bool:
        """True when the node acts on an image that has all these topics with all their leaders."""
        topics = self.known.topics
        return all(
            name in topics and all(p.leader != NO_LEADER for p in topics[name].partitions.values()) for name in names
        )

    @receives(AwaitTopics)
    def await_topics(self, message: AwaitTopics) -> bool | None:
        """Answer when the topics are known."""
        if self.knows(message.names):
            return True
        self.waited += 1
        timer = self.after(message.timeout_ms, TopicsLate(self.waited))
        self.waiting[self.waited] = Waiting(message.names, self.defer(), timer)
        return None

    @receives(TopicsLate)
    def topics_late(self, message: TopicsLate) -> None:
        """End the wait of one handler."""
        if message.number in self.waiting:
            self.end_waiting(message.number, False)

    def end_waiting(self, number: int, known: bool) -> None:
        waiting = self.waiting.pop(number)
        waiting.timer.cancel()
        waiting.reply.set(known)
