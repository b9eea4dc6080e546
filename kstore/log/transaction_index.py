"""The transaction index of a segment: its aborted transactions, in Apache Kafka's format (``TransactionIndex``).

    <base>.txnindex    entries of 34 bytes: version int16 (0) | producer_id int64 | first_offset int64 |
                       last_offset int64 | last_stable_offset int64

Numbers are big-endian. An entry stands beside the segment that holds the marker, in the order of the markers; the
transaction may have begun in an earlier one. A reader of committed records is told those that begin below the end of
what it reads and end at its first offset or later; it leaves their producers' records out, from the first offset to
the marker. An entry with a last stable offset at that end or later is the last to look at.

As with the other indexes, the newest entries wait in memory until ``save``, and a segment that wasn't closed has its
entries made anew from its markers. A segment without an aborted transaction has no such file.
"""

import struct

from kstore.codec.checksum import crc32c
from kstore.fs import FileSystem
from kstore.log.answers import AbortedTransaction
from kstore.log.indexes import IndexFile, IndexFileError

VERSION = 0
LAST_OFFSET_AT = 18
BLOCK_ENTRIES = 128
CHECKED_BYTES = 16 << 10  # of which the checksum costs a microsecond or two

ENTRY = struct.Struct(">hqqqq")


class TransactionIndex(IndexFile):
    """``last_offset`` is that of the last entry, -1 while there is none."""

    __slots__ = ("last_offset",)

    def __init__(self, fs: FileSystem, path: str, base_offset: int) -> None:
        super().__init__(fs, path, base_offset, ENTRY.size)
        self.last_offset = -1

    def load(self, upper_offset: int) -> None:
        """Take what the file holds, if every entry may be of a segment that ends below this offset.

        FileNotFoundError without a file, IndexFileError when it can't be right.
        """
        last = self.base_offset - 1
        for version, _, first_offset, last_offset, _ in ENTRY.iter_unpack(self._take_file()):
            if version != VERSION:
                raise IndexFileError(f"{self.path}: unknown version {version}")
            if not (last < last_offset < upper_offset and 0 <= first_offset <= last_offset):
                raise IndexFileError(f"{self.path}: an entry is out of order, or beyond the end of the segment")
            last = last_offset
        self._take_last()

    def _take_last(self) -> None:
        count = len(self)
        self.last_offset = ENTRY.unpack(self._entry(count - 1))[3] if count else -1

    def append(self, aborted: AbortedTransaction) -> None:
        """Its marker has been appended to the segment."""
        assert aborted.last_offset > self.last_offset, f"{self.path}: {aborted} doesn't follow on {self.last_offset}"
        self.waiting += ENTRY.pack(VERSION, *aborted)
        self.last_offset = aborted.last_offset

    def collect(self, offset: int, up_to: int, found: list[AbortedTransaction]) -> bool:
        """Add those that end at ``offset`` or later and begin below ``up_to``; whether later segments have no more.

        Raises IndexFileError if the file isn't as it was written; of a large one only the entries are looked at.
        """
        if self.size_bytes <= CHECKED_BYTES and not self.is_as_written():
            raise IndexFileError(f"{self.path} isn't as it was written")
        number, count = self._last_not_above(LAST_OFFSET_AT, 8, offset - 1) + 1, len(self)
        while number < count:
            block = self._block(number)
            for _, producer_id, first_offset, last_offset, last_stable_offset in ENTRY.iter_unpack(block):
                if not 0 <= first_offset <= last_offset <= self.last_offset:
                    raise IndexFileError(f"{self.path} isn't as it was written")
                if first_offset < up_to:
                    found.append(AbortedTransaction(producer_id, first_offset, last_offset, last_stable_offset))
                if last_stable_offset >= up_to:
                    return True
            number += len(block) // ENTRY.size
        return False

    def is_as_written(self) -> bool:
        """Whether the file has what was written to it."""
        return self._file is None or crc32c(self._file.read(0, self.size_bytes)) == self.crc

    def _block(self, number: int) -> bytes:
        """Some entries from one on that there is: saved ones, or those that wait."""
        if number >= self._saved:
            first = number - self._saved
            return bytes(self.waiting[first * ENTRY.size : (first + BLOCK_ENTRIES) * ENTRY.size])
        assert self._file is not None
        count = min(BLOCK_ENTRIES, self._saved - number)
        return self._file.read(number * ENTRY.size, count * ENTRY.size)

    def truncate_to(self, offset: int) -> None:
        """Keep the entries of markers below ``offset``."""
        self._cut(self._last_not_above(LAST_OFFSET_AT, 8, offset - 1) + 1)
        self._take_last()

    def save(self) -> None:
        """Write out what waits; without an entry no file is made."""
        if self.waiting or self._file is not None:
            super().save()

    def forget(self) -> None:
        """Begin anew, for entries that are found by a replay; the file stays as it is until ``replace``."""
        self._file = None
        self._saved = self.crc = 0
        self.waiting.clear()
        self.last_offset = -1

    def replace(self) -> None:
        """Put what was found in the place of the file, at once and durably: a file that lacks entries looks whole."""
        self._fs.replace(self.path, bytes(self.waiting))
        self._file = self._fs.open(self.path)
        self._saved, self.crc = len(self.waiting) // self._entry_bytes, crc32c(self.waiting)
        self.waiting.clear()
