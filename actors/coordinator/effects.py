"""What a shard asks of the world: answers, timers, appends to the log, rows in the trace.

A shard performs none of it. Each of its events runs to its end and leaves a list of effects, which are carried out in
order by what drives the shard: the coordinator, or a test.

``Persist`` is the one effect with a way back: the driver appends the records in one batch and calls
``Shard.persisted(token, error)`` when they are committed or refused. Tokens rise by one.
"""

from __future__ import annotations

from collections.abc import Hashable
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


class Persist(NamedTuple):
    """Append these, all or none."""

    token: int
    entries: tuple[LogEntry, ...]


class Note(NamedTuple):
    """A row for the trace: what happened, to what, two numbers and a word on why."""

    kind: str
    subject: str
    first: int
    second: int
    because: str


Effect: TypeAlias = Respond | Refuse | SetTimer | CancelTimer | Persist | Note
