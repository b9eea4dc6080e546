"""The check of one segment: all its bytes are read from the disk, and each file is compared with the batches.

It goes piece by piece, each on any thread, and touches nothing of an open log: so it may go on while the log is in use.
What is looked at of a batch: its checksum, and that its offsets and leader epoch, which aren't under the checksum, fit
between those of its neighbours, and are those of ``epochs``. Of an index: that each entry leads to its batch; that no
record up to the offset of an entry is newer than its timestamp; that all transactions it tells of end in a marker.

Behind a wrong batch the check goes on where the next one begins, if its length leads to what may be one, or else at the
next place that looks like one, or that the offset index leads to. A batch larger than a piece is read at once if its
length leads to such a place: so a wrong length doesn't have a whole segment read as one batch.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kstore.codec.checksum import crc32c
from kstore.errors.arguments import LONG_MAX
from kstore.log.answers import Wrong
from kstore.log.batch_headers import next_offset_of, size_of
from kstore.log.names import INDEX, LOG, TIME_INDEX, TRANSACTION_INDEX, segment_file
from kstore.log.old_formats import old_format
from kstore.log.rebuilt_indexes import Rebuilt
from kstore.log.recovery import first_misfit
from kstore.log.segment import REINDEX_INTERVAL_BYTES, RELATIVE_OFFSET_MAX
from kstore.log.writing import note_batches
from kstore.records import HEADER_BYTES, RecordBatch
from kstore.records.batch import scan_batches

if TYPE_CHECKING:
    from kstore.fs import FileSystem

PIECE_BYTES = 32 << 10
MAGIC_AT = 16
MAGIC = b"\x02"

_OFFSET_ENTRY = struct.Struct(">ii")
_TIME_ENTRY = struct.Struct(">qi")
_ABORTED_ENTRY = struct.Struct(">hqqqq")


class SegmentCheck:
    """The check of the segment of ``base_offset`` in the folder ``path``, which had ``size_bytes`` bytes of batches as
    it began and ends below ``upper_offset``. ``epochs`` are the leader epochs with their start offsets, if they are
    known for certain. ``is_closed``: nothing is appended to it, so its time index has the newest timestamp.

    ``wrong`` has what was found so far. ``next_offset`` is where the sound batches before the first wrong one end.
    ``began`` has the leader epochs of the batches and the offsets of their first ones. ``rebuilt`` are the indexes as
    they would be made from the batches. ``crcs`` has the CRC32C of the index files that are there, by their suffix.
    ``has_gaps``: records are missing in or between its batches, as compaction leaves them.
    """

    __slots__ = (
        "_aborted",
        "_epoch",
        "_fs",
        "_index",
        "_interval_bytes",
        "_next_entry",
        "_next_time",
        "_path",
        "_piece_bytes",
        "_starts",
        "_times",
        "_upper_offset",
        "base_offset",
        "began",
        "crcs",
        "epochs",
        "has_gaps",
        "is_closed",
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
        self.is_closed = is_closed
        self.position = 0
        self.next_offset = base_offset
        self.is_sound = True
        self.has_gaps = False
        self.wrong: list[Wrong] = []
        self.rebuilt = Rebuilt(fs, self.file(INDEX), base_offset)
        self._epoch = -1
        self._piece_bytes = PIECE_BYTES
        self._index: bytes | None = None
        self._times = b""
        self._aborted: dict[int, tuple[int, int]] = {}  # number and producer id, by the offset of the marker
        self._next_entry = 0
        self._next_time = 0
        self._interval_bytes = index_interval_bytes
        self.began: list[tuple[int, int]] = []
        self.crcs: dict[str, int] = {}

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
        self._index = self._entries(INDEX, _OFFSET_ENTRY.size)
        self._times = self._entries(TIME_INDEX, _TIME_ENTRY.size)
        self._aborted = {
            last: (number, producer_id)
            for number, (_, producer_id, _, last, _) in enumerate(
                _ABORTED_ENTRY.iter_unpack(self._entries(TRANSACTION_INDEX, _ABORTED_ENTRY.size))
            )
        }
        if not self.size_bytes:
            self._finish()
        return len(self._index) + len(self._times)

    def _entries(self, suffix: str, entry_bytes: int) -> bytes:
        """The entries of an index file. Those of zeros at its end are room that Apache Kafka sets aside, but for the
        first one of the time index of a closed segment: it may be that of a timestamp of 0.
        """
        path = self.file(suffix)
        if not self._fs.exists(path):
            if suffix != TRANSACTION_INDEX and self.is_closed:
                self._found(suffix, 0, 0, "the file is gone")
            return b""
        data = self._fs.read_piece(path, 0, LONG_MAX)
        self.crcs[suffix] = crc32c(data)
        whole = len(data) // entry_bytes
        if whole * entry_bytes < len(data):
            self._found(suffix, whole * entry_bytes, len(data), "the last entry isn't whole")
        used = max(-(-len(data.rstrip(b"\0")) // entry_bytes), suffix == TIME_INDEX and self.is_closed)
        return data[: min(used, whole) * entry_bytes]

    def _offset_entry(self, number: int) -> tuple[int, int]:
        """Of an entry of the offset index its offset and position; beyond the last one, ones that nothing reaches."""
        assert self._index is not None
        if number * _OFFSET_ENTRY.size >= len(self._index):
            return LONG_MAX, LONG_MAX
        relative, position = _OFFSET_ENTRY.unpack_from(self._index, number * _OFFSET_ENTRY.size)
        return self.base_offset + relative, position

    def _time_entry(self, number: int) -> tuple[int, int]:
        """Of an entry of the time index its timestamp and offset; as ``_offset_entry`` beyond the last one."""
        if number * _TIME_ENTRY.size >= len(self._times):
            return LONG_MAX, LONG_MAX
        timestamp, relative = _TIME_ENTRY.unpack_from(self._times, number * _TIME_ENTRY.size)
        return timestamp, self.base_offset + relative

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
        leads_on = is_possible and self._leads_on(end)
        if leads_on and nbytes > len(piece):
            self._piece_bytes = nbytes
            return
        self._piece_bytes = PIECE_BYTES
        if not is_possible and old_format(piece) is not None and not self._is_with_magic(piece):
            self.position = self.size_bytes  # Apache Kafka's older formats aren't checked
            return
        why = "the checksum of the batch is wrong" if is_possible else "there is no record batch"
        self._skip(end if leads_on else self._next_after(piece), why, int.from_bytes(piece[:8], "big", signed=True))

    def _leads_on(self, end: int) -> bool:
        """Whether a batch may begin where another one's length leads to: if not, that length isn't believed."""
        if end == self.size_bytes:
            return True
        return self._may_be_header(self._fs.read_piece(self.file(LOG), end, HEADER_BYTES))

    def _may_be_header(self, head: bytes) -> bool:
        if len(head) < HEADER_BYTES or head[MAGIC_AT : MAGIC_AT + 1] != MAGIC or size_of(head) < HEADER_BYTES:
            return False
        return self.next_offset <= int.from_bytes(head[:8], "big") < next_offset_of(head) <= self._upper_offset

    def _next_after(self, piece: bytes) -> int:
        """The next position in a piece where a batch may begin, or that the offset index leads to; without either, up
        to where none begins.
        """
        indexed = self._next_indexed()
        at = piece.find(MAGIC, MAGIC_AT + 1)
        while at >= 0:
            start = at - MAGIC_AT
            if self.position + start >= indexed or self._may_be_header(piece[start : start + HEADER_BYTES]):
                return min(indexed, self.position + start)
            at = piece.find(MAGIC, at + 1)
        end = self.position + len(piece)
        return min(indexed, end if end >= self.size_bytes else end - HEADER_BYTES + 1)

    def _is_with_magic(self, piece: bytes) -> bool:
        """Whether it would be a sound batch but for its format number."""
        batches, _ = scan_batches(piece[:MAGIC_AT] + MAGIC + piece[MAGIC_AT + 1 :])
        return bool(batches)

    def _next_indexed(self) -> int:
        """The next position that the offset index leads to, or the segment's end."""
        number = self._next_entry
        while self._offset_entry(number)[1] <= self.position:
            number += 1
        return min(self._offset_entry(number)[1], self.size_bytes)

    def _skip(self, end: int, reason: str, offset: int) -> None:
        """Go on behind a wrong range."""
        last = self.wrong[-1] if self.wrong else None
        if last is not None and last.path == self.file(LOG) and last.end == self.position:
            self.wrong[-1] = last._replace(end=end)
        else:
            known = self.base_offset <= offset < self._upper_offset
            self._found(LOG, self.position, end, reason, max(offset, self.next_offset) if known else self.next_offset)
        self.is_sound = False
        self.position = end
        while self._offset_entry(self._next_entry)[1] < end:
            self._next_entry += 1

    def _note(self, batch: RecordBatch) -> None:
        """Take a sound batch, and compare the indexes with it."""
        self._check_entries(batch)
        while self._time_entry(self._next_time)[1] < batch.base_offset:
            self._check_time()
        note_batches(self.rebuilt, [batch], self.position, self._interval_bytes)
        told = self._aborted.get(batch.last_offset)
        if batch.is_control and told is not None and told[1] == batch.producer_id:
            del self._aborted[batch.last_offset]
        if batch.count != batch.last_offset_delta + 1 or (self.is_sound and batch.base_offset != self.next_offset):
            self.has_gaps = True
        if self.is_sound:
            self.next_offset = batch.last_offset + 1
        if batch.leader_epoch != self._epoch:
            self._epoch = batch.leader_epoch
            self.began.append((batch.leader_epoch, batch.base_offset))
        self.position += batch.size_bytes

    def _check_entries(self, batch: RecordBatch) -> None:
        """Those of the offset index that lead to this batch, or into it."""
        while True:
            offset, position = self._offset_entry(self._next_entry)
            if position >= self.position + batch.size_bytes:
                return
            if position != self.position or not batch.base_offset <= batch.last_offset <= offset < self._upper_offset:
                self._wrong_entry(INDEX, self._next_entry, _OFFSET_ENTRY.size, "it leads to another batch", offset)
            self._next_entry += 1

    def _wrong_entry(self, suffix: str, number: int, entry_bytes: int, reason: str, offset: int = -1) -> None:
        self._found(suffix, number * entry_bytes, (number + 1) * entry_bytes, reason, offset)

    def _check_time(self) -> None:
        number = self._next_time
        self._next_time += 1
        timestamp, offset = self._time_entry(number)
        before = self._time_entry(number - 1) if number else (-1, self.base_offset)
        is_in_order = timestamp > before[0] and before[1] <= offset < self._upper_offset
        if not is_in_order or (self.is_sound and timestamp < self.rebuilt.max_timestamp):
            why = "there is a newer record before its offset"
            self._wrong_entry(TIME_INDEX, number, _TIME_ENTRY.size, why, offset)

    def _finish(self) -> None:
        assert self._index is not None
        rebuilt = self.rebuilt
        if self.is_closed and rebuilt.max_timestamp >= 0:
            rebuilt.time_index.maybe_append(rebuilt.max_timestamp, rebuilt.offset_of_max_timestamp)
        count, times = len(self._index) // _OFFSET_ENTRY.size, len(self._times) // _TIME_ENTRY.size
        if self._next_entry < count and (self.is_closed or self._offset_entry(self._next_entry)[0] < self.next_offset):
            self._wrong_entry(INDEX, self._next_entry, _OFFSET_ENTRY.size, "it leads behind the end")
        while self._time_entry(self._next_time)[1] < self.next_offset:
            self._check_time()
        if not self.is_sound:
            return
        if self.is_closed and self._next_time < times:
            self._wrong_entry(TIME_INDEX, self._next_time, _TIME_ENTRY.size, "it leads behind the end")
        elif self.is_closed and (self._time_entry(times - 1)[0] if times else -1) < rebuilt.max_timestamp:
            at = len(self._times)
            self._found(TIME_INDEX, at, at, "the newest timestamp isn't in it")
        for last_offset, (number, _) in self._aborted.items():
            if self.is_closed or last_offset < self.next_offset:
                why = "no marker ends it there"
                self._wrong_entry(TRANSACTION_INDEX, number, _ABORTED_ENTRY.size, why, last_offset)
