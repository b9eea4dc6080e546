"""Why a group rebalanced: which member joined, left or timed out, the given reason, and the result.

The coordinator notes each event of a group with its reason (``actors.groups``); here they are put together: the event
that began the last rebalance, the chain of causes behind it down to a user's call, a timer or a fault, and what
followed up to the leader's assignment. What the classic protocol has no event for is known by the words that clients
give as their reason: Kafka's own say "consumer poll timeout has expired" when a member leaves because its program
didn't poll in time, and "cached metadata has changed" when a topic grew.
"""

from __future__ import annotations

import re

from actors.runtime.recorder import TraceRow
from actors.trace.consumer_rebalances import is_consumer_group, why_consumer_rebalance
from actors.trace.leaders import why_leader
from actors.trace.printing import Step, milliseconds, overwritten, some
from actors.trace.rebalance import (
    COORDINATOR,
    JOIN,
    LEAVE,
    MIGRATION,
    OTHER,
    PARTITIONS,
    POLL_INTERVAL,
    REJOIN,
    SESSION,
    STATIC,
    SUBSCRIPTION,
    Rebalance,
    plain,
)
from actors.trace.rebalance_background import TOPICS, fault_steps, takeovers, topic_step
from actors.trace.recording import Recording
from actors.trace.root_causes import Root, node_of, root_of

MEMBERS = ("MemberJoined", "MemberLeft", "MemberExpired", "MemberReplaced", "MemberDropped", "ReplacementUndone")
KIND = ("GroupDowngraded",)
GATHERING = ("MemberAwaited", "MemberRejoined", "RebalanceExtended")
STATES = ("RebalanceBegun", "GenerationBegun", "GroupStable", "GroupEmptied", "GroupAbandoned", "GroupDeleted")
COUNTED = re.compile(r"([\w.-]+)=\d")  # a topic and its partitions, in the words of a leader that joins anew

STATE_AFTER = {
    "RebalanceBegun": "PreparingRebalance",
    "GenerationBegun": "CompletingRebalance",
    "GroupStable": "Stable",
    "GroupEmptied": "Empty",
    "GroupAbandoned": "Dead",
    "GroupDeleted": "Dead",
}
NO_REBALANCE = "its place was kept: no rebalance was needed (KIP-345)"


def why_rebalance(recording: Recording, group: str) -> Rebalance:
    """See ``Rebalance``."""
    if is_consumer_group(recording, group):
        return why_consumer_rebalance(recording, group)
    found = Rebalance(group)
    events = list(recording.find(*MEMBERS, *GATHERING, *STATES, *KIND, partition=group))
    begun = next((row for row in reversed(events) if row.kind == "RebalanceBegun"), None)
    states = [row for row in events if row.kind in STATE_AFTER]
    if states:
        found.state = STATE_AFTER[states[-1].kind]
    if begun is None:
        found.missing = overwritten(recording)
        found.since = [_step(row) for row in events]
        return found
    at = events.index(begun)
    before = [row for row in events[:at] if row.cause != begun.cause]
    _fill(recording, found, begun, before, events[at:])
    return found


def _fill(
    recording: Recording, found: Rebalance, begun: TraceRow, before: list[TraceRow], after: list[TraceRow]
) -> None:
    found.reason = begun.subject
    found.began_us = begun.time_us
    found.generation_before = begun.offset1
    found.coordinator = node_of(after[-1].actor)
    found.members = after[-1].offset2
    moved = _has_moved(begun, before)
    found.kind = COORDINATOR if moved else kind_of(begun.subject)
    found.root = root_of(recording, begun.sequence)
    since = next((row.sequence for row in reversed(before) if row.kind == "RebalanceBegun"), 0)
    found.steps = _background(recording, found, begun, since)
    if moved:
        _tell_move(recording, found, before[-1], begun)
    settled = next((row for row in after if row.kind in ("GroupStable", "GroupEmptied", "GroupAbandoned")), None)
    if settled is None:
        found.awaited = _awaited(after)
    else:
        found.generation = settled.offset1
        found.members = settled.offset2
        found.took_us = settled.time_us - begun.time_us
    end = settled.sequence if settled is not None else after[-1].sequence
    told = _told(recording, begun, after)
    if any(row.kind == "GroupDowngraded" for row in told):
        found.kind = MIGRATION
    found.steps += [_step(row) for row in told if row.sequence <= end]
    found.steps = sorted({step.sequence: step for step in found.steps}.values(), key=lambda step: step.sequence)
    found.since = [_step(row) for row in after if row.sequence > end]
    found.take_over(takeovers(recording, after[-1]))


def kind_of(because: str) -> str:
    """The kind of a rebalance, from the words that the coordinator has for its reason."""
    event, _, words = because.partition(": ")
    if event.startswith("leave of"):
        return POLL_INTERVAL if "poll timeout has expired" in words else LEAVE
    if event.startswith("session of"):
        return SESSION
    if event.startswith("join of"):
        return STATIC if event.startswith("join of static") else JOIN
    if event.startswith("rejoin of"):
        if "metadata has changed" in words:
            return PARTITIONS
        return SUBSCRIPTION if "subscription" in words else REJOIN
    return OTHER


def _has_moved(begun: TraceRow, before: list[TraceRow]) -> bool:
    """Whether the rebalance is the new coordinator's, of a group that the one before left during a rebalance, or whose
    members came again rather than anew.
    """
    if not before or before[-1].actor == begun.actor:
        return False
    was_under_way = next(row.kind for row in reversed(before)) not in ("GroupStable", "GroupEmptied", "GroupDeleted")
    return was_under_way or begun.subject.startswith("rejoin of")


def _tell_move(recording: Recording, found: Rebalance, last: TraceRow, begun: TraceRow) -> None:
    """Why another broker coordinates the group: why it leads the group's partition."""
    loaded = next(
        (row for row in recording.find("GroupsLoaded", before=begun.sequence, newest=True) if row.actor == begun.actor),
        None,
    )
    if loaded is None:
        return
    topic, _, partition = loaded.partition.rpartition("-")
    leadership = why_leader(recording, topic, int(partition))
    found.steps += [step for step in leadership.steps if last.sequence < step.sequence < begun.sequence]
    words = f"has read the groups of {loaded.partition}, which {node_of(last.actor)} coordinated before"
    found.steps.append(Step(loaded.time_us, loaded.actor, words, loaded.sequence))
    if leadership.root is not None and leadership.steps:
        found.root = leadership.root


def _background(recording: Recording, found: Rebalance, begun: TraceRow, since: int) -> list[Step]:
    """What happened around the group since its event before, and may be why."""
    steps = fault_steps(recording, since, begun.sequence)
    if found.kind == POLL_INTERVAL and found.root is not None:
        steps += _last_poll(recording, found.root, begun)
    if found.kind == PARTITIONS:
        stable = recording.last_of("GroupStable", partition=found.group, before=begun.sequence)
        after = stable.sequence if stable is not None else 0
        read = set(COUNTED.findall(begun.subject))
        changed = [
            row
            for row in recording.find(*TOPICS, after=after, before=begun.sequence)
            if row.partition in read or (row.kind == "PartitionsAdded" and not read)
        ]
        steps += [topic_step(recording, row) for row in changed]
        if changed:
            found.root = root_of(recording, changed[-1].sequence)
    return steps


def _last_poll(recording: Recording, root: Root, begun: TraceRow) -> list[Step]:
    """How long the program of the member that left hadn't polled, if it is a client of this trace."""
    timer = next((row for row in recording.chain(begun.sequence) if row.cause == root.sequence), None)
    for row in recording.find("PollIntervalExpired", before=begun.sequence, newest=True):
        if timer is not None and row.cause == timer.sequence and row.offset2 >= 0:
            words = f"its program hasn't polled for {milliseconds(row.offset2 * 1000)}"
            return [Step(row.time_us, row.actor, words, row.sequence)]
    return []


def _told(recording: Recording, begun: TraceRow, after: list[TraceRow]) -> list[TraceRow]:
    """The rows to tell: what the same turn noted before the rebalance, then what followed."""
    same_turn = [
        row
        for row in recording.find(*MEMBERS, *KIND, partition=begun.partition, after=begun.cause, before=begun.sequence)
        if row.cause == begun.cause
    ]
    return [*same_turn, *after]


def _awaited(after: list[TraceRow]) -> list[str]:
    """Who was awaited when it began and has neither come nor gone since."""
    awaited = [row.subject for row in after if row.kind == "MemberAwaited"]
    heard = [row.subject for row in after if row.kind in ("MemberRejoined", *MEMBERS)]
    return [member for member in awaited if not any(member in words for words in heard)]


def _step(row: TraceRow) -> Step:
    return Step(row.time_us, row.actor, _words(row), row.sequence)


def _words(row: TraceRow) -> str:
    words = {
        "GroupDowngraded": f"the consumer group becomes a classic group: {row.subject}",
        "MemberJoined": f"a member joins: {plain(row.subject)}",
        "MemberLeft": f"a member leaves: {row.subject}",
        "MemberExpired": f"a member is removed: {row.subject}",
        "MemberReplaced": f"{row.subject}; {NO_REBALANCE}",
        "MemberDropped": f"a member is dropped: {row.subject}",
        "MemberAwaited": f"waits for {row.subject} to join again",
        "MemberRejoined": f"a member rejoins: {row.subject}",
        "ReplacementUndone": f"the replacement of a static member is rolled back: {row.subject}",
        "RebalanceBegun": f"rebalance begins in generation {row.offset1}, with {some(row.offset2, 'member')}",
        "RebalanceExtended": f"rebalance is extended: {row.subject}",
        "GenerationBegun": f"generation {row.offset1} begins, with {some(row.offset2, 'member')}",
        "GroupStable": f"stable in generation {row.offset1}: {row.subject}",
        "GroupEmptied": f"empty in generation {row.offset1}: {row.subject}",
    }
    return words.get(row.kind, f"{row.kind}: {row.subject}")
