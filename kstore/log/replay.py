"""Rebuilds a log's producer state from the newest readable snapshot and a replay of later batches.

The same replay makes the transaction indexes anew of segments that were walked: which transaction a marker ends is
known only by replaying from before it began. After a crash those of other segments are compared with such a replay,
from the snapshot at the segment's base: a wrong entry has readers given aborted records as committed ones.
"""

from collections.abc import Set

from kstore.errors.arguments import LONG_MAX
from kstore.fs import FileSystem
from kstore.log import snapshot
from kstore.log.answers import AbortedTransaction
from kstore.log.producers import ProducerStates
from kstore.log.segment import Segment
from kstore.log.segments import Segments
from kstore.log.snapshot import SnapshotEntry
from kstore.records import RecordBatch, read_end_transaction_marker

WINDOW_BYTES = 6 << 20  # five batches of the largest default size, and some


def restore_producers(
    fs: FileSystem,
    segments: Segments,
    end_offset: int,
    reindexed: Set[int] = frozenset(),
    without: Set[int] = frozenset(),
) -> tuple[ProducerStates, int]:
    """The producers as of the newest snapshot that can be read, and since when; then a replay to the end.

    The offset is where the replay began, ``end_offset`` when there was none. ``reindexed`` are the base offsets of
    segments with markers whose transaction indexes were emptied: they are filled again. ``without`` are those of
    segments that no producer with an id has written to: they needn't be read.
    """
    producers, offset = _load_snapshot(fs, segments, min([end_offset, *reindexed]))
    if offset < end_offset:
        _replay(fs, segments, producers, offset, end_offset, reindexed, without)
    return producers, offset


def _load_snapshot(fs: FileSystem, segments: Segments, newest: int) -> tuple[ProducerStates, int]:
    producers = ProducerStates()
    for offset in reversed(segments.snapshot_offsets()):
        if segments.first.base_offset <= offset <= newest:
            path = segments.snapshot_path(offset)
            try:
                producers.restore(snapshot.decode(fs.read_bytes(path)))
            except snapshot.SnapshotError:
                fs.unlink(path)
                continue
            if len(producers):
                _fill_windows(segments, producers, offset)
            return producers, offset
    return producers, segments.first.base_offset


def _fill_windows(segments: Segments, producers: ProducerStates, offset: int) -> None:
    """A snapshot has one batch a producer; those before it are read from the last megabytes before the snapshot.

    So retries of them are known after a restart as they were before.
    """
    starts: list[tuple[Segment, int]] = []
    wanted = WINDOW_BYTES
    for segment in reversed(list(segments)):
        if segment.base_offset < offset and wanted > 0:
            skipped = segment.size_bytes - wanted
            position = segment.offset_index.position_not_above(skipped) if skipped > 0 else 0
            starts.append((segment, position))
            wanted -= segment.size_bytes - position
    for segment, position in reversed(starts):
        for batch in segment.batches(position):
            if batch.base_offset >= offset:
                return
            if batch.producer_id >= 0:
                producers.remember(batch)


def _replay(
    fs: FileSystem,
    segments: Segments,
    producers: ProducerStates,
    offset: int,
    end_offset: int,
    reindexed: Set[int],
    without: Set[int],
) -> None:
    """Bring producers from ``offset`` to ``end_offset``; a segment on the way gets its snapshot if it has none."""
    saved = set(segments.snapshot_offsets())
    for segment in segments.from_offset(offset):
        base = segment.base_offset
        if base > offset and base not in saved:
            fs.replace(segments.snapshot_path(base), snapshot.encode(producers.snapshot()), sync=False)
        found = None if base in without else segment.find(max(offset, base))
        if found is None:
            continue
        for batch in segment.batches(found[0]):
            if batch.base_offset >= end_offset:
                return
            if batch.producer_id >= 0 and batch.base_offset >= offset:
                aborted = producers.add(batch)
                if aborted is not None and base in reindexed:
                    segment.add_aborted(aborted)


def has_other_aborted(fs: FileSystem, segments: Segments, segment: Segment, upper_offset: int) -> bool:
    """Whether the transaction index of a segment isn't what a replay of its batches says, or may not be.

    Most logs have no transactions, and needn't be read for that: the index is empty, and the snapshot at the segment's
    end, ``upper_offset``, knows of no producer that had one. One that has expired since is overlooked. Raises
    IndexFileError or CorruptMessage for what can't be read.
    """
    index = segment.aborted
    noted: list[AbortedTransaction] = []
    if index is not None:
        index.collect(segment.base_offset, LONG_MAX, noted)
    if not noted:
        after = _saved(fs, segments, upper_offset)
        if after is not None and all(each.coordinator_epoch < 0 for each in after):
            return False
    before = _saved(fs, segments, segment.base_offset)
    if before is None and segment is not segments.first:
        is_aborting = (_aborts(batch) for batch in segment.batches(0) if batch.is_control and batch.producer_id >= 0)
        return bool(noted) or any(is_aborting)  # of transactions that began earlier nothing is known
    producers = ProducerStates()
    producers.restore(before or [])
    replayed = [producers.add(batch) for batch in segment.batches(0) if batch.producer_id >= 0]
    return noted != [each for each in replayed if each is not None]


def _saved(fs: FileSystem, segments: Segments, offset: int) -> list[SnapshotEntry] | None:
    """The producer snapshot of an offset, if there is one that can be read."""
    try:
        return snapshot.decode(fs.read_bytes(segments.snapshot_path(offset)))
    except (FileNotFoundError, snapshot.SnapshotError):
        return None


def _aborts(batch: RecordBatch) -> bool:
    """Whether a control batch aborts a transaction; one without a record does nothing."""
    markers = [read_end_transaction_marker(record) for record in batch.records()]
    return any(marker is not None and not marker.is_commit for marker in markers)
