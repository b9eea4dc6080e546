"""What a coordinator asks of a shard: the state machine over the records of one partition.

A shard is pure. Every method is one event at a time ``now_ms``, and gives its effects in the order in which they are
to happen. What is in the log is what a shard knows: all that must outlive it reaches it by records, in the same way
while the log is read and while it serves. The life of a shard:

    replay(key, value)*   the partition's log, from its start to its end; with ``replay_in_transaction`` and
                          ``transaction_ended`` where producers wrote to it in transactions
    loaded                requests are taken from now on
    submit, ...           requests, ``timer_fired``, ``persisted`` and ``overdue`` in any order
    unloaded              the partition's leader is elsewhere now: everybody parked is told so

or ``let_go`` at any time, when a turn over it has failed and another is loaded from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from actors.coordinator.effects import Effect
from actors.coordinator.event import Event
from kstore.errors import KafkaError
from kstore.named import NamedTuple
from kstore.schema.struct import Message


class Caller(NamedTuple):
    """Where a request came from; ``reply`` is whatever the driver wants to see again in ``Respond.to``."""

    reply: object
    version: int
    client_id: str = ""
    client_host: str = ""
    guard: int = 0


Handler = Callable[[Any, Caller, Event], None]
"""What a shard does with one kind of request."""


class Shard(Protocol):
    """The state of one coordinator partition, without I/O: events go in, effects come out."""

    @property
    def name(self) -> str:
        """What it coordinates, in the plural, as actors are named: ``groups``."""

    @property
    def append_timeout_ms(self) -> int:
        """How long those who wait for an append are kept waiting before ``overdue``."""

    def __len__(self) -> int:
        """How many of them there are."""

    def replay(self, key: bytes, value: bytes | None, now_ms: int) -> None:
        """Take a record of the log; raises a KafkaError for what can't be read, or can't be true."""

    def replay_in_transaction(self, producer_id: int, key: bytes, value: bytes | None, now_ms: int) -> None:
        """Take a record of a transaction, whose end comes by ``transaction_ended``; raises as ``replay`` does."""

    def transaction_ended(
        self, producer_id: int, producer_epoch: int, now_ms: int, *, is_committed: bool
    ) -> Sequence[Effect]:
        """A marker in the log has committed or aborted what this producer wrote in its transaction: as the log is read,
        when the effects are for nobody, and when the marker that was asked for (``EndTransaction``) is committed.
        """

    def loaded(self, now_ms: int) -> Sequence[Effect]:
        """All of the log has been replayed, and all of it is committed."""

    def submit(self, request: Message, caller: Caller, now_ms: int) -> Sequence[Effect]:
        """A request, which is answered by these effects or by later ones."""

    def topics_deleted(self, topics: Sequence[str], now_ms: int) -> Sequence[Effect]:
        """These topics are gone."""

    def timer_fired(self, key: Hashable, now_ms: int) -> Sequence[Effect]:
        """A timer's time has come."""

    def persisted(self, token: int, error: KafkaError | None, now_ms: int) -> Sequence[Effect]:
        """The records of ``Persist(token)`` are committed, or (with an error) may never be."""

    def overdue(self, token: int, now_ms: int) -> Sequence[Effect]:
        """``Persist(token)`` takes longer than clients may be kept waiting; its outcome may still come."""

    def unloaded(self, now_ms: int) -> Sequence[Effect]:
        """Another broker leads the partition. Of the effects only answers matter now."""

    def let_go(self) -> None:
        """What it has is nobody's concern any more."""
