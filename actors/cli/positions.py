"""Where to begin and end reading, as kcat's ``-o`` says it; and times, as people write them. All pure.

| ``-o`` | meaning |
|---|---|
| ``beginning``, ``end`` | the first record there is; the next that comes |
| ``stored`` | where the group is, with ``-G`` only |
| ``N`` | offset N |
| ``-N`` | the last N records of each partition |
| ``s@TIME`` | the first record at or after TIME |
| ``e@TIME`` | end before the first record that is as old or younger; beside another ``-o`` |

TIME is milliseconds since 1970, or a date as ISO 8601 writes it, in UTC unless it names its offset.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from enum import Enum

from kstore.named import NamedTuple


class PositionError(ValueError):
    """A position or a time that can't be read, with what is wrong with it."""


class Start(Enum):
    """What a start's number counts from."""

    BEGINNING = "beginning"
    END = "end"
    STORED = "stored"
    OFFSET = "offset"
    TAIL = "tail"
    TIME = "time"


class Span(NamedTuple):
    """Where to start, and before which time (ms since 1970) to end, if at one. ``number`` is an offset, a count of
    records from the end, or a time in ms, by the start.
    """

    start: Start | None = None
    number: int = 0
    end_ms: int | None = None

    def of(self, beginning: int, end: int) -> int:
        """The offset to start from in a partition that has these, for every start that needs no look-up."""
        match self.start:
            case Start.BEGINNING:
                return beginning
            case Start.END:
                return end
            case Start.TAIL:
                return max(beginning, end - self.number)
            case Start.OFFSET:
                return self.number
        raise AssertionError(f"{self.start} is looked up")


def time_ms(text: str) -> int:
    """A time in ms since 1970, from a number or ISO 8601.

    >>> time_ms("1700000000000"), time_ms("2023-11-14T22:13:20"), time_ms("2023-11-14T23:13:20.500+01:00")
    (1700000000000, 1700000000000, 1700000000500)
    """
    if text.isdecimal():
        return int(text)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise PositionError(
            f"{text!r} is not a time: write milliseconds since 1970, or a date such as 2026-03-01T09:30"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)


def span(texts: Iterable[str]) -> Span:
    """What all ``-o`` of a command mean together.

    >>> span(["-10"]).of(beginning=3, end=100)
    90
    >>> span(["s@1000", "e@2000"])
    Span(start=<Start.TIME: 'time'>, number=1000, end_ms=2000)
    """
    start: Start | None = None
    number = 0
    end_ms: int | None = None
    for text in texts:
        if text.startswith("e@"):
            if end_ms is not None:
                raise PositionError("two ends were given: one e@TIME is enough")
            end_ms = time_ms(text[2:])
            continue
        if start is not None:
            raise PositionError(f"two starts were given: leave out {text}")
        start, number = _start(text)
    return Span(start, number, end_ms)


def _start(text: str) -> tuple[Start, int]:
    if text in ("beginning", "earliest"):
        return Start.BEGINNING, 0
    if text in ("end", "latest"):
        return Start.END, 0
    if text == "stored":
        return Start.STORED, 0
    if text.startswith("s@"):
        return Start.TIME, time_ms(text[2:])
    if re.fullmatch(r"-?\d+", text):
        return (Start.TAIL, int(text[1:])) if text.startswith("-") else (Start.OFFSET, int(text))
    raise PositionError(f"{text!r} is not an offset: beginning, end, stored, N, -N, s@TIME or e@TIME")
