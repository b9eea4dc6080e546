"""The checkpoint files of a log directory: high watermarks, recovery points and log start offsets.

High watermarks move all the time: a replica reports once that its own has moved, and when the file is due those
replicas are asked for the value. Recovery points rise when a segment is synced, and are reported with their value. The
file may lag behind rising ones, which only makes a recovery longer, but is written at once when one has fallen, because
what was truncated may come again with other bytes. Start offsets are kept in the same way. When a partition is gone,
all files that name it are written at once, and its place is free after that: else what they say of it would be taken
for what they say of a new topic of its name. An idle node writes nothing.

The files are written durably, off the turn. A recovery point that must be in its file before a log goes on is noted
with ``NoteRecoveryPoint``. A file that can't be written is retried until it works, and logged once. The logs go on: an
older checkpoint only costs a longer recovery, and a high watermark that the leader corrects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from actors.partition.messages import HighWatermarkMoved, RecoveryPointMoved, ReportHighWatermark, StartOffsetMoved
from actors.runtime import Actor, receives
from actors.runtime.logs import logger
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Ref, Reply

Write = Callable[[Mapping[TopicAndPartition, int]], Callable[[], None]]

REPORT = ReportHighWatermark()
RETRY_MS = 5_000


class ForgetReplica(NamedTuple):
    """A partition is no longer on this node; answered once the file, durably, doesn't name it."""

    topic: str
    partition: int


class NoteRecoveryPoint(NamedTuple):
    """Have a log's recovery point in the file; answered once it is durable there, with an OSError if it can't be."""

    topic: str
    partition: int
    offset: int


class EndWriting(NamedTuple):
    """Write no more, as the node stops and writes the files itself; answered when no write is under way."""


class CheckpointTime(NamedTuple):
    """To itself: the interval of the checkpoint has passed since something moved."""


class Checkpoint(Actor):
    """One of a node's checkpoint files. ``write`` returns what writes the values of all logs into it."""

    node: BrokerNode

    INTERVAL = ""

    def __init__(
        self,
        node: BrokerNode,
        known: Mapping[TopicAndPartition, int],
        write: Write,
        name: str,
    ) -> None:
        super().__init__(node, name)
        self.interval_ms = node.config.integer(self.INTERVAL)
        self.known: dict[TopicAndPartition, int] = dict(known)
        self.write = write
        self.timed = False
        self.failing = False
        self.writing = False
        self.outdated = False  # what is being written
        self.replies: list[Reply] = []  # for the next write, and
        self.served: list[Reply] = []  # for the one under way
        self.forgets: list[Reply] = []  # as replies and served, but kept until a write works
        self.forgetting: list[Reply] = []
        self.is_over = False
        self.end: Reply | None = None

    def set_timer(self, delay_ms: float | None = None) -> None:
        """Set a timer for the next write."""
        if not self.timed:
            self.timed = True
            self.after(self.interval_ms if delay_ms is None else delay_ms, CheckpointTime())

    @receives(CheckpointTime)
    def checkpoint_time(self, message: CheckpointTime) -> None:
        """Write the file, as its interval has passed."""
        self.timed = False
        self.save()

    def save(self) -> None:
        """Write the file, after the write that is under way; later, if that can't be done now."""
        if self.is_over:
            return
        self.outdated = self.writing
        if self.writing:
            return
        self.served, self.replies = self.replies, []
        self.forgetting += self.forgets
        self.forgets = []
        try:
            write = self.write(self.known)
        except OSError as error:
            self.saved(error)
            return
        self.writing = True
        self.on_disk(write, self.saved)

    def saved(self, outcome: object) -> None:
        """Handle that the file was written, or couldn't be."""
        self.writing = False
        what = self.actor_urn.rpartition("/")[2].replace("-", " ")
        if isinstance(outcome, OSError):
            self.note("CheckpointNotWritten", what, outcome.errno or -1)
            if not self.failing:
                self.failing = True
                line = "node %d: the checkpoint of %s can't be written: %s; kstore retries"
                logger("storage").warning(line, self.node.node_id, what, outcome)
            self.set_timer(min(self.interval_ms, RETRY_MS))
        elif self.failing:
            self.failing = False
            logger("storage").warning("node %d: the checkpoint of %s can be written again", self.node.node_id, what)
        served, self.served = self.served, []
        for reply in served:
            reply.set(outcome)
        if not isinstance(outcome, OSError):
            forgetting, self.forgetting = self.forgetting, []
            for reply in forgetting:
                reply.set(None)
        if self.end is not None:
            self.end.set(None)
        if self.outdated:
            self.save()

    def forget_key(self, key: TopicAndPartition) -> None:
        """Leave a partition out from now on; answered as ForgetReplica says."""
        if self.known.pop(key, None) is not None:
            self.forgets.append(self.defer())
            if len(self.forgets) == 1:
                self.go_on_later(self._save_without)  # once for all that go together

    def _save_without(self, _: object) -> None:
        if self.forgets:
            self.save()

    @receives(EndWriting)
    def end_writing(self, message: EndWriting) -> None:
        """Write no more."""
        self.is_over = True
        if self.writing:
            self.end = self.defer()


class HighWatermarks(Checkpoint):
    """The high watermarks of a node's replicas."""

    INTERVAL = "replica.high.watermark.checkpoint.interval.ms"

    def __init__(
        self,
        node: BrokerNode,
        known: Mapping[TopicAndPartition, int],
        write: Write,
        name: str = "high-watermarks",
    ) -> None:
        super().__init__(node, known, write, name)
        self.moved: dict[TopicAndPartition, Ref] = {}
        self.asked = 0
        self.changed = False

    @receives(HighWatermarkMoved)
    def high_watermark_moved(self, message: HighWatermarkMoved) -> None:
        """Note that a replica's high watermark has moved."""
        self.moved[message.topic, message.partition] = message.replica
        self.set_timer()

    @receives(CheckpointTime)
    def checkpoint_time(self, message: CheckpointTime) -> None:
        """Ask the replicas whose high watermarks have moved."""
        self.timed = False
        self._collect()

    @receives(ForgetReplica)
    def forget(self, message: ForgetReplica) -> None:
        """Leave a partition out from now on."""
        key = (message.topic, message.partition)
        self.moved.pop(key, None)
        self.forget_key(key)

    def _collect(self) -> None:
        moved, self.moved = self.moved, {}
        for key, replica in moved.items():
            self.asked += 1
            self.request(replica, REPORT, self._reported, key)
        self._write_when_known()

    def _reported(self, outcome: object, key: TopicAndPartition) -> None:
        self.asked -= 1
        if isinstance(outcome, int):
            self.known[key] = outcome
            self.changed = True
        self._write_when_known()

    def _write_when_known(self) -> None:
        if not self.asked and self.changed:
            self.changed = False
            self.save()

    def saved(self, outcome: object) -> None:
        """As ``Checkpoint``."""
        self.changed = self.changed or isinstance(outcome, OSError)
        super().saved(outcome)


class RecoveryPoints(Checkpoint):
    """The recovery points of a node's logs."""

    INTERVAL = "log.flush.offset.checkpoint.interval.ms"

    def __init__(
        self,
        node: BrokerNode,
        known: Mapping[TopicAndPartition, int],
        write: Write,
        name: str = "recovery-points",
    ) -> None:
        super().__init__(node, known, write, name)

    @receives(RecoveryPointMoved)
    def recovery_point_moved(self, message: RecoveryPointMoved) -> None:
        """Note a log's new recovery point."""
        self._moved(message)

    @receives(NoteRecoveryPoint)
    def note_recovery_point(self, message: NoteRecoveryPoint) -> None:
        """Write a log's recovery point at once."""
        self.known[message.topic, message.partition] = message.offset
        self.replies.append(self.defer())
        self.save()

    def _moved(self, message: RecoveryPointMoved | StartOffsetMoved) -> None:
        self.known[message.topic, message.partition] = message.offset
        if message.has_fallen:
            self.save()
        else:
            self.set_timer()

    @receives(ForgetReplica)
    def forget(self, message: ForgetReplica) -> None:
        """Leave a partition out from now on."""
        self.forget_key((message.topic, message.partition))


class StartOffsets(RecoveryPoints):
    """The log start offsets of a node's logs."""

    INTERVAL = "log.flush.start.offset.checkpoint.interval.ms"

    @receives(StartOffsetMoved)
    def start_offset_moved(self, message: StartOffsetMoved) -> None:
        """Note a log's new start offset."""
        self._moved(message)
