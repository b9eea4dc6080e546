"""The load of actors: their turns, messages received and sent, the slowest turns, the deepest queues."""

from __future__ import annotations

import heapq
from typing import Any

from actors.runtime.recorder import ENTERED, NOTE, TraceRow
from actors.trace.printing import TraceAnswer, milliseconds, overwritten, some
from actors.trace.recording import ACTOR, DEPTH, TOOK, Recording
from kstore.named import NamedTuple

SHOWN = 8


class UnknownActor(ValueError):
    """No actor of the trace has this name, or several have it in theirs; the message names some that come near."""


class Turn(NamedTuple):
    """One turn: when (us), whose, which message, how long it took (us), how many messages waited behind it."""

    sequence: int
    time_us: int
    actor: str
    kind: str
    took_us: int
    depth: int

    def __str__(self) -> str:
        return f"{milliseconds(self.took_us):>12}  {self.depth:>6} waiting  {self.actor}  {self.kind}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {("row" if name == "sequence" else name): value for name, value in self._asdict().items()}


class Tally:
    """How many, how long together and at most, in microseconds."""

    __slots__ = ("count", "most_us", "total_us")

    def __init__(self) -> None:
        self.count = self.total_us = self.most_us = 0

    def add(self, took_us: int) -> None:
        """One more."""
        self.count += 1
        self.total_us += took_us
        self.most_us = max(self.most_us, took_us)

    def to_dict(self) -> dict[str, int]:
        """For JSON."""
        return {"count": self.count, "total_us": self.total_us, "most_us": self.most_us}


class ActorLoad(TraceAnswer):
    """What one actor did in the time that the trace covers."""

    def __init__(self, name: str, missing: str) -> None:
        self.name = name
        self.missing = missing
        self.turns = 0
        self.busy_us = 0
        self.deepest = 0
        self.received: dict[str, Tally] = {}
        self.senders: dict[str, int] = {}
        self.sent: dict[tuple[str, str], int] = {}
        self.notes: dict[str, int] = {}
        self.calls: dict[str, Tally] = {}
        self.last_calls: dict[str, int] = {}
        self.end_us = 0
        self.history: list[Turn] = []

    def took(self, row: TraceRow) -> None:
        """A turn of its own."""
        self.turns += 1
        self.busy_us += row.took_us
        self.deepest = max(self.deepest, row.depth)
        self.received.setdefault(row.kind, Tally()).add(row.took_us)
        self.history.append(_turn(row))

    def called(self, row: TraceRow) -> None:
        """A call from outside: a user's, or a socket's."""
        self.calls.setdefault(row.kind, Tally()).add(row.took_us)
        self.last_calls[row.kind] = row.time_us

    def slowest(self, count: int = SHOWN) -> list[Turn]:
        """Its longest turns, longest first."""
        return heapq.nlargest(count, self.history, key=lambda turn: (turn.took_us, -turn.sequence))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "actor": self.name,
            "turns": self.turns,
            "busy_us": self.busy_us,
            "deepest": self.deepest,
            "received": {kind: tally.to_dict() for kind, tally in self.received.items()},
            "senders": self.senders,
            "sent": [{"to": to, "kind": kind, "count": count} for (to, kind), count in self.sent.items()],
            "notes": self.notes,
            "calls": {
                call: tally.to_dict() | {"last_us_ago": self.end_us - self.last_calls[call]}
                for call, tally in self.calls.items()
            },
            "slowest": [turn.to_dict() for turn in self.slowest()],
            "overwritten": self.missing,
        }

    def __str__(self) -> str:
        busy = f"busy for {milliseconds(self.busy_us)}, at most {some(self.deepest, 'message')} waiting"
        lines = [f"{self.name}: {some(self.turns, 'turn')}, {busy}"]
        for call, tally in self.calls.items():
            ago = milliseconds(self.end_us - self.last_calls[call])
            lines.append(f"  called {call} {some(tally.count, 'time')}, the last {ago} ago")
        lines += self._table("received", [(kind, t.count, t) for kind, t in self.received.items()])
        lines += self._table("from", [(name, count, None) for name, count in self.senders.items()])
        lines += self._table("sent", [(f"{kind} to {to}", count, None) for (to, kind), count in self.sent.items()])
        lines += self._table("noted", [(kind, count, None) for kind, count in self.notes.items()])
        if any(turn.took_us for turn in self.history):
            lines += ["  slowest turns:", *(f"  {turn}" for turn in self.slowest())]
        return "\n".join([*lines, *([self.missing] if self.missing else [])])

    @staticmethod
    def _table(title: str, entries: list[tuple[str, int, Tally | None]]) -> list[str]:
        if not entries:
            return []
        entries.sort(key=lambda entry: (-entry[1], entry[0]))
        lines = [f"  {title}:"]
        for name, count, tally in entries[:SHOWN]:
            took = f"  {milliseconds(tally.total_us)}, at most {milliseconds(tally.most_us)}" if tally else ""
            lines.append(f"    {count:>8,}  {name}{took}")
        if len(entries) > SHOWN:
            lines.append(f"    and {len(entries) - SHOWN} more")
        return lines


def _turn(row: TraceRow) -> Turn:
    return Turn(row.sequence, row.time_us, row.actor, row.kind, row.took_us, row.depth)


def actor_names(recording: Recording) -> list[str]:
    """All that had a turn, in the order of their first."""
    depths = recording.column(DEPTH)
    actors = recording.column(ACTOR)
    seen: dict[str, None] = {}
    known: set[int] = set()
    for index, depth in enumerate(depths):
        if depth >= 0 and (actors[index] not in known):
            known.add(actors[index])
            row = recording.row(recording.first + index)
            assert row is not None
            seen[row.actor] = None
    return list(seen)


def load_of(recording: Recording, name: str) -> ActorLoad:
    """What an actor did; ``name`` is its whole name, or a part that no other has."""
    whole = _find(recording, name)
    load = ActorLoad(whole, overwritten(recording))
    last = recording.row(recording.end - 1)
    load.end_us = last.time_us if last is not None else 0
    own: set[int] = set()  # rows of its turns, and of what carries its messages on
    actors: dict[int, str] = {}  # whose turn a row is
    for row in recording.rows():
        if row.depth == NOTE:
            if row.actor == whole:
                load.notes[row.kind] = load.notes.get(row.kind, 0) + 1
            continue
        if row.depth == ENTERED:
            actors[row.sequence] = actors.get(row.cause, row.actor or row.kind)
            if row.cause in own:
                own.add(row.sequence)
            if row.actor == whole and row.cause == 0:
                load.called(row)
            continue
        actors[row.sequence] = row.actor
        if row.cause in own:
            load.sent[row.actor, row.kind] = load.sent.get((row.actor, row.kind), 0) + 1
        if row.actor == whole:
            own.add(row.sequence)
            load.took(row)
            sender = actors.get(row.cause, "outside" if row.cause == 0 else "what was overwritten")
            load.senders[sender] = load.senders.get(sender, 0) + 1
    return load


def _find(recording: Recording, name: str) -> str:
    names = actor_names(recording)
    if name in names:
        return name
    near = [each for each in names if name in each]
    if len(near) == 1:
        return near[0]
    if near:
        raise UnknownActor(f"{len(near)} actors have {name!r} in their names: {_some(near)}")
    raise UnknownActor(f"no actor of this trace has {name!r} in its name; there are {_some(names)}")


def _some(names: list[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def slowest(recording: Recording, count: int) -> list[Turn]:
    """The turns that took longest."""
    took, depths = recording.column(TOOK), recording.column(DEPTH)
    entries = ((length & 0xFFFFFFFF, -index) for index, length in enumerate(took) if length and depths[index] >= 0)
    found = heapq.nlargest(count, entries)
    return _turns(recording, [-index for _, index in found])


def deepest(recording: Recording, count: int) -> list[Turn]:
    """For each actor the turn that left the most waiting; those with the most of all."""
    worst: dict[int, tuple[int, int]] = {}
    actors = recording.column(ACTOR)
    for index, depth in enumerate(recording.column(DEPTH)):
        if depth > 0 and depth > worst.get(actors[index], (0, 0))[0]:
            worst[actors[index]] = (depth, index)
    found = heapq.nlargest(count, worst.values(), key=lambda entry: (entry[0], -entry[1]))
    return _turns(recording, [index for _, index in found])


def _turns(recording: Recording, indices: list[int]) -> list[Turn]:
    rows = (recording.row(recording.first + index) for index in indices)
    return [_turn(row) for row in rows if row is not None]
