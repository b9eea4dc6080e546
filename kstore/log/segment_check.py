"""The check of one segment: all its bytes are read from the disk, and each file is compared with the batches.

It goes piece by piece, each on any thread, and touches nothing of an open log: so it may go on while the log is in use.
What is looked at of a batch: its checksum, and that its offsets and leader epoch, which aren't under the checksum, fit
between those of its neighbours, and are those of ``epochs``. Of an index: that each entry leads to its batch; that no
record up to the offset of an entry is newer than its timestamp; that all transactions it tells of end in a marker.

Behind a wrong batch the check goes on where the next one begins, if its length can be believed, or else at the next
place that the offset index leads to.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kstore.log.indexes import OffsetIndex, TimeIndex
from kstore.log.names import INDEX, LOG, TIME_INDEX, TRANSACTION_INDEX, segment_file
from kstore.log.old_formats import old_format
from kstore.log.recovery import first_misfit
from kstore.log.segment import REINDEX_INTERVAL_BYTES, RELATIVE_OFFSET_MAX
from kstore.log.writing import note_batches
from kstore.named import NamedTuple
from kstore.records import HEADER_BYTES, RecordBatch
from kstore.records.batch import scan_batches

if TYPE_CHECKING:
    from kstore.fs import FileSystem

PIECE_BYTES = 64 << 10
MAGIC_AT = 16
MAGIC = b"\x02"

_OFFSET_ENTRY = struct.Struct(">ii")
_TIME_ENTRY = struct.Struct(">qi")
_ABORTED_ENTRY = struct.Struct(">hqqqq")


class Wrong(NamedTuple):
    """A range of a file, from ``start`` to before ``end``, that isn't as it was written; ``offset`` is the first of the
    log's offsets that it is about, -1 if that isn't known.
    """

    path: str
    start: int
    end: int
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, bytes {self.start} to {self.end}: {self.reason}"


class Rebuilt:
    """Indexes as they are made from the batches, in memory alone; what ``note_batches`` takes for a segment."""

    __slots__ = ("bytes_since_index", "max_timestamp", "offset_index", "offset_of_max_timestamp", "time_index")

    def __init__(self, fs: FileSystem, path: str, base_offset: int) -> None:
        self.offset_index = OffsetIndex(fs, path, base_offset)
        self.time_index = TimeIndex(fs, path, base_offset)
        self.bytes_since_index = 0
        self.max_timestamp = -1
        self.offset_of_max_timestamp = -1


class SegmentCheck:
    """The check of the segment of ``base_offset`` in the folder ``path``, which had ``size_bytes`` bytes of batches as
    it began and ends below ``upper_offset``. ``epochs`` are the leader epochs with their start offsets, if they are
    known for certain. ``is_closed``: nothing is appended to it, so its time index has the newest timestamp.

    ``wrong`` has what was found so far. ``next_offset`` is where the sound batches before the first wrong one end.
    ``began`` has the leader epochs of the batches and the offsets of their first ones. ``rebuilt`` are the indexes as
    they would be made from the batches.
    """

    __slots__ = (
        "_aborted",
        "_epoch",
        "_fs",
        "_index",
        "_interval_bytes",
        "_is_closed",
        "_next_entry",
        "_next_time",
        "_path",
        "_piece_bytes",
        "_starts",
        "_times",
        "_upper_offset",
        "base_offset",
        "began",
        "epochs",
        "is_sound",
        "next_offset",
        "position",
        "rebuilt",
        "size_bytes",
        "wrong",
    )

    def __init__(
        self,
        fs: FileSystem,
        path: str,
        base_offset: int,
        size_bytes: int,
        upper_offset: int,
        *,
        epochs: Sequence[tuple[int, int]] = (),
        is_closed: bool = True,
        index_interval_bytes: int = REINDEX_INTERVAL_BYTES,
    ) -> None:
        self._fs = fs
        self._path = path
        self.base_offset = base_offset
        self.size_bytes = size_bytes
        self._upper_offset = min(upper_offset, base_offset + RELATIVE_OFFSET_MAX + 1)
        self.epochs = list(epochs)
        self._starts = [start for _, start in epochs]
        self._is_closed = is_closed
        self.position = 0
        self.next_offset = base_offset
        self.is_sound = True
        self.wrong: list[Wrong] = []
        self.rebuilt = Rebuilt(fs, self.file(INDEX), base_offset)
        self._epoch = -1
        self._piece_bytes = PIECE_BYTES
        self._index: list[tuple[int, int]] | None = None
        self._times: list[tuple[int, int]] = []
        self._aborted: dict[int, tuple[int, int]] = {}  # number and producer id, by the offset of the marker
        self._next_entry = 0
        self._next_time = 0
        self._interval_bytes = index_interval_bytes
        self.began: list[tuple[int, int]] = []

    def file(self, suffix: str) -> str:
        """The path of one of its files."""
        return f"{self._path}/{segment_file(self.base_offset, suffix)}"

    def step(self) -> int:
        """Read and check the next piece, on any thread; how many bytes were read, -1 after the last one. Raises OSError
        if the disk can't give it.
        """
        if self._index is None:
            return self._read_indexes()
        if self.position >= self.size_bytes:
            return -1
        wanted = min(self._piece_bytes, self.size_bytes - self.position)
        piece = self._fs.read_piece(self.file(LOG), self.position, wanted)
        if len(piece) < wanted:
            self._found(LOG, self.position + len(piece), self.size_bytes, "the end of the file is gone")
            self.is_sound = False
            self.position = self.size_bytes
        else:
            self._take(piece)
        if self.position >= self.size_bytes:
            self._finish()
        return len(piece)

    def _read_indexes(self) -> int:
        index = self._entries(INDEX, _OFFSET_ENTRY)
        self._index = [(self.base_offset + relative, position) for relative, position in index]
        self._times = [
            (timestamp, self.base_offset + relative) for timestamp, relative in self._entries(TIME_INDEX, _TIME_ENTRY)
        ]
        self._aborted = {
            last: (number, producer_id)
            for number, (_, producer_id, _, last, _) in enumerate(self._entries(TRANSACTION_INDEX, _ABORTED_ENTRY))
        }
        if not self.size_bytes:
            self._finish()
        return len(self._index) * 8 + len(self._times) * 12 + len(self._aborted) * 34

    def _entries(self, suffix: str, entry: struct.Struct) -> list[tuple[int, ...]]:
        """The entries of an index file. Those of zeros at its end are room that Apache Kafka sets aside."""
        path = self.file(suffix)
        if not self._fs.exists(path):
            if suffix != TRANSACTION_INDEX and self._is_closed:
                self._found(suffix, 0, 0, "the file is gone")
            return []
        data = self._fs.read_bytes(path)
        if rest := len(data) % entry.size:
            self._found(suffix, len(data) - rest, len(data), "the last entry isn't whole")
        found: list[tuple[int, ...]] = list(entry.iter_unpack(data[: len(data) - rest]))
        while found and not any(found[-1]):
            found.pop()
        return found

    def _found(self, suffix: str, start: int, end: int, reason: str, offset: int = -1) -> None:
        self.wrong.append(Wrong(self.file(suffix), start, end, offset, reason))

    def _take(self, piece: bytes) -> None:
        """Check the batches that a piece begins with; the last one only with the one behind it, if there is one."""
        batches, error = scan_batches(piece)
        whole = sum(batch.size_bytes for batch in batches)
        if len(batches) > 1 and self.position + whole < self.size_bytes and error is not None:
            whole -= batches.pop().size_bytes
        sound = first_misfit(batches, self.next_offset, self._epoch, self._upper_offset - 1)
        for number, batch in enumerate(batches[:sound]):
            if (why := self._misplaced(batch)) is not None:
                sound = number
                break
            self._note(batch)
        else:
            why = "its offsets or its leader epoch are out of place"
        if sound:
            self._piece_bytes = PIECE_BYTES
        if sound < len(batches):
            self._skip(self.position + batches[sound].size_bytes, why, batches[sound].base_offset)
        elif not sound:
            self._take_one(piece)

    def _misplaced(self, batch: RecordBatch) -> str | None:
        number = bisect_right(self._starts, batch.base_offset)
        if number and self.epochs[number - 1][0] != batch.leader_epoch:
            return f"its leader epoch is {batch.leader_epoch}, not {self.epochs[number - 1][0]}"
        return None

    def _take_one(self, piece: bytes) -> None:
        """Go on behind a batch that isn't sound, or read all of one that is larger than a piece."""
        nbytes = 12 + int.from_bytes(piece[8:12], "big", signed=True) if len(piece) >= HEADER_BYTES else 0
        end = self.position + nbytes
        is_possible = nbytes >= HEADER_BYTES and end <= self.size_bytes and piece[MAGIC_AT : MAGIC_AT + 1] == MAGIC
        if is_possible and nbytes > len(piece):
            self._piece_bytes = nbytes
            return
        self._piece_bytes = PIECE_BYTES
        if not is_possible and old_format(piece) is not None and not self._is_with_magic(piece):
            self.position = self.size_bytes  # Apache Kafka's older formats aren't checked
            return
        why = "the checksum of the batch is wrong" if is_possible else "there is no record batch"
        self._skip(end if is_possible else self._next_indexed(), why, int.from_bytes(piece[:8], "big", signed=True))

    def _is_with_magic(self, piece: bytes) -> bool:
        """Whether it would be a sound batch but for its format number."""
        batches, _ = scan_batches(piece[:MAGIC_AT] + MAGIC + piece[MAGIC_AT + 1 :])
        return bool(batches)

    def _next_indexed(self) -> int:
        """The next position that the offset index leads to, or the segment's end."""
        assert self._index is not None
        after = [position for _, position in self._index if self.position < position < self.size_bytes]
        return min(after, default=self.size_bytes)

    def _skip(self, end: int, reason: str, offset: int) -> None:
        """Go on behind a wrong range."""
        assert self._index is not None
        last = self.wrong[-1] if self.wrong else None
        if last is not None and last.path == self.file(LOG) and last.end == self.position:
            self.wrong[-1] = last._replace(end=end)
        else:
            known = self.base_offset <= offset < self._upper_offset
            self._found(LOG, self.position, end, reason, max(offset, self.next_offset) if known else self.next_offset)
        self.is_sound = False
        self.position = end
        while self._next_entry < len(self._index) and self._index[self._next_entry][1] < end:
            self._next_entry += 1

    def _note(self, batch: RecordBatch) -> None:
        """Take a sound batch, and compare the indexes with it."""
        self._check_entries(batch)
        while self._next_time < len(self._times) and self._times[self._next_time][1] < batch.base_offset:
            self._check_time()
        note_batches(self.rebuilt, [batch], self.position, self._interval_bytes)
        if batch.is_control and self._aborted.get(batch.last_offset, (0, -1))[1] == batch.producer_id:
            del self._aborted[batch.last_offset]
        if self.is_sound:
            self.next_offset = batch.last_offset + 1
        if batch.leader_epoch != self._epoch:
            self._epoch = batch.leader_epoch
            self.began.append((batch.leader_epoch, batch.base_offset))
        self.position += batch.size_bytes

    def _check_entries(self, batch: RecordBatch) -> None:
        """Those of the offset index that lead to this batch, or into it."""
        assert self._index is not None
        while (number := self._next_entry) < len(self._index):
            offset, position = self._index[number]
            if position >= self.position + batch.size_bytes:
                return
            self._next_entry += 1
            if position != self.position or not batch.base_offset <= batch.last_offset <= offset < self._upper_offset:
                at = number * _OFFSET_ENTRY.size
                self._found(INDEX, at, at + _OFFSET_ENTRY.size, "it leads to another batch", offset)

    def _check_time(self) -> None:
        number = self._next_time
        self._next_time += 1
        timestamp, offset = self._times[number]
        before = self._times[number - 1] if number else (-1, self.base_offset)
        is_in_order = timestamp > before[0] and offset >= before[1] and offset < self._upper_offset
        if not is_in_order or (self.is_sound and timestamp < self.rebuilt.max_timestamp):
            at = number * _TIME_ENTRY.size
            self._found(TIME_INDEX, at, at + _TIME_ENTRY.size, "there is a newer record before its offset", offset)

    def _finish(self) -> None:
        assert self._index is not None
        for number in range(self._next_entry, len(self._index)):
            at = number * _OFFSET_ENTRY.size
            if self._index[number][1] >= self.size_bytes and not self._is_closed:
                break  # it was appended to meanwhile
            self._found(INDEX, at, at + _OFFSET_ENTRY.size, "it leads behind the end", self._index[number][0])
        while self._next_time < len(self._times) and self._times[self._next_time][1] < self.next_offset:
            self._check_time()
        newest = self._times[-1][0] if self._times else -1
        if self._is_closed and self.is_sound:
            if self._next_time < len(self._times):
                at = self._next_time * _TIME_ENTRY.size
                self._found(TIME_INDEX, at, at + _TIME_ENTRY.size, "it leads behind the end")
            elif newest < self.rebuilt.max_timestamp:
                at = len(self._times) * _TIME_ENTRY.size
                self._found(TIME_INDEX, at, at, "the newest timestamp isn't in it")
        for last_offset, (number, _) in self._aborted.items() if self.is_sound else ():
            if self._is_closed or last_offset < self.next_offset:
                at = number * _ABORTED_ENTRY.size
                self._found(TRANSACTION_INDEX, at, at + _ABORTED_ENTRY.size, "no marker ends it there", last_offset)
