"""A trace for the Perfetto viewer (ui.perfetto.dev) and chrome://tracing: the trace-event format, as JSON.

A node is a process, an actor a thread, a turn a slice ("X") with its length, a note an instant ("i"). A message between
two actors is a flow from the slice that sent it ("s") to the one that received it ("f", binding to its enclosing
slice); its id is the sequence of the receiving row. What came from outside has a thread of its own in each node.

Times are microseconds. Rows of the same microsecond keep their order by thousandths: so times on a thread rise, and
slices don't overlap, on virtual time as well, where a turn takes none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from actors.runtime.recorder import ENTERED, NOTE, TraceRow
from actors.trace.recording import Recording
from actors.trace.root_causes import node_of

if TYPE_CHECKING:
    from typing import TextIO

OUTSIDE = "outside"
SLICE_US_MIN = 0.001


class _Threads:
    """Numbers for nodes and actors, in the order of their first row."""

    def __init__(self) -> None:
        self.processes: dict[str, int] = {}
        self.threads: dict[str, int] = {}

    def of(self, actor: str) -> tuple[int, int, list[dict[str, Any]]]:
        """A row's process and thread, and the events that name them if they are new."""
        events = []
        node = node_of(actor) or OUTSIDE
        actor = actor or OUTSIDE
        process = self.processes.get(node)
        if process is None:
            process = self.processes[node] = len(self.processes) + 1
            events.append(_named("process_name", process, 0, node))
        thread = self.threads.get(actor)
        if thread is None:
            thread = self.threads[actor] = len(self.threads) + 1
            name = actor.split("/", 1)[1] if "/" in actor else actor
            events.append(_named("thread_name", process, thread, name))
        return process, thread, events


def _named(what: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "name": what, "pid": process, "tid": thread, "ts": 0, "args": {"name": name}}


def events(recording: Recording) -> Iterator[dict[str, Any]]:
    """All events, names first used first; within a thread times rise."""
    threads = _Threads()
    open_slices: dict[int, dict[str, Any]] = {}
    drawn: dict[int, tuple[int, int, float]] = {}  # of a row: process, thread, time
    last_us, within = -1, 0
    for row in recording.rows():
        within = within + 1 if row.time_us == last_us else 0
        last_us = row.time_us
        at = row.time_us + min(within, 999) * SLICE_US_MIN
        process, thread, names = threads.of(row.actor)
        yield from names
        if row.depth == NOTE:
            yield _instant(row, process, thread, at)
            continue
        before = open_slices.pop(thread, None)
        if before is not None:
            yield _ended(before, at)
        drawn[row.sequence] = (process, thread, at)
        open_slices[thread] = _slice(row, process, thread, at)
        sender = drawn.get(row.cause)
        if sender is not None and sender[1] != thread:
            yield from _flow(row, sender, (process, thread, at))
    for event in open_slices.values():
        yield _ended(event, None)


def _slice(row: TraceRow, process: int, thread: int, at: float) -> dict[str, Any]:
    args: dict[str, Any] = {"row": row.sequence, "cause": row.cause}
    if row.depth > 0:
        args["waiting"] = row.depth
    if row.partition or row.subject:
        args["about"] = " ".join(each for each in (row.partition, row.subject) if each)
    category = "outside" if row.depth == ENTERED else "turn"
    length = max(float(row.took_us), SLICE_US_MIN)
    return {
        "ph": "X", "name": row.kind, "cat": category,
        "pid": process, "tid": thread, "ts": at, "dur": length, "args": args,
    }  # fmt: skip


def _ended(event: dict[str, Any], next_us: float | None) -> dict[str, Any]:
    """A slice, no longer than up to what follows on its thread."""
    if next_us is not None:
        event["dur"] = min(event["dur"], max(next_us - event["ts"], 0))
    event["ts"], event["dur"] = round(event["ts"], 3), round(event["dur"], 3)
    return event


def _instant(row: TraceRow, process: int, thread: int, at: float) -> dict[str, Any]:
    args: dict[str, Any] = {"row": row.sequence, "cause": row.cause}
    for name in ("partition", "offset1", "offset2", "subject"):
        value = getattr(row, name)
        if value not in ("", -1):
            args[name] = value
    ts = round(at, 3)
    return {"ph": "i", "s": "t", "name": row.kind, "cat": "note", "pid": process, "tid": thread, "ts": ts, "args": args}


def _flow(row: TraceRow, sender: tuple[int, int, float], receiver: tuple[int, int, float]) -> Iterator[dict[str, Any]]:
    """An arrow between two slices."""
    for phase, (process, thread, at) in (("s", sender), ("f", receiver)):
        event = {
            "ph": phase, "name": row.kind, "cat": "message", "id": row.sequence,
            "pid": process, "tid": thread, "ts": round(at, 3),
        }  # fmt: skip
        yield event | ({"bp": "e"} if phase == "f" else {})


def write(recording: Recording, out: TextIO) -> int:
    """Write a whole JSON document to a text file; returns how many events it has."""
    out.write('{"displayTimeUnit": "ms", "otherData": {"producer": "kstore"}, "traceEvents": [\n')
    count = 0
    for event in events(recording):
        out.write(",\n" if count else "")
        out.write(json.dumps(event, separators=(",", ":")))
        count += 1
    out.write("\n]}\n")
    return count
