"""The answer to why a group rebalanced, whatever its protocol."""

from __future__ import annotations

from typing import Any

from actors.trace.printing import Step, TraceAnswer, lines_of, milliseconds, some
from actors.trace.root_causes import Root, node_of
from kstore.named import NamedTuple

JOIN, LEAVE, SESSION, POLL_INTERVAL = "join", "leave", "session expired", "poll interval expired"
PARTITIONS, SUBSCRIPTION, COORDINATOR = "partitions changed", "subscription changed", "coordinator moved"
STATIC, REJOIN, OTHER, NONE = "static rejoin", "rejoin", "other", "none"
REVOCATION, REGEX, MIGRATION = "revocation expired", "regular expression", "migration"
RACKS, ASSIGNOR = "racks changed", "assignor changed"

FIRST_JOIN = "rebalance failed due to MemberIdRequiredException"
"""What Java's client, and so ours, gives as its reason when it joins with the id that it has just been given."""


class Held(NamedTuple):
    """Partitions that a member of a consumer group has yet to give up: since when, and whether it has been told."""

    member: str
    partitions: str
    since_us: int
    for_us: int
    is_told: bool

    def __str__(self) -> str:
        told = "was told" if self.is_told else "is to be told with its next heartbeat, due"
        return f"{self.member} to give up {self.partitions}: it {told} {milliseconds(self.for_us)} ago"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``for_us``: up to the end of the trace."""
        return self._asdict()


class Rebalance(TraceAnswer):
    """The last rebalance of a group.

    ``kind``: "join", "leave", "session expired", "poll interval expired", "partitions changed", "subscription changed",
    "coordinator moved", "static rejoin", "rejoin", "other", or "none" when the trace has none; in a consumer group also
    "revocation expired", "regular expression", "racks changed", "assignor changed" and "migration". ``reason``: the
    words of the coordinator. ``root``: where the chain of causes ends. ``state``: of the group at the end of the trace.
    ``generation``: of a consumer group its epoch. ``awaited``: who has yet to come, or (``held``) to give up
    partitions, when it is under way. ``since``: what happened afterwards without a rebalance.
    """

    def __init__(self, group: str) -> None:
        self.group = group
        self.kind = NONE
        self.reason = ""
        self.root: Root | None = None
        self.coordinator = ""
        self.generation_before = -1
        self.generation = -1
        self.members = 0
        self.state = ""
        self.began_us = -1
        self.took_us = -1
        self.awaited: list[str] = []
        self.held: list[Held] = []
        self.steps: list[Step] = []
        self.since: list[Step] = []
        self.missing = ""
        self.counts = "generation"
        """What it counts: generations, or epochs."""

    def take_over(self, steps: list[Step]) -> None:
        """Others coordinate the group since."""
        if steps:
            self.coordinator = node_of(steps[-1].place)
            self.since += steps

    @property
    def found(self) -> bool:
        """Whether the trace tells of the group."""
        return self.kind != NONE or bool(self.since)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; times in microseconds, ``took_us`` -1 while it is under way."""
        return {
            "group": self.group,
            "kind": self.kind,
            "reason": self.reason,
            "root": self.root.to_dict() if self.root else None,
            "coordinator": self.coordinator,
            "generation_before": self.generation_before,
            "generation": self.generation,
            "members": self.members,
            "state": self.state,
            "began_us": self.began_us,
            "took_us": self.took_us,
            "awaited": self.awaited,
            "held": [held.to_dict() for held in self.held],
            "steps": [step.to_dict() for step in self.steps],
            "since": [step.to_dict() for step in self.since],
            "overwritten": self.missing,
        }

    def __str__(self) -> str:
        if not self.found:
            return f"{self.group}: {self.missing or 'the trace has no rebalance of this group'}"
        lines = []
        if self.kind != NONE:
            lines.append(f"{self.group} rebalanced ({self.kind}): {plain(self.reason)}")
            lines.append(f"  caused by {self.root}; {self._outcome()}")
            if self.awaited and not self.held:
                lines.append(f"  it waits for {', '.join(self.awaited)}")
            lines += [f"  it waits for {held}" for held in self.held]
            lines += lines_of(self.steps)
        if self.since:
            lines += [f"  {'since then' if lines else self.group}:", *lines_of(self.since)]
        return "\n".join([*lines, *([self.missing] if self.missing else [])])

    def _outcome(self) -> str:
        if self.took_us < 0:
            return f"still under way ({self.state}) at {self.coordinator}"
        generation = f"{self.counts} {self.generation_before} to {self.generation}, {some(self.members, 'member')}"
        return f"{generation}, took {milliseconds(self.took_us)}, now {self.state} at {self.coordinator}"


def plain(reason: str) -> str:
    """The coordinator's words; a client's that sound like a failure, and are an ordinary join, as what they mean.

    >>> plain("join of worker-1: rebalance failed due to MemberIdRequiredException")
    'join of worker-1: a new member'
    """
    return reason.replace(FIRST_JOIN, "a new member")
