"""The records that ``kstore produce`` reads: pieces of an input between delimiters, whole files, or lines of JSON.

As kcat does it: an empty piece is no record; a key ends at the first key delimiter, and what has none has the fixed
key, if there is one, or none; with ``null`` an empty key or value beside a key delimiter is null. A piece is a record
as soon as it was read, so that what is typed goes out line by line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from kstore.named import NamedTuple

READ_BYTES = 1 << 18


class InputMessage(NamedTuple):
    """A record to be sent. ``input_bytes`` is how much of the input it took."""

    key: bytes | None
    value: bytes | None
    input_bytes: int


def pieces(read: Callable[[int], bytes], end: bytes) -> Iterator[list[bytes]]:
    """What is between delimiters, as many at a time as one ``read`` brought; what is left at the end is one as well."""
    rest = b""
    while chunk := read(READ_BYTES):
        *whole, rest = (rest + chunk).split(end)
        if whole:
            yield whole
    if rest:
        yield [rest]


class Splitter:
    """Makes a message of a piece. ``key_end`` None: pieces are values, and the key is ``fixed_key``."""

    def __init__(self, key_end: bytes | None, fixed_key: bytes | None, null: bool) -> None:
        self.key_end = key_end
        self.fixed_key = fixed_key
        self.null = null

    def messages(self, found: Iterable[bytes], end: bytes) -> list[InputMessage]:
        """The messages of pieces that were separated by ``end``; empty ones are none."""
        extra = len(end)
        return [self.message(piece, len(piece) + extra) for piece in found if piece]

    def message(self, piece: bytes, input_bytes: int) -> InputMessage:
        """One message.

        >>> Splitter(b":", None, null=True).message(b"user:", 6)
        InputMessage(key=b'user', value=None, input_bytes=6)
        """
        if self.key_end is None:
            return InputMessage(self.fixed_key, piece, input_bytes)
        key, found, value = piece.partition(self.key_end)
        if not found:
            return InputMessage(self.fixed_key, piece, input_bytes)
        if self.null:
            return InputMessage(key or None, value or None, input_bytes)
        return InputMessage(key, value, input_bytes)
