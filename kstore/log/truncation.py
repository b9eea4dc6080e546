"""Truncation of a log: at its end as the leader requires, at its start where records were deleted, or completely.

Files go first, in an order that leaves no hole wherever a crash interrupts it (``Segments``); then everything that is
derived from the batches follows: epochs, producers, snapshots, hot tail, recovery point, high watermark. An error of
the disk half way closes the log for appends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore import checked
from kstore.errors import CorruptMessage, OffsetOutOfRange
from kstore.log.damage import failed_to_read
from kstore.log.replay import restore_producers

if TYPE_CHECKING:
    from kstore.log.log import Log


class Truncation:
    """What is cut off one log. ``under_way`` is where a cut is to end that isn't done, also after it has failed."""

    __slots__ = ("_log", "under_way")

    def __init__(self, log: Log) -> None:
        self._log = log
        self.under_way: int | None = None

    def before(self, offset: int) -> None:
        """As ``Log.advance_start_offset``."""
        log = self._log
        if offset > log.high_watermark:
            raise OffsetOutOfRange(f"the log can't start at {offset}, beyond its high watermark {log.high_watermark}")
        if offset > log.start_offset:
            log.moved_to(offset, log.end_offset)
            try:
                log.epochs.truncate_from_start(offset)
                log.disk.forget(log.segments.remove_before(offset))
            except OSError as error:
                raise log.failed(f"couldn't cut {log.path} before {offset}: {error}") from error
        if checked.on:
            log.check()

    def prepare(self, offset: int) -> int:
        """As ``Log.lower_recovery_point``."""
        log = self._log
        if offset < log.recovery_point:
            try:
                found = log.segments.from_offset(offset)[0].find(offset)
            except OSError as error:
                raise log.failed(f"couldn't read {log.path} at {offset}: {error}") from error
            except CorruptMessage as error:
                raise failed_to_read(log, error) from error
            log.disk.lowered(offset if found is None else min(offset, found[1]))
        return log.recovery_point

    def from_offset(self, offset: int) -> int:
        """As ``Log.truncate_to``."""
        log = self._log
        if offset >= log.end_offset:
            try:
                log.epochs.truncate_from_end(offset)
            except OSError as error:
                raise log.failed(f"couldn't cut the epochs of {log.path} at {offset}: {error}") from error
            return log.end_offset
        if offset < log.segments.first.base_offset:
            self.all_and_start_at(offset, 0)
            return offset
        self.under_way = offset
        try:
            log.disk.forget(log.segments.remove_from(offset + 1))
            log.segments.active.truncate_to(offset)
            end_offset = log.segments.active.end_offset()
            if end_offset < log.start_offset <= offset:
                self.all_and_start_at(log.start_offset, 0)
            else:
                self._ends_at(end_offset)
        except OSError as error:
            raise log.failed(f"couldn't cut {log.path} at {offset}: {error}") from error
        except CorruptMessage as error:
            raise failed_to_read(log, error, half_done=True) from error
        self.under_way = None
        return log.end_offset

    def _ends_at(self, end_offset: int) -> None:
        """Bring all that is derived from the batches down to a new, lower end."""
        log = self._log
        log.moved_to(min(log.start_offset, end_offset), end_offset)
        log.hot.truncate(end_offset)
        log.disk.truncated(end_offset)
        log.segments.remove_snapshots(end_offset)
        log.epochs.truncate_from_end(end_offset)
        log.producers, _ = restore_producers(log.fs, log.segments, end_offset)
        log.advance_high_watermark(log.high_watermark)
        if checked.on:
            log.check()

    def all_and_start_at(self, offset: int, now_ms: int) -> None:
        """As ``Log.truncate_fully_and_start_at``."""
        log = self._log
        self.under_way = 0
        try:
            log.disk.forget(log.segments.remove_from(0))
            log.segments.create(offset, now_ms, log.config)
            log.draw_jitter()
            log.segments.remove_snapshots(-1)
            log.epochs.clear()
        except OSError as error:
            raise log.failed(f"couldn't empty {log.path}: {error}") from error
        self.under_way = None
        log.hot.clear()
        log.producers.clear()
        log.moved_to(offset, offset)
        log.disk.truncated(offset, fully=True)
        if checked.on:
            log.check()
