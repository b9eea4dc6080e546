"""The base class of the controller and the observer: it keeps a copy of the metadata log and its image.

The published image is committed: it never goes back, whatever happens to the quorum. The node's broker gets every step,
in order. Handlers that have just made topics wait here until the node knows them.

If the disk of the copy fails, the keeper halts, and drops everything after the published image. It opens and recovers
the copy again, at growing intervals, and goes on from the published image.
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
    """To itself: try to open the copy again."""


class WaitingHandler(NamedTuple):
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
        self.known = self.published  # the image that the broker has applied: never ahead, sometimes a turn behind
        self.replay = Replay()
        self.waiting: dict[int, WaitingHandler] = {}
        self.waited = 0
        self.halted = False
        self.closed = False
        self.retry_ms = RETRY_MS_MIN
        self.turned_ms = 0  # when it last halted, or began again
        self.said = ""

    def on_start(self) -> None:
        """Replay the copy and go on from there."""
        try:
            self.begin()
        except (OSError, KafkaStorageError, CheckpointError) as error:
            self.halt(error)

    def begin(self) -> None:
        """Open the copy, replay what isn't published yet, and start to work; raises the disk's error."""
        raise AssertionError(f"{type(self).__name__} keeps no log")

    def refuse_waiting(self) -> None:
        """Drop everything that isn't published, and answer the requests that wait for it."""
        raise AssertionError(f"{type(self).__name__} keeps no log")

    def halt(self, error: Exception) -> None:
        """Stop using the copy after a disk failure, and try again later."""
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
        self.refuse_waiting()
        self.shut()
        self.broker.tell(MetadataHalted(True))
        self.after(self.retry_ms, BeginAgain())
        self.retry_ms = min(self.retry_ms * 2, RETRY_MS_MAX)

    def shut(self) -> None:
        """Close the copy's files, without a flush."""
        log, self.log = self.log, None
        if log is not None:
            try:
                log.shut()
            except OSError as error:
                self.note("LogNotClosed", METADATA_LOG, error.errno or -1)

    @receives(CheckFiles)
    def check_files(self, message: CheckFiles) -> None:
        """Halt if the log was deleted: what is written to a deleted file can't be found again."""
        if self.log is not None and not is_there(self.log):
            self.halt(KafkaStorageError(f"the files of {METADATA_LOG} are gone"))

    @receives(BeginAgain)
    def begin_again(self, message: BeginAgain) -> None:
        """Begin again with the copy, if the disk works."""
        if self.closed:
            return
        self.halted = False
        self.on_start()
        if self.log is not None:
            self.turned_ms = self.now_us() // 1000
            logger("storage").warning("node %d: the metadata log of %s is back", self.node.node_id, self.folder.name)
            self.broker.tell(MetadataHalted(False))

    def open_log(self) -> Log:
        """The node's copy, recovered as far as its bytes are valid; everything published must be in it."""
        fs = self.folder.fs
        config = LogConfig(max_message_bytes=BATCH_BYTES_MAX)
        log = Log.open(fs, METADATA_LOG, config, now_ms=self.now_ms(), clean=False, floor=self.floor)
        if read_partition_metadata(fs, METADATA_LOG) is None:
            write_partition_metadata(fs, METADATA_LOG, METADATA_TOPIC_ID, sync=True)
        return log

    @property
    def floor(self) -> int:
        """Up to where the copy must reach, which includes what this keeper's predecessor published."""
        return max(self.published.offset, self.node.view.image.offset) + 1

    def on_failure(self, *_: object) -> None:
        """Close the log's files; the next keeper opens and recovers it."""
        self.shut()

    def run_disk_work(self, log: Log) -> None:
        """Submit the log's pending disk work to the disk thread; raises KafkaStorageError."""
        for work in log.take_work():
            self.on_disk(work.run, self.disk_work_done, work, log)

    def disk_work_done(self, outcome: object, work: DiskWork, log: Log) -> None:
        """Handle finished disk work, of this log or of an earlier one."""
        error = outcome if isinstance(outcome, OSError) else None
        work.done(error)
        if error is not None and log is self.log:
            self.halt(KafkaStorageError(log.failure))

    def publish(self, image: ClusterImage, delta: ImageDelta) -> None:
        """Send the broker what is committed now; at first everything."""
        if self.published.offset < 0:
            delta = image.whole(self.node.view.image)  # which this keeper's predecessor may have published
        self.published = image
        self.note("ImageAdvanced", "", image.offset, image.epoch)
        self.request(self.broker, ImageAdvanced(image, delta), self.adopted, image)

    def adopted(self, outcome: object, image: ClusterImage) -> None:
        """Answer handlers that waited for an image, as the broker has applied it."""
        if isinstance(outcome, Exception):
            return  # the node is stopping
        self.known = image
        for number, waiting in list(self.waiting.items()):
            if self.knows(waiting.names):
                self.end_waiting(number, True)

    def knows(self, names: tuple[str, ...]) -> bool:
        """Whether the node's image has all these topics, with all their leaders."""
        topics = self.known.topics
        return all(
            name in topics and all(p.leader != NO_LEADER for p in topics[name].partitions.values()) for name in names
        )

    @receives(AwaitTopics)
    def await_topics(self, message: AwaitTopics) -> bool | None:
        """Answer once the topics are known."""
        if self.knows(message.names):
            return True
        self.waited += 1
        timer = self.after(message.timeout_ms, TopicsLate(self.waited))
        self.waiting[self.waited] = WaitingHandler(message.names, self.defer(), timer)
        return None

    @receives(TopicsLate)
    def topics_late(self, message: TopicsLate) -> None:
        """End the wait of one handler."""
        if message.number in self.waiting:
            self.end_waiting(message.number, False)

    def end_waiting(self, number: int, known: bool) -> None:
        """Answer a handler that waits for topics: whether they are known."""
        waiting = self.waiting.pop(number)
        waiting.timer.cancel()
        waiting.reply.set(known)
