"""The last rows of a trace as text, for what is printed when something failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.runtime.recorder import Recorder, TraceRow

ROWS_SHOWN = 30


def trace_end(recorder: Recorder, rows: int = ROWS_SHOWN) -> str:
    """The last ``rows`` rows, a line each: time in seconds, sequence and cause, the actor, what happened to what."""
    lines = [f"the last {rows} rows of the trace:"]
    lines += [f"  {row_line(row)}" for row in recorder.recent(rows)]
    return "\n".join(lines)


def row_line(row: TraceRow) -> str:
    """A row as one line: when (in seconds), its sequence and that of its cause, where, what, about what and why."""
    words = [f"{row.time_us / 1e6:12.6f}  {row.sequence:>7} <- {row.cause:<7} {row.actor or '-'} {row.kind}"]
    if row.partition:
        words.append(row.partition)
    if row.offset1 != -1 or row.offset2 != -1:
        words.append(str(row.offset1) if row.offset2 == -1 else f"{row.offset1}..{row.offset2}")
    if row.subject:
        words.append(f"({row.subject})")
    if row.took_us:
        words.append(f"[{row.took_us} us]")
    return " ".join(words)
