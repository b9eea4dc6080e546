"""Effects: what a shard asks its driver to do, such as responses, timers, appends to the log, rows in the trace.

A shard performs no effects itself. Each event returns a list of effects, which the shard's driver (the coordinator, or
a test) carries out in order.

Two effects have a result. ``Persist``: the driver appends the records in one batch and calls
``Shard.persisted(token, error)`` when they are committed or refused; tokens rise by one. ``AskActor``: it asks another
actor of the node, and calls ``then``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from kstore.errors import KafkaError
from kstore.named import NamedTuple

LogEntry: TypeAlias = tuple[bytes, bytes | None]
"""Key and value of one record of the partition's log; a value of None is a tombstone."""


class Respond(NamedTuple):
    """A response to a request, also to one that waited."""

    to: object
    response: object


class Refuse(NamedTuple):
    """An error for a request that wasn't carried out; the API's handler makes the response."""

    to: object
    error: KafkaError


class SetTimer(NamedTuple):
    """Call ``Shard.timer_fired(key)`` after so many milliseconds; replaces a timer with the same key."""

    key: Hashable
    delay_ms: int


class CancelTimer(NamedTuple):
    """Stop the timer with this key, if it runs."""

    key: Hashable


class Writer(NamedTuple):
    """In whose transaction records are appended, and with which guard (``StartVerification``)."""

    producer_id: int
    producer_epoch: int
    guard: int


class Persist(NamedTuple):
    """Append these, all or none; in a transaction, if it is that of a ``writer``."""

    token: int
    entries: tuple[LogEntry, ...]
    writer: Writer | None = None


class Note(NamedTuple):
    """A row for the trace: what happened, to what, two numbers, and why."""

    kind: str
    subject: str
    first: int
    second: int
    because: str


class AskActor(NamedTuple):
    """Ask the actor that ``of`` returns, and go on with ``then(outcome, now_ms)``, which is an event of the shard like
    its methods. The outcome is the answer or a ``KafkaError``; anything else means that the actor has failed.
    """

    of: Callable[[], object]
    message: object
    then: Callable[[object, int], Sequence[Effect]]


Effect: TypeAlias = Respond | Refuse | SetTimer | CancelTimer | Persist | Note | AskActor
