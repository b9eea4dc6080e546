"""Known bugs of logs on disks, put in by a patch: what crash points have to notice.

Most are of Apache Kafka's history, restated for this design, and none is anywhere in the product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from actors.node import folder
from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem
from kstore.fs.forgetful import StoredFile, StoredFolder
from kstore.log import Log, recovery
from kstore.log.checkpoints import CLEAN_SHUTDOWN
from kstore.log.indexes import IndexFileError
from kstore.log.recovered_epochs import RecoveredEpochs
from kstore.log.segment import RELATIVE_OFFSET_MAX, Segment
from kstore.log.segments import Segments
from kstore.records import RecordBatch

Mutation = Callable[[pytest.MonkeyPatch], None]


def files_are_never_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(StoredFile, "sync", lambda _: None)


def segments_are_never_synced(patch: pytest.MonkeyPatch) -> None:
    """The small files are, and the names."""
    patch.setattr(Segment, "sync_later", lambda _: [])


def folders_are_never_synced(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-3968."""
    patch.setattr(StoredFolder, "sync", lambda _: None)


def the_epoch_file_is_believed(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-16541 left a file that wasn't synced. Here one that is lost is made anew from the batches, and one that is
    older than they are is noticed as they are walked: this takes both away.
    """
    patch.setattr(RecoveredEpochs, "met", lambda *_: None)
    read = RecoveredEpochs.read

    def read_and_believe(self: RecoveredEpochs) -> None:
        read(self)
        self.are_known = True

    patch.setattr(RecoveredEpochs, "read", read_and_believe)
    patch.setattr(RecoveredEpochs, "_starts_in_known_epoch", lambda *_: True)


def the_clean_mark_stays_until_logs_are_recovered(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-10471: a crash in a recovery is taken for a clean stop. It is removed only as the node stops."""
    patch.setattr(folder, "take_clean_shutdown", lambda fs: fs.exists(CLEAN_SHUTDOWN))


def the_removal_of_the_clean_mark_is_not_synced(patch: pytest.MonkeyPatch) -> None:
    def take(fs: FileSystem) -> bool:
        if not fs.exists(CLEAN_SHUTDOWN):
            return False
        fs.unlink(CLEAN_SHUTDOWN)
        return True

    patch.setattr(folder, "take_clean_shutdown", take)


def indexes_are_not_rebuilt(patch: pytest.MonkeyPatch) -> None:
    """As a crash left them, if they can be read, though their segment was cut."""
    reset = Segment.reset_indexes

    def keep(self: Segment) -> None:
        try:
            self.load_indexes(self.base_offset + RELATIVE_OFFSET_MAX + 1)
        except (FileNotFoundError, IndexFileError):
            reset(self)

    def pass_over(_: Segment, batches: Sequence[RecordBatch], position: int, __: int) -> int:
        return position + sum(batch.size_bytes for batch in batches)

    patch.setattr(Segment, "reset_indexes", keep)
    patch.setattr(recovery, "note_batches", pass_over)


def snapshots_are_believed(patch: pytest.MonkeyPatch) -> None:
    """Producers are as a snapshot says that was written before a cut (the kind of KAFKA-9892)."""
    remove = Segments.remove_snapshots

    def only_beyond_the_end(self: Segments, above: int) -> None:
        active = self.active
        if above >= active.base_offset and above != active.base_offset:
            remove(self, above)

    patch.setattr(Segments, "remove_snapshots", only_beyond_the_end)


def a_log_goes_on_after_an_error(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-10778: appends and syncs go on after an fsync that failed, over pages that may be lost."""
    patch.setattr(Log, "failed", lambda _, reason: KafkaStorageError(reason))
