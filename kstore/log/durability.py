"""Durability of a log: how far it is synced to disk, and the disk work that syncs more.

Disk work is created in order and must run in order, on any thread; only its ``done`` touches the log. A sync of
a log says "durable up to here" and must not say so of bytes that were cut and written anew meanwhile: every
truncation starts a new generation, and what belongs to an older one raises nothing.

An fsync costs milliseconds, so only what has changed is synced: a log that nothing was appended to or cut from, at
either end, since the last time has nothing to do, even if an epoch without records was noted in it, which a power cut
may take; each file and folder is synced once in a piece of work, and the folder above only until it is known to have
the log's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kstore.fs.interface import parent
from kstore.log import snapshot
from kstore.log.answers import DiskWork
from kstore.log.segment import Segment

if TYPE_CHECKING:
    from kstore.log.log import Log

INDEX_WAITING_MAX_BYTES = 4096

Step = Callable[[], None]


class Durability:
    """``recovery_point``: everything below it survives a power cut. ``generation`` rises with each truncation."""

    __slots__ = (
        "_cut",
        "_log",
        "_loose",
        "_names_gone",
        "_names_new",
        "_path_new",
        "_settled",
        "_synced_ms",
        "_waiting",
        "generation",
        "recovery_point",
    )

    def __init__(self, log: Log, recovery_point: int, now_ms: int, *, repaired: bool) -> None:
        """``repaired``: files were cut or built anew as the log was opened."""
        self._log = log
        self.recovery_point = recovery_point
        self._waiting: list[DiskWork] = []
        self._loose: set[str] = set()
        self.generation = self._settled = 0
        self._synced_ms = now_ms
        self._cut = repaired
        self._names_new = True  # in the log's folder
        self._names_gone = False  # from there: the next start must not find them
        self._path_new = True  # that folder itself

    def written(self, path: str) -> None:
        """Note that a small file with a new name was written: the next sync covers it."""
        self._loose.add(path)

    def sync_due(self, now_ms: int) -> bool:
        """Whether ``flush.messages`` or ``flush.ms`` asks for a sync now."""
        config = self._log.config
        unsynced = self._log.end_offset - self.recovery_point
        if not unsynced:
            self._synced_ms = now_ms
            return False
        return unsynced >= config.flush_messages or now_ms - self._synced_ms >= config.flush_ms

    def segment_sealed(self, segment: Segment, snapshot_path: str, end_offset: int) -> None:
        """The segment is complete and ends at ``end_offset``: sync what isn't yet, up to it."""
        self.written(snapshot_path)
        self._waiting.append(self._work(f"roll {segment.file.path}", end_offset, segment))
        self._names_new = True  # the next segment's

    def sync_soon(self, now_ms: int) -> None:
        """Have what isn't synced yet synced in the next work of the disk."""
        self._synced_ms = now_ms
        work = self.sync_work()
        if work is not None:
            self._waiting.append(work)

    def sync_work(self) -> DiskWork | None:
        """Make the log durable up to its end; None when there is nothing to do."""
        log = self._log
        if log.end_offset <= self.recovery_point and not (self._loose or self._cut or self._names_gone):
            return None
        return self._work(f"sync {log.path}", log.end_offset)

    def _work(self, name: str, end_offset: int, sealed: Segment | None = None) -> DiskWork:
        try:
            steps = self._steps(end_offset, sealed)
        except OSError as error:
            raise self._log.failed(f"couldn't write the indexes of {self._log.path}: {error}") from error
        generation = self.generation

        def run() -> None:
            for step in steps:
                step()

        def done(error: BaseException | None) -> None:
            if error is not None:
                self._log.failed(f"couldn't make {self._log.path} durable: {error}")
            elif generation == self.generation and self._log.failure is None:  # else another sync may have lost pages
                self._settled = generation
                self.recovery_point = max(self.recovery_point, end_offset)

        return DiskWork(name, run, done)

    def _steps(self, end_offset: int, sealed: Segment | None) -> list[Step]:
        """The batches first, then what is derived from them, the folder's names last. The last entries of the indexes
        came as the segment was sealed, even if its batches were durable before.
        """
        log = self._log
        steps: list[Step] = []
        segments = [sealed] if sealed is not None else []
        if end_offset > self.recovery_point or self._cut:
            segments = log.segments.from_offset(self.recovery_point)
        for segment in segments:
            steps += segment.sync_later()
        if log.epochs.unsynced:
            self._loose.add(log.epochs.path)
            log.epochs.unsynced = False
        steps += [log.fs.sync_path_later(path) for path in sorted(self._loose)]
        if self._names_new or self._names_gone or self._loose:
            steps.append(log.fs.sync_path_later(log.path))
        if self._path_new:
            steps.append(log.fs.sync_path_later(parent(log.path)))
        self._loose.clear()
        self._cut = self._names_new = self._names_gone = self._path_new = False
        return steps

    def forget(self, unlinks: list[Step]) -> None:
        """Files to unlink after ``file.delete.delay.ms``; in memory at once, as they take room there."""
        log = self._log
        self._names_gone = self._names_gone or bool(unlinks)
        delay_ms = 0 if log.fs.in_memory else log.config.file_delete_delay_ms
        for unlink in unlinks:
            self._waiting.append(DiskWork(f"unlink in {log.path}", unlink, self._unlinked, delay_ms))

    def _unlinked(self, error: BaseException | None) -> None:
        if error is not None:
            self._log.failed(f"couldn't remove files of {self._log.path}: {error}")

    def only_up_to(self, offset: int) -> None:
        """Note that less is on the disk than was taken for granted."""
        self.recovery_point = min(self.recovery_point, offset)

    def lowered(self, offset: int) -> None:
        """Note that nothing is promised from an offset on, whatever is being synced."""
        self.generation += 1
        self.recovery_point = min(self.recovery_point, offset)

    @property
    def is_settled(self) -> bool:
        """Whether what was cut last is durably gone."""
        return self._settled == self.generation

    def truncated(self, end_offset: int, *, fully: bool = False) -> None:
        """Note that the log ends at ``end_offset`` now; ``fully``: nothing that it had before is left."""
        self.generation += 1
        self._cut = self._names_new = True
        self.recovery_point = end_offset if fully else min(self.recovery_point, end_offset)

    def take(self) -> list[DiskWork]:
        """What has come up, in order. Indexes with more to write than they should keep in memory are written out."""
        try:
            active = self._log.segments.active
            if len(active.time_index.waiting) >= INDEX_WAITING_MAX_BYTES:
                active.time_index.save()
            if len(active.offset_index.waiting) >= INDEX_WAITING_MAX_BYTES:
                active.offset_index.save()
            if active.aborted is not None and len(active.aborted.waiting) >= INDEX_WAITING_MAX_BYTES:
                active.aborted.save()
        except OSError as error:
            raise self._log.failed(f"couldn't write the indexes of {self._log.path}: {error}") from error
        waiting, self._waiting = self._waiting, []
        return waiting

    def take_all(self, *, beside_checkpoints: bool = False) -> list[DiskWork]:
        """All work that waits, and a sync to the end; of the files in the folder alone, when that is enough."""
        works = self.take()
        if beside_checkpoints:
            self._path_new = False
        last = self.sync_work()
        return works if last is None else [*works, last]

    def closing_work(self) -> list[DiskWork]:
        """As ``Log.closing_work``."""
        log = self._log
        try:
            if log.failure is None:
                log.segments.active.seal()
                path = log.segments.snapshot_path(log.end_offset)
                if log.end_offset > log.segments.first.base_offset and not log.fs.exists(path):
                    log.fs.replace(path, snapshot.encode(log.producers.snapshot()), sync=False)
                    self.written(path)
            return self.take_all(beside_checkpoints=True)
        except OSError as error:
            raise log.failed(f"couldn't close {log.path}: {error}") from error


def run_all(works: list[DiskWork]) -> None:
    """Do it here and now; raises OSError."""
    for work in works:
        try:
            work.run()
        except OSError as error:
            work.done(error)
            raise
        work.done(None)
