"""The last rows of a trace as text, to print after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime.driver import NodeCrashed, SimulationStalled
from actors.runtime.recorder import NOTE
from kstore.errors.base import KafkaError

if TYPE_CHECKING:
    from actors.runtime.recorder import Recorder, TraceRow

ROWS_SHOWN = 30
LOOKED_AT = 16  # times as many rows are searched for ones that are not idle
IDLE = ("_Beat", "CheckSessions", "Expire", "FetchOverdue", "Upkeep")
"""Idle kinds of rows: heartbeats, sessions, fetches that found nothing, maintenance of logs."""
ENDS = ("TimerFired", "Arrived", "SocketRead")


TOLD = (KafkaError, TimeoutError, NodeCrashed, SimulationStalled, AssertionError)
"""Exceptions that the cluster may have caused; the trace doesn't explain a ``ZeroDivisionError``."""
BEGINNING = "the last "


def note_end(error: BaseException, recorder: Recorder) -> None:
    """Add the end of the trace to an exception that the cluster may have caused, once."""
    if isinstance(error, TOLD) and not any(note.startswith(BEGINNING) for note in getattr(error, "__notes__", ())):
        error.add_note(trace_end(recorder))


def trace_end(recorder: Recorder, rows: int = ROWS_SHOWN) -> str:
    """The last ``rows`` rows that aren't idle, a line each: seconds before the last row of all, sequence and cause, the
    actor, what happened to what. If all rows are idle, these.
    """
    recent = recorder.recent(rows * LOOKED_AT)
    shown = (_telling(recent) or recent)[-rows:]
    end_us = recent[-1].time_us if recent else 0
    lines = [f"{BEGINNING}{len(shown)} rows of the trace, without heartbeats; seconds before its end:"]
    lines += [f"  {row_line(row, end_us)}" for row in shown]
    return "\n".join(lines)


def _telling(rows: list[TraceRow]) -> list[TraceRow]:
    """Rows that are neither idle nor caused by an idle row; noted rows are never idle."""
    idle: set[int] = set()
    for row in rows:
        if row.depth != NOTE and (row.kind in IDLE or row.cause in idle):
            idle.add(row.sequence)
    kept = [row for row in rows if row.sequence not in idle]
    led_on = {row.cause for row in kept}
    return [row for row in kept if row.kind not in ENDS or row.sequence in led_on]


def row_line(row: TraceRow, end_us: int = 0) -> str:
    """A row as one line: when (in seconds), its sequence and that of its cause, where, what, about what and why."""
    words = [f"{(row.time_us - end_us) / 1e6:12.6f}  {row.sequence:>7} <- {row.cause:<7} {row.actor or '-'} {row.kind}"]
    if row.partition:
        words.append(row.partition)
    if row.offset1 != -1 or row.offset2 != -1:
        words.append(str(row.offset1) if row.offset2 == -1 else f"{row.offset1}..{row.offset2}")
    if row.subject:
        words.append(f"({row.subject})")
    if row.took_us:
        words.append(f"[{row.took_us} us]")
    return " ".join(words)
