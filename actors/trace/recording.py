"""Rows of a flight recorder, at hand for questions: a copy of a ring, or what a file holds.

The rows lie one after the other as the recorder wrote them (64 bytes each, see ``actors.runtime.recorder``), in the
order of their sequences and without a gap; so a row is found by its sequence, and looking for a kind goes through one
column of numbers. Names are looked up when a row is shown. A number may have meant another name before: names that
come and go are forgotten by the recorder, and their numbers given again.

Invariant: a row's cause is an earlier row; a file that says otherwise is not followed there.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.runtime.recorder import NOTE, TraceRow

ROW_BYTES = 64
SEQUENCE, TIME, CAUSE, OFFSET1, OFFSET2 = 0, 1, 2, 5, 6  # in words of 8 bytes
ACTOR, KIND, PARTITION, TOOK, SUBJECT, DEPTH = 6, 7, 8, 9, 14, 15  # in words of 4 bytes


class Names:
    """What the numbers in rows stand for, from which row on."""

    def __init__(self, texts: list[str] | None = None) -> None:
        self._texts: dict[int, str] = dict(enumerate(texts or [""]))
        self._before: dict[int, list[tuple[int, str]]] = {}  # earlier names of a number, and the row they end before

    def define(self, number: int, text: str, since: int) -> None:
        """From row ``since`` on a number stands for this text."""
        known = self._texts.get(number)
        if known is not None and known != text:
            self._before.setdefault(number, []).append((since, known))
        self._texts[number] = text

    def text(self, number: int, sequence: int) -> str:
        """What a number stands for in a row."""
        for end, text in self._before.get(number, ()):
            if sequence < end:
                return text
        return self._texts.get(number, f"?{number}")

    def numbers(self, text: str) -> set[int]:
        """The numbers that stand for a text in some row or other."""
        found = {number for number, known in self._texts.items() if known == text}
        return found | {number for number, past in self._before.items() if any(known == text for _, known in past)}

    def at_the_end(self) -> dict[int, str]:
        """What each number stands for in the last row."""
        return dict(self._texts)

    def all(self) -> list[str]:
        """Every name, in the order of their numbers."""
        past = [text for number in sorted(self._before) for _, text in self._before[number]]
        return [*self._texts.values(), *past]


class Recording:
    """Whole rows in the order of their sequences. ``damage`` says what was wrong with the file, if something was."""

    def __init__(
        self, rows: bytes | bytearray, names: Names, *, base_us: int = 0, virtual: bool = False, damage: str = ""
    ) -> None:
        assert len(rows) % ROW_BYTES == 0, "rows are whole"
        self.names = names
        self.base_us = base_us
        self.virtual = virtual
        self.damage = damage
        self.data = rows
        self._words = memoryview(rows).cast("q")
        self._halves = memoryview(rows).cast("i")
        self.count = len(rows) // ROW_BYTES
        self.first = self._words[SEQUENCE] if rows else 1
        self.end = self.first + self.count

    def __len__(self) -> int:
        return self.count

    @property
    def is_cut(self) -> bool:
        """Whether rows before the first one were overwritten."""
        return self.first > 1

    def _at(self, index: int) -> TraceRow:
        words, halves, text = self._words, self._halves, self.names.text
        word, half = index * 8, index * 16
        sequence = words[word]
        return TraceRow(
            sequence,
            words[word + TIME],
            words[word + CAUSE],
            text(halves[half + ACTOR], sequence),
            text(halves[half + KIND], sequence),
            text(halves[half + PARTITION], sequence),
            words[word + OFFSET1],
            words[word + OFFSET2],
            text(halves[half + SUBJECT], sequence),
            halves[half + TOOK] & 0xFFFFFFFF,
            halves[half + DEPTH],
        )

    def row(self, sequence: int) -> TraceRow | None:
        """One row, if it is here."""
        return self._at(sequence - self.first) if self.first <= sequence < self.end else None

    def rows(self, first: int = 0, end: int | None = None) -> Iterator[TraceRow]:
        """The rows from sequence ``first`` up to, not with, ``end``."""
        last = self.end if end is None else min(end, self.end)
        for sequence in range(max(first, self.first), last):
            yield self._at(sequence - self.first)

    def last(self, count: int) -> list[TraceRow]:
        """The last rows, oldest first."""
        return list(self.rows(self.end - count))

    def find(
        self, *kinds: str, partition: str | None = None, after: int = 0, before: int | None = None, newest: bool = False
    ) -> Iterator[TraceRow]:
        """The rows of some kinds after one sequence and before another; with ``newest`` from the last to the first."""
        wanted = set().union(*(self.names.numbers(kind) for kind in kinds))
        about = None if partition is None else self.names.numbers(partition)
        low = max(after + 1 - self.first, 0)
        high = self.count if before is None else min(max(before - self.first, 0), self.count)
        found = [index for index, kind in enumerate(self.column(KIND, low, high), low) if kind in wanted]
        for index in reversed(found) if newest else found:
            if about is not None and self._halves[index * 16 + PARTITION] not in about:
                continue
            row = self._at(index)
            if row.kind in kinds and partition in (None, row.partition):
                yield row

    def last_of(self, *kinds: str, partition: str | None = None, before: int | None = None) -> TraceRow | None:
        """The last such row before a sequence."""
        return next(self.find(*kinds, partition=partition, before=before, newest=True), None)

    def column(self, half: int, low: int = 0, high: int | None = None) -> memoryview:
        """One of the columns of 4 bytes, of all rows or of those at some indices."""
        end = self.count if high is None else high
        return self._halves[low * 16 + half : end * 16 : 16] if low < end else self._halves[:0]

    def chain(self, sequence: int) -> list[TraceRow]:
        """The causes of a row, from that row back to what came from outside or is no longer here."""
        out: list[TraceRow] = []
        row = self.row(sequence)
        while row is not None:
            out.append(row)
            row = self.row(row.cause) if row.cause < row.sequence else None
        return out

    def notes_in(self, turn: int) -> list[TraceRow]:
        """What was noted in a turn, or between the coming and going of what came from outside."""
        out = []
        for row in self.rows(turn + 1):
            if row.depth != NOTE:
                break
            if row.cause == turn:
                out.append(row)
        return out
