"""What a shard asks of the world: answers, timers, appends to the log, rows in the trace.

A shard performs none of it. Each of its events runs to its end and leaves a list of effects, which are carried out in
order by what drives the shard: the coordinator, or a test.

Two effects have a way back. ``Persist``: the driver appends the records in one batch and calls
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
    """An answer to a request, or to one that was parked."""

    to: object
    response: object


class Refuse(NamedTuple):
    """The answer to a request that an error kept from being carried out: the API's handler knows how to say so."""

    to: object
    error: KafkaError


class SetTimer(NamedTuple):
    """Call ``Shard.timer_fired(key)`` in so many milliseconds; takes the place of a timer of the same key."""

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
    """A row for the trace: what happened, to what, two numbers and a word on why."""

    kind: str
    subject: str
    first: int
    second: int
    because: str


class AskActor(NamedTuple):
    """Ask the actor that ``of`` gives, and go on with ``then(outcome, now_ms)``, which is an event of the shard like
    its methods. The outcome is the answer, or a ``KafkaError``; anything else says that the actor has failed.
    """

    of: Callable[[], object]
    message: object
    then: Callable[[object, int], Sequence[Effect]]


Effect: TypeAlias = Respond | Refuse | SetTimer | CancelTimer | Persist | Note | AskActor
