"""Known bugs of logs on disks that fail and forget, and of logs that lose records, put back in by a patch.

As in ``mutations.py``: nothing of them is in the product, and the general workload has to notice each.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from actors.partition.leader import serving
from actors.partition.leader.serving import Serving
from actors.partition.replica.log_owner import LogOwner
from kstore.log import Log, cleaning
from kstore.log.answers import Expired
from kstore.log.cleaned_transactions import CleanedTransactions
from kstore.log.cleaning import Cleaning
from kstore.log.durability import Durability, Step
from kstore.log.segment import Segment
from kstore.log.truncation import Truncation
from kstore.records import RecordBatch


def acknowledged_before_the_sync(patch: pytest.MonkeyPatch) -> None:
    """Records count as replicated as soon as they are appended, although each is to be synced first."""
    patch.setattr(LogOwner, "fsync_first", property(lambda _: False, lambda *_: None))


def files_that_are_never_synced(patch: pytest.MonkeyPatch) -> None:
    """A sync of a log syncs names, but no segments."""
    patch.setattr(Segment, "sync_later", lambda _: [])


def folders_that_are_never_synced(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-3968: a sync of a log syncs its files, but not their names."""
    steps_of = Durability._steps

    def steps_without_folders(self: Durability, end_offset: int, sealed: Segment | None) -> list[Step]:
        self._names_new = self._path_new = False
        self._loose.clear()
        return steps_of(self, end_offset, sealed)

    patch.setattr(Durability, "_steps", steps_without_folders)


def full_truncation_that_keeps_its_high_watermark(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-9491: a log that is emptied to begin elsewhere has the high watermark that it had."""
    truncate = Truncation.all_and_start_at

    def truncate_and_keep(self: Truncation, offset: int, now_ms: int) -> None:
        before = self._log.high_watermark
        truncate(self, offset, now_ms)
        self._log.high_watermark = before

    patch.setattr(Truncation, "all_and_start_at", truncate_and_keep)


def markers_that_the_cleaner_loses(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-14055: a marker goes although its transaction is there still, and doesn't wait for it."""
    is_over, copy_pass = CleanedTransactions.ended, cleaning.CopyPass

    def ended(self: CleanedTransactions, batch: RecordBatch) -> bool:
        is_over(self, batch)
        return True

    patch.setattr(CleanedTransactions, "ended", ended)
    patch.setattr(cleaning, "CopyPass", lambda *of, **how: copy_pass(*of, **{**how, "delete_retention_ms": 0}))


def sequences_that_the_cleaner_loses(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-5490: the last batch of a producer goes with its records."""

    def note_nothing(self: Cleaning) -> Iterable[object]:
        self._copy.last_of_producers = {}
        return iter(())

    patch.setattr(Cleaning, "_note_producers", note_nothing)


def retention_past_the_high_watermark(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-5634: what is too old or too much goes, whether it is committed or not."""
    expire = Log.expire

    def expire_all(self: Log, now_ms: int) -> Expired | None:
        before, self.high_watermark = self.high_watermark, self.end_offset
        try:
            return expire(self, now_ms)
        finally:
            self.advance_high_watermark(max(before, self.start_offset))

    patch.setattr(Log, "expire", expire_all)


def reads_past_the_high_watermark(patch: pytest.MonkeyPatch) -> None:
    """A consumer gets what isn't committed yet."""
    limit_of = Serving._limit

    def limit_by_the_end(self: Serving, isolation: int) -> tuple[int, int]:
        kind, limit = limit_of(self, isolation)
        return kind, self.log.end_offset if kind == serving.HIGH_WATERMARK else limit

    patch.setattr(Serving, "_limit", limit_by_the_end)
