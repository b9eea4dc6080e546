"""Rows and steps of an answer as text: one line each, times in milliseconds, in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actors.runtime.recorder import ENTERED, NOTE, TraceRow
from actors.trace.recording import Recording
from kstore.named import NamedTuple

PLACE_WIDTH_MAX = 40


class Step(NamedTuple):
    """One thing that happened: when (us on the recorder's clock), where (an actor or node), what, and its row."""

    time_us: int
    place: str
    what: str
    sequence: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"time_us": self.time_us, "place": self.place, "what": self.what, "row": self.sequence}


class TraceAnswer:
    """An answer to a question: its text is also what a prompt shows of it."""

    def __repr__(self) -> str:
        return str(self)


def milliseconds(us: int) -> str:
    """``1.234 ms``, or in seconds from ten of them on."""
    return f"{us / 1e6:.3f} s" if abs(us) >= 10_000_000 else f"{us / 1000:.3f} ms"


def some(count: int, noun: str) -> str:
    """``1 record``, ``2,000 records``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def lines_of(steps: Sequence[Step]) -> list[str]:
    """Steps as lines: the time since the first, the time since the one before, where, what."""
    if not steps:
        return []
    begin_us = before_us = steps[0].time_us
    times, waits = [], []
    for step in steps:
        times.append(milliseconds(step.time_us - begin_us))
        waits.append(f"+{milliseconds(step.time_us - before_us)}")
        before_us = step.time_us
    width, wait_width = max(map(len, times)), max(map(len, waits))
    place_width = min(max(len(step.place) for step in steps), PLACE_WIDTH_MAX)
    return [
        f"  {at:>{width}}  {wait:>{wait_width}}  {step.place:<{place_width}}  {step.what}"
        for at, wait, step in zip(times, waits, steps, strict=True)
    ]


def sort_of(row: TraceRow) -> str:
    """``turn``, ``note`` or ``outside``."""
    return "note" if row.depth == NOTE else "outside" if row.depth == ENTERED else "turn"


def row_dict(row: TraceRow) -> dict[str, Any]:
    """A row for JSON."""
    return {
        "row": row.sequence,
        "cause": row.cause,
        "time_us": row.time_us,
        "sort": sort_of(row),
        "actor": row.actor,
        "kind": row.kind,
        "partition": row.partition,
        "offset1": row.offset1,
        "offset2": row.offset2,
        "subject": row.subject,
        "took_us": row.took_us,
        "depth": max(row.depth, 0),
    }


def overwritten(recording: Recording) -> str:
    """What to say when what was looked for may have been there before the first row that is kept."""
    if not recording.is_cut:
        return ""
    return (
        f"history was overwritten: the first {recording.first - 1:,} rows are gone; "
        "keep more with Cluster(trace_rows=...) or all with trace_file=..."
    )
