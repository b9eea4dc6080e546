"""What can be wrong with bytes: cut at any length, a bit flipped, a hostile number, a piece moved, or noise."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

NUMBERS = [0, 1, -1, -2, 127, 128, 255, 256, 2**15 - 1, -(2**15), 2**16, 2**24, 2**30, 2**31 - 1, -(2**31)]
LONGS = [*NUMBERS, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, -(2**63)]
WORDS = [
    b"-1",
    b"0",
    b"",
    b" ",
    b"9" * 30,
    b"1e9",
    b"1_0",
    b"\xd9\xa1",
    b"\0",
    b"\n",
    b"[" * 3000,
    b'"',
    b"{}",
    b"null",
]


def uvarint(number: int) -> bytes:
    """Seven bits a byte, lowest first."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def flipped(data: bytes, *bits: int) -> bytes:
    """With these bits the other way round."""
    changed = bytearray(data)
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def drawn(draw: random.Random, data: bytes) -> bytes:
    """The bytes with up to three things wrong, often one."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        data = draw.choice(DAMAGES)(draw, data)
    return data


def _flips(draw: random.Random, data: bytes) -> bytes:
    return flipped(data, *(draw.randrange(8 * len(data)) for _ in range(draw.randint(1, 4)))) if data else data


def _cut(draw: random.Random, data: bytes) -> bytes:
    return data[: draw.randint(0, len(data))]


def _hostile_number(draw: random.Random, data: bytes) -> bytes:
    """Over what stood there, or between it."""
    match draw.randrange(5):
        case 0:
            number = struct.pack(">h", max(-(2**15), min(draw.choice(NUMBERS), 2**15 - 1)))
        case 1:
            number = struct.pack(draw.choice((">i", "<i")), draw.choice(NUMBERS))
        case 2:
            number = struct.pack(draw.choice((">q", "<q")), draw.choice(LONGS))
        case 3:
            number = uvarint(draw.choice(LONGS) & (1 << draw.choice((7, 14, 31, 32, 64, 70))) - 1)
        case _:
            number = b"\xff" * draw.randint(1, 11)
    at = draw.randint(0, len(data))
    return data[:at] + number + data[at + draw.choice((0, 1, len(number), len(number))) :]


def _byte(draw: random.Random, data: bytes) -> bytes:
    at = draw.randint(0, len(data))
    return data[:at] + bytes((draw.choice((0, 1, 2, 127, 128, 255, draw.randrange(256))),)) + data[at + 1 :]


def _word(draw: random.Random, data: bytes) -> bytes:
    """Something else where a word of a text stood, or anywhere."""
    at = draw.randint(0, len(data))
    end = at
    while end < len(data) and data[end] not in b' \n:,="':
        end += 1
    return data[:at] + draw.choice(WORDS) + data[draw.choice((at, end)) :]


def _piece_moved(draw: random.Random, data: bytes) -> bytes:
    """A piece left out, or there twice."""
    return data[: draw.randint(0, len(data))] + data[draw.randint(0, len(data)) :]


def _grown(draw: random.Random, data: bytes) -> bytes:
    return data + draw.choice((bytes(draw.randrange(100)), draw.randbytes(draw.randrange(100)), data))


def _noise(draw: random.Random, data: bytes) -> bytes:
    """Behind a beginning that is right, which is often none."""
    return data[: draw.choice((0, 0, 2, 4, 17, 61))] + draw.randbytes(draw.randrange(300))


def _noise_within(draw: random.Random, data: bytes) -> bytes:
    at, count = draw.randint(0, len(data)), draw.randrange(1, 40)
    return data[:at] + draw.randbytes(count) + data[at + count :]


DAMAGES: list[Callable[[random.Random, bytes], bytes]] = [
    _flips,
    _flips,
    _cut,
    _hostile_number,
    _hostile_number,
    _hostile_number,
    _byte,
    _word,
    _piece_moved,
    _grown,
    _noise,
    _noise_within,
]
