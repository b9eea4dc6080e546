"""The two sparse indexes beside a segment, in Apache Kafka's formats.

    <base>.index       entries of 8 bytes: offset - base int32 | position int32
    <base>.timeindex   entries of 12 bytes: timestamp int64 | offset - base int32

Numbers are big-endian, and every column rises from entry to entry. An offset entry says that the batch which *ends*
at that offset begins at that position; a time entry that no record up to that offset is newer than that timestamp.

The newest entries wait in memory until ``save`` writes them together, and a look-up sees both; so an append never
fails for an index. Nothing is lost by it: a segment that wasn't closed has its indexes rebuilt when it is opened.
Unlike Apache Kafka's, the files are never longer than what they hold, so there is nothing to trim.

An index is only believed as far as its segment bears it out: every entry is looked at as the file is opened, and code
that uses one sees at the batch it leads to whether it told the truth. ``crc`` is the CRC32C of what is in the file.
"""

import struct
from collections.abc import Callable

from kstore.codec.checksum import crc32c
from kstore.fs import File, FileSystem
from kstore.log.scan import last_not_above, offset_entries_hold, time_entries_hold

_BLOCK_ENTRIES = 512
OFFSET_ENTRY = struct.Struct(">ii")
TIME_ENTRY = struct.Struct(">qi")


class IndexFileError(Exception):
    """An index file contradicts itself or its segment."""


class IndexFile:
    """What every index has in common: entries in a file, the newest ones in ``waiting``.

    ``unsynced`` is set when the file's content changes, and cleared as its sync is handed out.
    """

    __slots__ = ("_entry_bytes", "_file", "_fs", "_saved", "base_offset", "crc", "path", "unsynced", "waiting")

    def __init__(self, fs: FileSystem, path: str, base_offset: int, entry_bytes: int) -> None:
        self._fs = fs
        self.path = path
        self.base_offset = base_offset
        self._entry_bytes = entry_bytes
        self._file: File | None = None
        self._saved = 0
        self.crc = 0
        self.waiting = bytearray()
        self.unsynced = False

    def __len__(self) -> int:
        return self._saved + len(self.waiting) // self._entry_bytes

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self._saved * self._entry_bytes

    def _take_file(self) -> bytes:
        """Take what the file holds. FileNotFoundError without one, IndexFileError when it can't be right."""
        self._file = self._fs.open(self.path)
        if self._file.size % self._entry_bytes:
            raise IndexFileError(f"{self.path}: {self._file.size} bytes aren't whole entries")
        entries = self._file.read(0, self._file.size)
        self._saved = len(entries) // self._entry_bytes
        self.crc = crc32c(entries)
        self.waiting.clear()
        return entries

    def _entry(self, number: int) -> bytes:
        nbytes = self._entry_bytes
        if number >= self._saved:
            at = (number - self._saved) * nbytes
            return bytes(self.waiting[at : at + nbytes])
        assert self._file is not None
        return self._file.read(number * nbytes, nbytes)

    def first_bytes(self) -> bytes:
        """The first entry as it is stored."""
        return self._entry(0)

    def _last_not_above(self, key_at: int, key_bytes: int, key: int) -> int:
        """The number of the last entry whose key isn't above ``key``, or -1."""
        if self.waiting:
            found = last_not_above(self.waiting, self._entry_bytes, key_at, key_bytes, key)
            if found >= 0:
                return self._saved + found
        if not self._saved:
            return -1
        assert self._file is not None
        nbytes = self._entry_bytes
        low, high = 0, self._saved
        while high - low > _BLOCK_ENTRIES:
            middle = (low + high) >> 1
            entry = self._file.read(middle * nbytes, nbytes)
            if int.from_bytes(entry[key_at : key_at + key_bytes], "big", signed=True) <= key:
                low = middle
            else:
                high = middle
        block = self._file.read(low * nbytes, (high - low) * nbytes)
        found = last_not_above(block, nbytes, key_at, key_bytes, key)
        return low + found if found >= 0 else low - 1

    def _cut(self, count: int) -> None:
        if count < self._saved:
            assert self._file is not None
            self._file.truncate(count * self._entry_bytes)
            self.unsynced = True
            self._saved = count
            self.crc = crc32c(self._file.read(0, self.size_bytes))
            self.waiting.clear()
        else:
            del self.waiting[(count - self._saved) * self._entry_bytes :]

    def _make_empty(self) -> None:
        self._file = self._fs.open(self.path, create=True)
        self._file.truncate(0)
        self.unsynced = True
        self._saved = self.crc = 0
        self.waiting.clear()

    def save(self) -> None:
        """Write out what waits; the file is there afterwards, even when it is empty."""
        if self._file is None:
            self._file = self._fs.open(self.path, create=True)
            if self._file.size:
                self._file.truncate(0)
                self.unsynced = True
        if self.waiting:
            self._file.append([bytes(self.waiting)], len(self.waiting))
            self.unsynced = True
            self.crc = crc32c(self.waiting, self.crc)
            self._saved += len(self.waiting) // self._entry_bytes
            self.waiting.clear()

    def replace_entries(self, entries: bytes | bytearray, count: int) -> None:
        """Have these entries instead of its first ``count``, and write all out."""
        newer = b"".join(self._entry(number) for number in range(count, len(self)))
        self._make_empty()
        self.waiting += entries
        self.waiting += newer
        self.save()
        self._take_last()

    def _take_last(self) -> None:
        """Take what the last entry says."""
        raise AssertionError(f"{type(self).__name__} has no entries of its own")

    def sync_later(self) -> Callable[[], None]:
        """Save the index; the call returned brings it to the disk."""
        self.save()
        assert self._file is not None
        self.unsynced = False
        return self._file.sync_later()

    def close(self) -> None:
        """Close its file."""
        if self._file is not None:
            self._file.close()

    def retire(self) -> None:
        """Close its file, which is about to be removed or replaced."""
        if self._file is not None:
            self._file.retire()


class OffsetIndex(IndexFile):
    """Where batches lie. ``last_offset`` is the base offset while the index is empty."""

    __slots__ = ("last_offset",)

    def __init__(self, fs: FileSystem, path: str, base_offset: int) -> None:
        super().__init__(fs, path, base_offset, OFFSET_ENTRY.size)
        self.last_offset = base_offset

    def load(self, size_bytes: int, upper_offset: int) -> None:
        """Take what the file holds, if every entry may be of a segment of this size that ends below this offset."""
        entries = self._take_file()
        if not offset_entries_hold(entries, size_bytes, upper_offset - self.base_offset):
            raise IndexFileError(f"{self.path}: an entry is out of order, or beyond the end of the segment")
        self._take_last()

    def _take_last(self) -> None:
        count = len(self)
        self.last_offset = self.base_offset + (self.entry(count - 1)[0] if count else 0)

    def entry(self, number: int) -> tuple[int, int]:
        """An entry as it is stored: relative offset and position."""
        relative, position = OFFSET_ENTRY.unpack(self._entry(number))
        return relative, position

    def append(self, offset: int, position: int) -> None:
        """The batch that ends at ``offset`` begins at ``position``; both above those of the last entry."""
        if offset <= self.last_offset and len(self):
            raise ValueError(f"{self.path}: offset {offset} isn't above the last one, {self.last_offset}")
        self.waiting += OFFSET_ENTRY.pack(offset - self.base_offset, position)
        self.last_offset = offset

    def position_before(self, offset: int) -> int:
        """A position from which a walk forward meets the batch with ``offset``."""
        found = self._last_not_above(0, 4, min(offset - self.base_offset, 0x7FFFFFFF))
        return self.entry(found)[1] if found >= 0 else 0

    def has(self, offset: int) -> bool:
        """Whether an entry says that a batch ends at this very offset."""
        found = self._last_not_above(0, 4, min(offset - self.base_offset, 0x7FFFFFFF))
        return found >= 0 and self.entry(found)[0] == offset - self.base_offset

    def position_not_above(self, position: int) -> int:
        """The last position in the index that isn't above ``position``, or 0."""
        found = self._last_not_above(4, 4, position)
        return self.entry(found)[1] if found >= 0 else 0

    def truncate_to(self, offset: int, position: int) -> None:
        """Keep the entries below ``offset`` of batches before ``position``."""
        by_offset = self._last_not_above(0, 4, min(offset - 1 - self.base_offset, 0x7FFFFFFF))
        self._cut(min(by_offset, self._last_not_above(4, 4, position - 1)) + 1)
        self._take_last()

    def reset(self) -> None:
        """Remove all entries."""
        self._make_empty()
        self.last_offset = self.base_offset


class TimeIndex(IndexFile):
    """How new the records are up to an offset; ``(-1, base offset)`` while the index is empty."""

    __slots__ = ("last_offset", "last_timestamp")

    def __init__(self, fs: FileSystem, path: str, base_offset: int) -> None:
        super().__init__(fs, path, base_offset, TIME_ENTRY.size)
        self.last_timestamp = -1
        self.last_offset = base_offset

    def load(self, upper_offset: int) -> None:
        """Take what the file holds, if every entry may be of a segment that ends below this offset."""
        entries = self._take_file()
        if not time_entries_hold(entries, upper_offset - self.base_offset):
            raise IndexFileError(f"{self.path}: an entry is out of order, or beyond the end of the segment")
        self._take_last()

    def _take_last(self) -> None:
        count = len(self)
        self.last_timestamp, relative = self.entry(count - 1) if count else (-1, 0)
        self.last_offset = self.base_offset + relative

    def entry(self, number: int) -> tuple[int, int]:
        """An entry as it is stored: timestamp and relative offset."""
        timestamp, relative = TIME_ENTRY.unpack(self._entry(number))
        return timestamp, relative

    def maybe_append(self, timestamp: int, offset: int) -> None:
        """No record up to ``offset`` is newer than ``timestamp``; passed over unless that is newer than the last."""
        if timestamp > self.last_timestamp:
            self.waiting += TIME_ENTRY.pack(timestamp, offset - self.base_offset)
            self.last_timestamp = timestamp
            self.last_offset = offset

    def entry_before(self, timestamp: int) -> tuple[int, int]:
        """The last entry that isn't newer than ``timestamp``: its timestamp, -1 if there is none, and an offset from
        which a walk forward meets the first record at ``timestamp`` or later.
        """
        found = self._last_not_above(0, 8, timestamp)
        if found < 0:
            return -1, self.base_offset
        known, relative = self.entry(found)
        return known, self.base_offset + relative

    def truncate_to(self, offset: int) -> None:
        """Keep the entries below ``offset``."""
        self._cut(self._last_not_above(8, 4, min(offset - 1 - self.base_offset, 0x7FFFFFFF)) + 1)
        self._take_last()

    def reset(self) -> None:
        """Remove all entries."""
        self._make_empty()
        self.last_timestamp = -1
        self.last_offset = self.base_offset
