"""Upkeep of a log by time: segments roll by age, idle producers expire, memory is freed, syncs are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore import checked
from kstore.errors import CorruptMessage
from kstore.log import snapshot
from kstore.log.answers import DiskWork
from kstore.log.damage import failed_to_read

if TYPE_CHECKING:
    from kstore.log.log import Log

PRODUCER_EXPIRY_CHECK_MS = 600_000


class Upkeep:
    """The upkeep of one log."""

    __slots__ = ("_expiry_checked_ms", "_hot_end_offset", "_log")

    def __init__(self, log: Log, now_ms: int) -> None:
        self._log = log
        self._expiry_checked_ms = now_ms
        self._hot_end_offset = log.end_offset

    def tick(self, now_ms: int) -> list[DiskWork]:
        """As ``Log.tick``."""
        log = self._log
        self._roll_by_age(now_ms)
        if now_ms - self._expiry_checked_ms >= PRODUCER_EXPIRY_CHECK_MS:
            self._expiry_checked_ms = now_ms
            log.producers.expire(now_ms, log.config.producer_id_expiration_ms)
        if len(log.hot) and self._hot_end_offset == log.end_offset:
            log.hot.clear()
        self._hot_end_offset = log.end_offset
        if log.disk.sync_due(now_ms):
            log.disk.sync_soon(now_ms)
        return log.disk.take()

    def _roll_by_age(self, now_ms: int) -> None:
        log = self._log
        active = log.segments.active
        if not active.size_bytes or log.failure is not None:
            return
        try:
            age_ms = now_ms - max(active.first_timestamp(), active.created_ms)
            if age_ms > log.segment_ms:
                self.roll(now_ms)
        except OSError as error:
            raise log.failed(f"couldn't roll {log.path}: {error}") from error
        except CorruptMessage as error:
            raise failed_to_read(log, error, half_done=True) from error

    def roll(self, now_ms: int) -> None:
        """As ``Log.roll``."""
        log = self._log
        active = log.segments.active
        if not active.size_bytes and active.base_offset == log.end_offset:
            return
        active.seal()
        path = log.segments.snapshot_path(log.end_offset)
        log.fs.replace(path, snapshot.encode(log.producers.snapshot()), sync=False)
        log.disk.segment_sealed(active, path, log.end_offset)
        log.segments.create(log.end_offset, now_ms, log.config)
        log.draw_jitter()
        log.disk.forget(log.segments.remove_before(log.start_offset))
        if checked.on:
            log.check()
