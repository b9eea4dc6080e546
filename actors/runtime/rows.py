"""The last rows of a trace as text, for what is printed when something failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.runtime.recorder import Recorder

ROWS_SHOWN = 30


def trace_end(recorder: Recorder, rows: int = ROWS_SHOWN) -> str:
    """The last ``rows`` rows, a line each: time in seconds, sequence and cause, the actor, what happened to what."""
    lines = [f"the last {rows} rows of the trace:"]
    for row in recorder.recent(rows):
        offsets = " ".join(str(offset) for offset in (row.offset1, row.offset2) if offset >= 0)
        what = " ".join(part for part in (row.actor, row.kind, row.partition, offsets) if part)
        lines.append(f"  {row.time_us / 1e6:12.6f}  {row.sequence:>7} <- {row.cause:<7} {what}")
    return "\n".join(lines)
