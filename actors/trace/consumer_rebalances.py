"""Why a consumer group rebalanced: which member, subscription, regular expression, topic or timeout began its last
epoch, which partitions moved from whom to whom, and who has still to give some up.

Each member moves on its own, so there is no moment at which all have come. The group begins an epoch for a reason; an
assignment is made for it; members that lose partitions are told with their next heartbeat, give them up, and say so;
others get them. The coordinator notes each of these steps (``actors/groups/consumer/notes.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.runtime.recorder import TraceRow
from actors.trace.printing import Step, overwritten, some
from actors.trace.rebalance import (
    ASSIGNOR,
    JOIN,
    LEAVE,
    MIGRATION,
    OTHER,
    PARTITIONS,
    RACKS,
    REGEX,
    REVOCATION,
    SESSION,
    SUBSCRIPTION,
    Held,
    Rebalance,
)
from actors.trace.rebalance_background import TOPICS, fault_steps, takeovers, topic_step
from actors.trace.recording import Recording
from actors.trace.root_causes import node_of, root_of

MOVES = ("RevocationBegun", "PartitionsReleased", "PartitionsAssigned")
ROWS = (
    "GroupUpgraded",
    "EpochBegun",
    "AssignmentMade",
    *MOVES,
    "MemberLeft",
    "MemberReplaced",
    "GroupStable",
    "GroupEmptied",
    "GroupDeleted",
)
STATE_AFTER = {
    "EpochBegun": "Assigning",
    "AssignmentMade": "Reconciling",
    "RevocationBegun": "Reconciling",
    "PartitionsReleased": "Reconciling",
    "PartitionsAssigned": "Reconciling",
    "GroupStable": "Stable",
    "GroupEmptied": "Empty",
    "GroupDeleted": "Dead",
}
KINDS = {
    " subscribes to ": SUBSCRIPTION,
    "the regular expression ": REGEX,
    "topics or their partitions": PARTITIONS,
    "topics, their partitions or": PARTITIONS,
    "the racks of replicas": RACKS,
    " would have another assignor": ASSIGNOR,
    " joined": JOIN,
    " left": LEAVE,
    " sent no heartbeat in ": SESSION,
    " didn't give up its partitions in ": REVOCATION,
}
"""By words of the coordinator's reasons, those first that a regular expression may follow: it may hold any words."""


def is_consumer_group(recording: Recording, group: str) -> bool:
    """Whether the last thing that a group began was an epoch of a consumer group."""
    last = recording.last_of("EpochBegun", "RebalanceBegun", partition=group)
    return last is not None and last.kind == "EpochBegun"


def why_consumer_rebalance(recording: Recording, group: str) -> Rebalance:
    """See ``Rebalance``."""
    found = Rebalance(group)
    found.counts = "epoch"
    events = list(recording.find(*ROWS, partition=group))
    at = max(index for index, row in enumerate(events) if row.kind == "EpochBegun")
    begun, before, after = events[at], events[:at], events[at:]
    found.reason, found.kind = begun.subject, kind_of(begun.subject)
    upgraded = [row for row in before if row.kind == "GroupUpgraded" and row.cause == begun.cause]
    if upgraded:
        found.kind = MIGRATION
    found.root = root_of(recording, begun.sequence)
    found.began_us = begun.time_us
    found.generation = begun.offset1
    settled_before = ("EpochBegun", "GroupStable")
    found.generation_before = next((row.offset1 for row in reversed(before) if row.kind in settled_before), 0)
    found.members = begun.offset2
    found.coordinator = node_of(events[-1].actor)
    found.state = next(STATE_AFTER[row.kind] for row in reversed(events) if row.kind in STATE_AFTER)
    settled = next((row for row in after if row.kind in ("GroupStable", "GroupEmptied", "GroupDeleted")), None)
    if settled is not None:
        found.took_us = settled.time_us - begun.time_us
    else:
        found.held = _held(recording, events)
        found.awaited = [held.member for held in found.held]
    end = settled.sequence if settled is not None else after[-1].sequence
    found.steps = [*_background(recording, found, before, begun, after)]
    found.steps += [_step(row) for row in (*upgraded, *after) if row.sequence <= end]
    found.since = [_step(row) for row in after if row.sequence > end]
    found.take_over(takeovers(recording, events[-1]))
    found.missing = overwritten(recording) if not before and recording.is_cut else ""
    return found


def kind_of(because: str) -> str:
    """The kind of a rebalance, from the coordinator's words for its reason, the first of ``KINDS`` that are in it.

    >>> kind_of("worker-1 subscribes to orders"), kind_of("worker-1 sent no heartbeat in 45000 ms")
    ('subscription changed', 'session expired')
    """
    return next((kind for words, kind in KINDS.items() if words in because), OTHER)


def _background(
    recording: Recording, found: Rebalance, before: list[TraceRow], begun: TraceRow, after: list[TraceRow]
) -> Iterator[Step]:
    """What happened around the group since its epoch before: faults, and topics if it is about topics."""
    since = next((row.sequence for row in reversed(before) if row.kind == "EpochBegun"), 0)
    yield from fault_steps(recording, since, begun.sequence)
    if found.kind not in (PARTITIONS, REGEX):
        return
    named = " ".join(row.subject for row in after if row.kind == "AssignmentMade") + " " + begun.subject
    changed = list(recording.find(*TOPICS, after=since, before=begun.sequence))
    changed = [row for row in changed if row.partition in named] or changed
    for row in changed:
        yield topic_step(recording, row)
    if changed:
        found.root = root_of(recording, changed[-1].sequence)


def _held(recording: Recording, events: list[TraceRow]) -> list[Held]:
    """Who has still to give something up: told in a heartbeat's answer, or by the target assignment alone."""
    held: dict[str, tuple[str, int, bool]] = {}
    for row in events:
        if row.kind == "AssignmentMade":
            held = {member: its for member, its in held.items() if its[2]}
            held |= {
                member: (partitions, row.time_us, False)
                for member, partitions in _lost(row.subject)
                if member not in held
            }
        elif row.kind == "RevocationBegun":
            member, _, partitions = row.subject.rpartition(": ")
            held[member] = partitions, row.time_us, True
        elif row.kind == "PartitionsReleased":
            held.pop(row.subject.rpartition(": ")[0], None)
        elif row.kind == "GroupStable":
            held.clear()
    end_us = recording.last(1)[0].time_us
    return [
        Held(member, partitions, since_us, end_us - since_us, is_told)
        for member, (partitions, since_us, is_told) in held.items()
    ]


def _lost(moves: str) -> Iterator[tuple[str, str]]:
    """Members and what they lose, of the words of an assignment."""
    for part in moves.split("; "):
        member, loses, partitions = part.rpartition(" loses ")
        if loses:
            yield member, partitions


def _step(row: TraceRow) -> Step:
    return Step(row.time_us, row.actor, _words(row), row.sequence)


def _words(row: TraceRow) -> str:
    member, _, partitions = row.subject.rpartition(": ")
    words = {
        "GroupUpgraded": f"the classic group becomes a consumer group: {row.subject}",
        "EpochBegun": f"epoch {row.offset1} begins, with {some(row.offset2, 'member')}: {row.subject}",
        "AssignmentMade": f"the assignment of epoch {row.offset1}: {row.subject}",
        "RevocationBegun": f"{member} is told to give up {partitions}",
        "PartitionsReleased": f"{member} has given up {partitions}",
        "PartitionsAssigned": f"{member} gets {partitions} in epoch {row.offset1}",
        "MemberLeft": f"a member leaves: {row.subject}",
        "MemberReplaced": f"{row.subject}: it has its place, and no epoch begins",
        "GroupStable": f"stable in epoch {row.offset1}: {row.subject}",
        "GroupEmptied": f"empty in epoch {row.offset1}: {row.subject}",
    }
    return words.get(row.kind, f"{row.kind}: {row.subject}")
