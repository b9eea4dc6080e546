"""A log as a node keeps it, and a model of what it may hold: for tests that crash it.

``CrashNode`` does what a broker does around a log: it claims the folder, recovers the log from the checkpoints, runs
the disk's work in order and when it likes, and writes checkpoints. ``Ledger`` knows what was asked of the log and from
when on it was promised to survive a power loss.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from log.batching import NOW_MS

from actors.node.folder import claim_folder
from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem
from kstore.fs.faulty import WRITING, Fault, FaultyFileSystem
from kstore.log import DiskWork, Log, LogConfig
from kstore.log.checkpoints import MetaProperties
from kstore.log.manifest import note_log
from kstore.named import NamedTuple
from kstore.records import RecordBatch

PATH = "orders-0"
KEY = ("orders", 0)
META = MetaProperties("a-cluster", 1, bytes(range(16)))


class Entry(NamedTuple):
    """A batch as it stands in the log."""

    first: int
    last: int
    epoch: int
    data: bytes

    @classmethod
    def of(cls, batch: RecordBatch) -> Entry:
        return cls(batch.base_offset, batch.last_offset, batch.leader_epoch, batch.to_bytes())


class Ledger:
    """``now`` is what the log holds, with what is being appended; ``before`` are the lists of which a cut that may be
    undone by a power loss has made it. ``start`` is where the log begins. It has been appended up to ``written``, and
    was promised to be durable up to ``durable``.
    """

    def __init__(self) -> None:
        self.now: list[Entry] = []
        self.before: list[list[Entry]] = []
        self.start = 0
        self.durable = self.written = 0
        self.epochs: set[tuple[int, int]] = set()
        self.compacts = False

    def cut(self, offset: int) -> None:
        """Everything from an offset on is about to go, in whole batches."""
        self.before.append(self.now)
        self.now = [each for each in self.now if each.last < offset]
        self.durable = min(self.durable, self.end)
        self.written = min(self.written, self.end)

    def settled(self) -> None:
        """All is durable as it is."""
        self.before.clear()

    @property
    def end(self) -> int:
        return self.now[-1].last + 1 if self.now else 0

    def promise(self, offset: int) -> None:
        """Everything below an offset was made durable, of what isn't to be cut."""
        self.durable = min(max(self.durable, offset), self.end)

    @property
    def promised(self) -> list[Entry]:
        """What must be there after a power loss."""
        return [each for each in self.now if each.last < self.durable and each.last >= self.start]


class EachOperation(Fault):
    """No fault, but a call before each operation that changes the disk."""

    def __init__(self, call: Callable[[str, str], None]) -> None:
        super().__init__(frozenset(WRITING), "*", 0, times=None, chance=1.0, torn=False)
        self.call = call

    def meets(self, operation: str, path: str, random: Random) -> bool:
        if operation in self.operations:
            self.call(operation, path)
        return False


class CrashNode:
    """A node with one log. ``log`` is there between ``start`` and the end, however that comes."""

    def __init__(self, disk: FileSystem, config: LogConfig) -> None:
        self.fs = FaultyFileSystem(disk)
        self.config = config
        self.works: list[DiskWork] = []
        self.stopping = self.is_claimed = False
        self.log: Log

    def start(self, now_ms: int = NOW_MS) -> Log:
        """As a broker starts on its folder."""
        folder = self.folder = claim_folder(self.fs, "node-1")
        self.is_claimed = True
        folder.begin(META)
        self.works = []
        self.log = Log.open(
            self.fs,
            PATH,
            self.config,
            now_ms=now_ms,
            clean=folder.clean,
            recovery_point=folder.recovery_points.get(KEY, 0),
            start_offset=folder.start_offsets.get(KEY, 0),
            high_watermark=folder.high_watermarks.get(KEY, 0),
            note=folder.notes.get(PATH),
        )
        self._known = self.log.recovery_point, self.log.start_offset
        return self.log

    def work(self, count: int) -> None:
        """Do the first so many pieces of the disk's work, and note what that has moved."""
        self.works += self.log.take_work()
        for work in self.works[:count]:
            try:
                work.run()
            except OSError as error:
                work.done(error)
            else:
                work.done(None)
        del self.works[:count]
        self.checkpoint(all_moves=False)

    def flush(self) -> None:
        """Make it durable up to its end."""
        self.works += self.log.take_work()
        if (work := self.log.flush_work()) is not None:
            self.works.append(work)
        self.work(len(self.works))

    def lower_recovery_point(self, offset: int) -> None:
        """The log is about to be cut there: from now on what comes behind may be torn."""
        if offset < self.log.recovery_point:
            self.folder.checkpoint_recovery_points({KEY: self.log.lower_recovery_point(offset)})()

    def checkpoint(self, *, all_moves: bool) -> None:
        """Write the checkpoints of what has moved; unless ``all_moves``, only of what has fallen, which can't wait."""
        point, start = self.log.recovery_point, self.log.start_offset
        if point < self._known[0] or all_moves:
            self.folder.checkpoint_recovery_points({KEY: point})()
        if start < self._known[1] or all_moves:
            self.folder.checkpoint_start_offsets({KEY: start} if start else {})()
        if all_moves:
            self.folder.checkpoint_high_watermarks({KEY: self.log.high_watermark})()
        self._known = point, start

    def stop(self) -> None:
        """As a broker stops in order. What the log has made durable is so once checkpoints are written beside it."""
        self.stopping = True
        self.works += self.log.closing_work()
        self.work(len(self.works))
        if self.log.failure is not None:
            raise KafkaStorageError(self.log.failure)
        self.folder.notes[PATH] = note_log(self.log)
        self.log.shut()
        self.checkpoint(all_moves=True)
        self.stopping = False
        self.folder.mark_clean(7)
        self.die()

    def die(self) -> None:
        """As at SIGKILL: nothing more is done, and what was written stays."""
        if self.is_claimed:
            self.is_claimed = False
            self.folder.release()
