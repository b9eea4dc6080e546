"""The cases of a seed, by number: every second one is a cut or a flipped bit of sound bytes, and each comes once.

Those of files and batches come before those of single messages. The others are drawn: what is wrong with them, and with
which sound bytes. In half of them checksums fit.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import gcd

from fuzz.readers.damage import drawn, flipped
from fuzz.readers.reader import Reader

from kstore.named import NamedTuple

SYSTEMATIC_EVERY = 2
SCHEMAS_WEIGHT = 60
KINDS_A_BYTE = 9
"""Of each byte: what ends before it, and its eight bits flipped."""


class Case(NamedTuple):
    """Bytes for a reader."""

    reader: Reader
    data: bytes


class CutsAndFlips:
    """All that some readers' sound bytes have, in an order that has all kinds early on."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._sound = [Case(reader, data) for reader in readers for data in reader.sound if data]
        self._ends = list(accumulate(KINDS_A_BYTE * len(case.data) for case in self._sound))
        self._step = len(self) * 618 // 1000
        while gcd(self._step, len(self)) > 1:
            self._step += 1

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def case(self, turn: int) -> Case:
        """One of them."""
        place = turn * self._step % len(self)
        index = bisect_right(self._ends, place)
        reader, data = self._sound[index]
        at, kind = divmod(place - (self._ends[index - 1] if index else 0), KINDS_A_BYTE)
        return Case(reader, data[:at] if kind == 0 else flipped(data, 8 * at + kind - 1))


class Cases:
    """``schemas`` are drawn together as often as one other reader: each is a table for the same code."""

    def __init__(self, seed: int, readers: Sequence[Reader], schemas: Sequence[Reader]) -> None:
        self.seed = seed
        self._readers = readers
        self._schemas = schemas
        self._weights = list(accumulate([*(each.weight for each in readers), SCHEMAS_WEIGHT if schemas else 0]))
        self._spoilt = [CutsAndFlips(each) for each in (readers, schemas)]

    @property
    def systematic(self) -> int:
        """How many cuts and flips there are."""
        return sum(map(len, self._spoilt))

    def case(self, number: int) -> Case:
        """The same each time that it is asked for."""
        turn, rest = divmod(number, SYSTEMATIC_EVERY)
        if rest == 0 and turn < self.systematic:
            first = len(self._spoilt[0])
            return self._spoilt[0].case(turn) if turn < first else self._spoilt[1].case(turn - first)
        draw = random.Random(f"{self.seed}/{number}")
        reader = self._drawn_reader(draw)
        data = drawn(draw, draw.choice(reader.sound))
        return Case(reader, reader.fit(data) if draw.random() < 0.5 else data)

    def _drawn_reader(self, draw: random.Random) -> Reader:
        index = bisect_right(self._weights, draw.randrange(self._weights[-1]))
        return draw.choice(self._schemas) if index == len(self._readers) else self._readers[index]
