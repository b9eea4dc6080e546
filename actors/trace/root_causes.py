"""The root of a chain of causes: a user's call, a timer, a fault or a socket; and its text.

Messages between nodes (``Arrived``) and answers of the disk (``DiskDone``) or of the worker (``WorkDone``) are links of
a chain, not its end; a timer ends it, as what set the timer isn't why it ran out. What the ring no longer holds ends it
too, and is told apart.
"""

from __future__ import annotations

from typing import Any

from actors.runtime.recorder import ENTERED, TraceRow
from actors.trace.recording import Recording
from kstore.named import NamedTuple

FAULTS = (
    "NodeKilled",
    "NodeRestarted",
    "NodePaused",
    "NodeResumed",
    "LinksCut",
    "LinksSlowed",
    "LinksHealed",
    "RequestsTamperedWith",
    "ClusterReset",
)
UNDONE_BY = {"NodeResumed": "NodePaused", "NodeRestarted": "NodeKilled"}
PASSED_ON = ("Arrived", "DiskDone", "WorkDone")

CALL, TIMER, FAULT, SOCKET, START, OVERWRITTEN = "call", "timer", "fault", "socket", "start", "overwritten"


class Root(NamedTuple):
    """The end of a chain: which sort of end, in words, at which row (0: none that is here) and when."""

    sort: str
    what: str
    sequence: int
    time_us: int

    def __str__(self) -> str:
        return self.what

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"sort": self.sort, "what": self.what, "row": self.sequence, "time_us": self.time_us}


def root_of(recording: Recording, sequence: int) -> Root:
    """What led to a row in the end."""
    chain = recording.chain(sequence)
    for number, row in enumerate(chain):
        end = _end_at(recording, row, chain[number - 1] if number else row)
        if end is not None:
            return Root(*end, row.sequence, row.time_us)
    if not chain or chain[-1].cause:
        return Root(OVERWRITTEN, "its cause was overwritten", 0, chain[-1].time_us if chain else 0)
    return Root(START, f"{chain[-1].kind} at {chain[-1].actor}", chain[-1].sequence, chain[-1].time_us)


def _client_of(recording: Recording, read: TraceRow) -> str:
    """Who wrote to a connection's socket, by the id that it gave; its first request names it after it was read."""
    named = None
    for row in recording.find("ClientNamed"):
        if row.actor == read.actor and (row.sequence < read.sequence or named is None):
            named = row
    if named is None:
        return f"what {read.actor} read from its socket"
    return f"a request of {named.subject or 'a client without a name'} at {named.partition} ({read.actor})"


def _end_at(recording: Recording, row: TraceRow, led_to: TraceRow) -> tuple[str, str] | None:
    if row.kind in FAULTS:
        return FAULT, words_of_fault(row)
    if row.kind == "TimerFired":
        return TIMER, f"a timer of {led_to.actor} ({led_to.kind})"
    if row.kind == "SocketRead":
        return SOCKET, _client_of(recording, row)
    if row.kind == "ChannelClosed" and row.cause == 0:
        return SOCKET, f"the end of a connection ({row.actor})"
    if row.depth == ENTERED and row.cause == 0:
        if row.kind in PASSED_ON:
            return CALL, "a request from outside the actors"
        word = f" ({row.subject})" if row.subject else ""
        return CALL, f"{row.kind}{word} at {row.actor}" if row.actor else f"{row.kind}{word}"
    return None


WORDS = {
    "NodeKilled": "{} was killed",
    "NodeRestarted": "{} was restarted",
    "NodePaused": "{} was paused",
    "NodeResumed": "{} was resumed",
    "LinksCut": "the links between {} were cut",
    "LinksSlowed": "links were slowed: {}",
    "LinksHealed": "all links were healed",
    "RequestsTamperedWith": "a request fault was set: {}",
    "ClusterReset": "the cluster was reset",
}


def words_of_fault(row: TraceRow) -> str:
    """A fault in words."""
    return WORDS[row.kind].format(" ".join(each for each in (row.partition, row.subject) if each))


def faults_between(recording: Recording, after: int, before: int) -> list[TraceRow]:
    """The faults after one row and before another."""
    return list(recording.find(*FAULTS, after=after, before=before))


def in_force(recording: Recording, sequence: int) -> list[TraceRow]:
    """The faults that had happened before a row and were not undone by then."""
    lasting: dict[tuple[str, str], TraceRow] = {}
    for row in recording.find(*FAULTS, before=sequence):
        if row.kind == "ClusterReset":
            lasting.clear()
        elif row.kind == "LinksHealed":
            lasting = {key: fault for key, fault in lasting.items() if not key[0].startswith("Links")}
        elif row.kind in UNDONE_BY:
            node = row.partition.split("#", 1)[0]
            lasting = {key: fault for key, fault in lasting.items() if key != (UNDONE_BY[row.kind], node)}
        else:
            about = row.partition if row.kind.startswith(("Links", "Requests")) else row.partition.split("#", 1)[0]
            lasting[row.kind, about] = row
    return list(lasting.values())


def node_of(actor: str) -> str:
    """The node that an actor lives on: ``broker-1#1`` of ``broker-1#1/replica/orders-0``."""
    return actor.split("/", 1)[0]
