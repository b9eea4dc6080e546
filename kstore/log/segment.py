"""One segment: a file of batches and the indexes beside it.

The segment holds the offsets from its base offset to the next segment's. Batches lie end to end; nothing in the file
is ever rewritten, it only grows or is cut at the end. What a look-up needs to read of the file are a few kilobytes:
from the nearest index entry on, headers only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kstore.errors import CorruptMessage, InvalidRecord
from kstore.fs import Chunk, File, FileSystem
from kstore.log.answers import AbortedTransaction
from kstore.log.batch_headers import has_time_zero, max_timestamp_of, may_be_at, next_offset_of, size_of
from kstore.log.extents import Extent
from kstore.log.indexes import IndexFileError, OffsetIndex, TimeIndex
from kstore.log.names import INDEX, LOG, TIME_INDEX, TRANSACTION_INDEX, segment_file
from kstore.log.scan import find_end, find_last, find_offset
from kstore.log.transaction_index import TransactionIndex
from kstore.log.verified import Verified
from kstore.log.writing import note_batches
from kstore.records import HEADER_BYTES, RecordBatch, parse_batches

if TYPE_CHECKING:
    from kstore.log.rebuilt_indexes import Rebuilt

WINDOW_BYTES = 8192
READ_BYTES = 1 << 20
REINDEX_INTERVAL_BYTES = 4096
_HINTS_MAX = 8
RELATIVE_OFFSET_MAX = (1 << 31) - 1


class Segment:
    """``created_ms`` is when its first batch was appended, or when it was opened; ``bytes_since_index`` what was
    appended since the last entry of the offset index; ``known_first_timestamp`` is None until it was asked for.
    ``aborted`` is there once a transaction was aborted in it.
    """

    __slots__ = (
        "_fs",
        "_hints",
        "_path",
        "_stage",
        "aborted",
        "base_offset",
        "bytes_since_index",
        "created_ms",
        "file",
        "known_first_timestamp",
        "max_timestamp",
        "offset_index",
        "offset_of_max_timestamp",
        "time_index",
        "verified",
    )

    def __init__(
        self, fs: FileSystem, path: str, base_offset: int, *, create: bool, now_ms: int, stage: str = ""
    ) -> None:
        """``stage`` is the suffix behind all names of a segment that is to replace others (``CLEANED``, ``SWAP``)."""
        self._fs = fs
        self._path = path
        self._stage = stage
        self.base_offset = base_offset
        self.file: File = fs.open(self.file_path(LOG), create=create)
        self.offset_index = OffsetIndex(fs, self.file_path(INDEX), base_offset)
        self.time_index = TimeIndex(fs, self.file_path(TIME_INDEX), base_offset)
        self.aborted: TransactionIndex | None = None
        self.bytes_since_index = 0
        self.max_timestamp = -1
        self.offset_of_max_timestamp = -1
        self.created_ms = now_ms
        self.known_first_timestamp: int | None = None
        self.verified = Verified(self.file, in_memory=fs.in_memory)
        self._hints: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"Segment({self._path}/{self.base_offset}, {self.file.size} bytes)"

    def file_path(self, suffix: str) -> str:
        """The path of one of its files."""
        return f"{self._path}/{segment_file(self.base_offset, suffix)}{self._stage}"

    @property
    def size_bytes(self) -> int:
        """How many bytes of batches it has."""
        return self.file.size

    @property
    def indexes(self) -> tuple[OffsetIndex | TimeIndex | TransactionIndex, ...]:
        """Its indexes; that of aborted transactions only if it has some."""
        if self.aborted is None:
            return self.offset_index, self.time_index
        return self.offset_index, self.time_index, self.aborted

    def transaction_index(self) -> TransactionIndex:
        """That of the aborted transactions, made when it isn't there."""
        if self.aborted is None:
            self.aborted = TransactionIndex(self._fs, self.file_path(TRANSACTION_INDEX), self.base_offset)
        return self.aborted

    def add_aborted(self, aborted: AbortedTransaction) -> None:
        """The marker that ends this transaction was appended here."""
        self.transaction_index().append(aborted)

    def first_timestamp(self) -> int:
        """The newest timestamp of the first batch, or -1 while there is none: what a segment's age counts from."""
        if self.known_first_timestamp is None:
            if not self.file.size:
                return -1
            self.known_first_timestamp = max_timestamp_of(self.file.read(0, HEADER_BYTES))
        return self.known_first_timestamp

    def load_indexes(self, upper_offset: int) -> None:
        """Take the index files as they are; raises FileNotFoundError when one is missing, IndexFileError when one can't
        be right: ``upper_offset`` is where the next segment begins, or more than this one can hold.

        The time index of a segment that was rolled or closed ends with the newest timestamp.
        """
        self.offset_index.load(self.file.size, upper_offset)
        self.time_index.load(upper_offset)
        if self.aborted is not None:
            self.aborted.load(upper_offset)
        if len(self.offset_index):
            offset, position = self.offset_index.last_offset, self.offset_index.entry(len(self.offset_index) - 1)[1]
            head = self.file.read(position, HEADER_BYTES)
            if not may_be_at(head, offset):
                raise IndexFileError(f"{self.offset_index.path}: no batch up to offset {offset} begins at {position}")
        self.max_timestamp = self.time_index.last_timestamp
        self.offset_of_max_timestamp = self.time_index.last_offset

    def may_have_lost_entries(self) -> bool:
        """Whether an index begins with zeros that were never written, as a file whose content a power cut took."""
        count = 1 if has_time_zero(self.file.read(0, HEADER_BYTES), self.base_offset) else 2
        return any(len(each) and not any(each.first_bytes()) for each in (self.offset_index, self.time_index)[:count])

    def note_newest(self) -> None:
        """Find the newest timestamp. What the time index doesn't know yet lies behind its last entry."""
        for batch in self.batches(self.offset_index.position_before(self.offset_of_max_timestamp)):
            if batch.max_timestamp > self.max_timestamp:
                self.max_timestamp = batch.max_timestamp
                self.offset_of_max_timestamp = batch.last_offset

    def find(self, offset: int) -> tuple[int, int] | None:
        """Position and base offset of the first batch that ends at ``offset`` or later; None when there is none.

        A wrong index is rebuilt. Raises CorruptMessage if the batches themselves can't be read, or if one that was
        passed over is wrong: it may be the one.
        """
        hint = self._hints.get(offset)  # where a batch with this offset or a later one begins
        start = self.offset_index.position_before(offset) if hint is None else hint
        try:
            found = self._walk_to(offset, start)
            if found is None or found[1] > offset:
                self.verified.look_at(start, (self.file.size if found is None else found[0]) - start)
        except CorruptMessage:
            if not start or self._is_wrong_itself():
                raise
        else:
            if found is None or found[1] <= offset or hint is not None or not start:
                return found
            if found[0] != start and not self.offset_index.has(offset):
                return found  # a gap, as compaction leaves
        self.rebuild_indexes()
        return self._walk_to(offset, self.offset_index.position_before(offset))

    def _is_wrong_itself(self) -> bool:
        """Whether it has a wrong batch, so that its indexes may be right though a look-up failed."""
        if self.verified.wrong_at is None:
            try:
                for _ in self.batches(0):
                    pass
            except CorruptMessage:
                pass
        return self.verified.wrong_at is not None

    def _walk_to(self, offset: int, position: int) -> tuple[int, int] | None:
        size = self.file.size
        while position < size:
            piece = self.file.read(position, WINDOW_BYTES)
            found, moved, base_offset = find_offset(piece, offset)
            if found:
                return position + moved, base_offset
            if not moved:
                raise CorruptMessage(f"{self.file.path} ends in the middle of a record batch")
            position += moved
        return None

    def extent(self, offset: int, max_bytes: int, up_to: int, *, min_one: bool) -> Extent | None:
        """The batches from ``offset`` on that fit ``max_bytes`` and end below ``up_to``; None past the last batch.

        With ``min_one`` the first batch comes even when it doesn't fit.
        """
        found = self.find(offset)
        if found is None:
            return None
        start, first_offset = found
        end, next_offset = self._end_of(start, max_bytes, up_to)
        if end == start and min_one:
            head = self.file.read(start, HEADER_BYTES)
            next_offset = next_offset_of(head)
            end = start + size_of(head) if next_offset <= up_to else start
        if end == start:
            return Extent(start, 0, first_offset)
        self._remember(next_offset, end)
        return Extent(start, end - start, next_offset)

    def sound_extent(self, offset: int, max_bytes: int, up_to: int, *, min_one: bool) -> Extent | None:
        """As ``extent``, but of batches whose checksums are right: it ends before a wrong one. Raises CorruptMessage if
        that is the first.
        """
        try:
            extent = self.extent(offset, max_bytes, up_to, min_one=min_one)
        except CorruptMessage:
            found = self.find(offset)
            if found is None:
                raise
            start, first_offset = found
            sound = self.verified.checked(self.file.read(start, min(max_bytes, READ_BYTES)), start)
        else:
            if extent is None or not extent.nbytes:
                return extent
            start, first_offset = extent.position, offset
            sound = self.verified.sound_before(start, extent.nbytes)
            if sound == extent.nbytes:
                return extent
        position, next_offset = start, first_offset
        while position < start + sound:
            piece = self.file.read(position, min(WINDOW_BYTES, start + sound - position))
            ended, moved, after = find_end(piece, start + sound - position, up_to)
            next_offset = after if after >= 0 else next_offset
            position += moved
            if ended or not moved:
                break
        return Extent(start, position - start, next_offset)

    def _end_of(self, start: int, max_bytes: int, up_to: int) -> tuple[int, int]:
        """Where to stop, and the next offset from there (-1 when that is where it began)."""
        size = self.file.size
        limit = min(start + max_bytes, size)
        position = min(self.offset_index.position_not_above(limit - 1), self.offset_index.position_before(up_to - 1))
        position = max(position, start)
        next_offset = -1
        while position < limit:
            piece = self.file.read(position, WINDOW_BYTES)
            ended, moved, after = find_end(piece, limit - position, up_to)
            if after >= 0:
                next_offset = after
            if ended or not moved:
                return position + moved, next_offset
            position += moved
        return position, next_offset

    def _remember(self, offset: int, position: int) -> None:
        """Remember where a read ended: the next read in order begins there without a look-up."""
        if len(self._hints) >= _HINTS_MAX:
            del self._hints[next(iter(self._hints))]
        self._hints[offset] = position

    def chunks(self, extent: Extent) -> list[Chunk]:
        """The bytes of a range of its file."""
        return self.file.chunks(extent.position, extent.nbytes)

    def tail(self) -> tuple[int, int]:
        """Where the last batch begins, and the offset that follows on it: the base offset of an empty segment."""
        size, end_offset = self.file.size, self.base_offset
        last = position = self.offset_index.position_before(self.base_offset + RELATIVE_OFFSET_MAX)
        while position < size:
            found, moved, after = find_last(self.file.read(position, WINDOW_BYTES))
            if found >= 0:
                last, end_offset = position + found, after
            if not moved:
                break
            position += moved
        if position != size:
            raise CorruptMessage(f"{self.file.path} ends in the middle of a record batch")
        return last, end_offset

    def end_offset(self) -> int:
        """Where the last batch ends; of an empty segment, its base offset."""
        return self.tail()[1]

    def batches(self, position: int) -> Iterator[RecordBatch]:
        """The batches from a position on (one where a batch begins)."""
        size = self.file.size
        window = READ_BYTES
        while position < size:
            data = self.file.read(position, window)
            found = self._parsed(data, position)
            if not found:
                if position + window >= size:
                    self.verified.found_wrong(position)
                    raise CorruptMessage(f"{self.file.path} ends in the middle of a record batch")
                window *= 4
                continue
            window = READ_BYTES
            for batch in found:
                position += batch.size_bytes
                yield batch

    def _parsed(self, data: bytes, position: int) -> list[RecordBatch]:
        """The batches that a piece of the file begins with, up to the first wrong one; raises CorruptMessage if that is
        the first.
        """
        try:
            found = parse_batches(data, allow_partial=True)
        except (CorruptMessage, InvalidRecord):
            found = parse_batches(data[: self.verified.checked(data, position)])
        nbytes = sum(batch.size_bytes for batch in found)
        if self.verified.missing(position, position + nbytes):
            sound = self.verified.checked(data, position)
            self.verified.add(position, position + min(sound, nbytes))
            while nbytes > sound:
                nbytes -= found.pop().size_bytes
        return found

    def truncate_to(self, offset: int) -> None:
        """Cut from the batch with ``offset`` on."""
        self._hints.clear()
        found = self.find(offset)
        position = self.file.size if found is None else found[0]
        self.offset_index.truncate_to(offset if found is None else min(offset, found[1]), position)
        self.time_index.truncate_to(offset if found is None else min(offset, found[1]))
        if self.aborted is not None:
            self.aborted.truncate_to(offset if found is None else min(offset, found[1]))
        if found is None:
            return
        self.file.truncate(position)
        self.verified.cut(position)
        self.bytes_since_index = 0
        self.max_timestamp = self.time_index.last_timestamp
        self.offset_of_max_timestamp = self.time_index.last_offset
        self.note_newest()
        if not position:
            self.known_first_timestamp = None

    def reset_indexes(self) -> None:
        """Empty the indexes of offsets and times and what was derived from the batches, to walk over them anew."""
        self.offset_index.reset()
        self.time_index.reset()
        self.max_timestamp = -1
        self.offset_of_max_timestamp = -1
        self.bytes_since_index = 0
        self.known_first_timestamp = None
        self._hints.clear()

    def rebuild_indexes(self, interval_bytes: int = REINDEX_INTERVAL_BYTES) -> None:
        """Make the indexes what the batches say."""
        self.reset_indexes()
        position = 0
        for batch in self.batches(0):
            position = note_batches(self, [batch], position, interval_bytes)
        self.seal()

    def take_indexes(self, rebuilt: Rebuilt, counts: tuple[int, int], *, is_closed: bool) -> None:
        """Take indexes that were made from the batches in the place of the first entries that they have."""
        self._hints.clear()
        self.offset_index.replace_entries(rebuilt.offset_index.waiting, counts[0])
        self.time_index.replace_entries(rebuilt.time_index.waiting, counts[1])
        if is_closed or rebuilt.max_timestamp > self.max_timestamp:
            self.max_timestamp = rebuilt.max_timestamp
            self.offset_of_max_timestamp = rebuilt.offset_of_max_timestamp

    def seal(self) -> None:
        """The time index gets the newest timestamp as its last entry, and all are written out. Room that was set aside
        for batches is given back.
        """
        self.file.trim()
        if self.max_timestamp >= 0:
            self.time_index.maybe_append(self.max_timestamp, self.offset_of_max_timestamp)
        for index in self.indexes:
            index.save()

    def sync_later(self) -> list[Callable[[], None]]:
        """Calls that make the batches durable, and as much of the indexes as isn't yet."""
        syncs = [self.file.sync_later()]
        for index in self.indexes:
            index.save()
            if index.unsynced:
                syncs.append(index.sync_later())
        return syncs

    def close(self) -> None:
        """Close its files."""
        self.file.close()
        for index in self.indexes:
            index.close()

    def retire(self) -> None:
        """Its files are about to be gone: the handles are given back for good, and slices of the batches are void."""
        self.file.retire()
        for index in self.indexes:
            index.retire()

    def paths(self) -> list[str]:
        """The files that it may have, the batches' own first."""
        return [self.file_path(suffix) for suffix in (LOG, INDEX, TIME_INDEX, TRANSACTION_INDEX)]
