"""Verifies the checksums of a file's batches, and remembers which were verified.

Each batch is checked once, by the first who reads it from the file; the ranges that were checked are remembered. What
was appended to a file in memory since it was opened needs no check: it went to no disk, and its bytes were checked when
they came.
"""

from kstore.errors import CorruptMessage
from kstore.fs import File
from kstore.log.extents import Extents
from kstore.log.old_formats import position_of_no_batch
from kstore.log.scan import find_rot
from kstore.records import HEADER_BYTES

VERIFY_BYTES = 1 << 20  # stays in the processor's cache until it was looked at


class Verified:
    """The verified ranges of one segment's file, by positions where batches begin. From ``sound_from`` on nothing needs
    a check, as it went to no disk; None for a file on one.

    ``wrong_at`` is where a wrong batch was found to begin, the first one if there are several; None if there is none.
    """

    __slots__ = ("_extents", "_file", "_sound_from", "wrong_at")

    def __init__(self, file: File, *, in_memory: bool) -> None:
        self._file = file
        self._extents: Extents | None = None
        self._sound_from = file.size if in_memory else None
        self.wrong_at: int | None = None

    def look_at(self, position: int, nbytes: int) -> None:
        """Check that whole batches are as they were appended; raises CorruptMessage."""
        _, error = self._sound(position, nbytes)
        if error is not None:
            raise error

    def sound_before(self, position: int, nbytes: int) -> int:
        """How many bytes of whole batches are as they were appended, of ``nbytes`` bytes from a position on. Raises
        CorruptMessage if the first batch is wrong.
        """
        sound, error = self._sound(position, nbytes)
        if error is not None and not sound:
            raise error
        return sound

    def _sound(self, position: int, nbytes: int) -> tuple[int, CorruptMessage | None]:
        """How many bytes are right before the first wrong batch, and what is wrong with that, if there is one."""
        for start, end in self.missing(position, position + nbytes):
            while start < end:
                try:
                    moved = self._look_at_some(start, end)
                except CorruptMessage as error:
                    return start - position, error
                self.add(start, start + moved)
                start += moved
        return nbytes, None

    def doubt(self, position: int) -> None:
        """Have what lies here and behind it checked again."""
        if self._extents is not None:
            self._extents.cut(position)
        self._sound_from = None

    def found_wrong(self, position: int) -> None:
        """Note that a wrong batch begins here; whatever was known to be right behind it is checked again."""
        self.doubt(position)
        self.wrong_at = position if self.wrong_at is None else min(self.wrong_at, position)

    def missing(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of a range whose checksums weren't checked yet."""
        if self._sound_from is not None and start >= self._sound_from:
            return []
        return [(start, end)] if self._extents is None else self._extents.missing(start, end)

    def add(self, start: int, end: int) -> None:
        """Note that the checksums of the batches in this range are right."""
        if self._extents is None:
            self._extents = Extents()
        self._extents.add(start, end)

    def _look_at_some(self, position: int, end: int) -> int:
        """Check the batches from a position on, as many as are read at once; how many bytes they have."""
        piece = self._file.read(position, min(VERIFY_BYTES, end - position) + HEADER_BYTES)
        moved = min(self.checked(piece, position), end - position)
        if not moved and len(piece) >= HEADER_BYTES:
            nbytes = 12 + int.from_bytes(piece[8:12], "big", signed=True)
            moved = self.checked(self._file.read(position, min(nbytes, end - position)), position)
        if not moved:
            self.found_wrong(position)
            raise CorruptMessage(f"{self._file.path} ends in the middle of a record batch")
        return moved

    def checked(self, piece: bytes, position: int) -> int:
        """How many bytes the whole batches of a piece have, up to the first wrong one. Raises CorruptMessage if that is
        the first in the piece.
        """
        try:
            wrong, moved, base_offset = find_rot(piece)
        except CorruptMessage:
            wrong = position_of_no_batch(piece)
            sound, moved, base_offset = find_rot(memoryview(piece)[:wrong]) if wrong else (-1, 0, -1)
            wrong = sound if sound >= 0 else wrong
        if wrong != 0:
            return moved
        self.found_wrong(position)
        what = "there is no record batch"
        if base_offset >= 0:
            what = f"the checksum or place of the batch at offset {base_offset} is wrong,"
        raise CorruptMessage(f"{what} {position} bytes into {self._file.path}")

    def cut(self, position: int) -> None:
        """The file was cut here: what comes behind is new."""
        if self._extents is not None:
            self._extents.cut(position)
        if self._sound_from is not None:
            self._sound_from = min(self._sound_from, position)
        if self.wrong_at is not None and self.wrong_at >= position:
            self.wrong_at = None
