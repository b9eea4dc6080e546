"""What the controller and the observer have in common: a copy of the metadata log, and the image it gives.

The image that is published is committed: it never goes back, whatever happens to the quorum. The node's broker is told
every step, in order. Handlers that have just had topics made wait here until the node knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.controller.image import NO_LEADER, ClusterImage, ImageDelta
from actors.controller.messages import METADATA_LOG, METADATA_TOPIC_ID, AwaitTopics, ImageAdvanced
from actors.controller.metadata_log import Replay
from actors.runtime import Actor, Node, Ref, Reply, Timer, receives
from kstore.log import Log, LogConfig
from kstore.log.answers import DiskWork
from kstore.log.checkpoints import read_partition_metadata, write_partition_metadata
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.broker.folder import Folder

BATCH_BYTES_MAX = 8 << 20
"""The largest decision: Kafka's limit on a batch of the metadata log."""


class TopicsLate(NamedTuple):
    """To itself: somebody has waited for topics as long as it wanted to."""

    number: int


class Waiting(NamedTuple):
    """Somebody who waits for topics."""

    names: tuple[str, ...]
    reply: Reply
    timer: Timer


class MetadataKeeper(Actor):
    """Keeps one node's copy of `__cluster_metadata-0` and its committed image."""

    log: Log

    def __init__(self, node: Node, name: str, broker: Ref, folder: Folder) -> None:
        super().__init__(node, name)
        assert folder.meta is not None, "a folder belongs to a cluster before its node starts"
        self.broker = broker
        self.folder = folder
        self.published = ClusterImage(cluster_id=folder.meta.cluster_id)
        self.known = self.published  # what the broker has made of it: never ahead, sometimes a turn behind
        self.replay = Replay()
        self.waiting: dict[int, Waiting] = {}
        self.waited = 0

    def open_log(self) -> Log:
        """The node's copy, recovered as far as its bytes are whole."""
        fs = self.folder.fs
        config = LogConfig(max_message_bytes=BATCH_BYTES_MAX)
        log = Log.open(fs, METADATA_LOG, config, now_ms=self.now_ms(), clean=False)
        if read_partition_metadata(fs, METADATA_LOG) is None:
            write_partition_metadata(fs, METADATA_LOG, METADATA_TOPIC_ID, sync=True)
        return log

    def on_failure(self, *_: object) -> None:
        """The log's files are given back; the next keeper opens and recovers it."""
        if "log" in vars(self):
            self.log.shut()

    def run_disk_work(self, log: Log) -> None:
        """Hands what the log wants done on the disk to the disk lane."""
        for work in log.take_work():
            self.on_disk(work.run, self.disk_work_done, work)

    def disk_work_done(self, outcome: object, work: DiskWork) -> None:
        """The disk lane has done it; a metadata log that can't be written ends the node."""
        if isinstance(outcome, OSError):
            work.done(outcome)
            raise RuntimeError(f"the metadata log can't be written ({work.name})") from outcome
        work.done(None)

    def publish(self, image: ClusterImage, delta: ImageDelta) -> None:
        """Tells the broker what is committed now. At first that is everything."""
        if self.published.offset < 0:
            view = self.node.view  # of what a predecessor of this keeper may have published
            delta = image.whole(None if view is None else view.image)
        self.published = image
        self.note("ImageAdvanced", "", image.offset, image.epoch)
        self.request(self.broker, ImageAdvanced(image, delta), self.adopted, image)

    def adopted(self, outcome: object, image: ClusterImage) -> None:
        """The broker has brought its node in step with an image: whoever waited for it finds it there."""
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
        """Answers when the topics are known."""
        if self.knows(message.names):
            return True
        self.waited += 1
        timer = self.after(message.timeout_ms, TopicsLate(self.waited))
        self.waiting[self.waited] = Waiting(message.names, self.defer(), timer)
        return None

    @receives(TopicsLate)
    def topics_late(self, message: TopicsLate) -> None:
        """Somebody has waited long enough."""
        if message.number in self.waiting:
            self.end_waiting(message.number, False)

    def end_waiting(self, number: int, known: bool) -> None:
        waiting = self.waiting.pop(number)
        waiting.timer.cancel()
        waiting.reply.set(known)
