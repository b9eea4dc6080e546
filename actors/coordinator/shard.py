"""The interface of a shard: the state machine over the records of one coordinator partition.

A shard is pure. Every method is one event at a time ``now_ms``, and returns its effects in the order in which they must
be carried out. A shard's state is what its log says: all durable state comes to it as records, in the same way while
the log is loaded and while it serves. The life of a shard:

    replay(key, value)*   the partition's log, from its start to its end; with ``replay_in_transaction`` and
                          ``transaction_ended`` where producers wrote to it in transactions
    loaded                requests are taken from now on
    submit, ...           requests, ``timer_fired``, ``persisted`` and ``overdue`` in any order
    unloaded              the partition's leader is elsewhere now: everybody parked is told so

or ``discard`` at any time, when a turn over it has failed and another is loaded from the log.
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
"""A shard's handler for one kind of request."""


class Shard(Protocol):
    """The state of one coordinator partition, without I/O: events go in, effects come out."""

    @property
    def name(self) -> str:
        """What it coordinates, in the plural, as actors are named: ``groups``."""

    @property
    def append_timeout_ms(self) -> int:
        """How long clients wait for an append before ``overdue``."""

    def __len__(self) -> int:
        """How many of them there are."""

    def replay(self, key: bytes, value: bytes | None, now_ms: int) -> None:
        """Replay a record of the log; raises a KafkaError if it can't be read, or is inconsistent."""

    def replay_in_transaction(self, producer_id: int, key: bytes, value: bytes | None, now_ms: int) -> None:
        """Replay a record of a transaction, which ``transaction_ended`` ends; raises as ``replay`` does."""

    def transaction_ended(
        self, producer_id: int, producer_epoch: int, now_ms: int, *, is_committed: bool
    ) -> Sequence[Effect]:
        """Handle a marker that has committed or aborted what this producer wrote in its transaction. Called while the
        log is loaded, when its effects are dropped, and when a requested marker (``EndTransaction``) is committed.
        """

    def loaded(self, now_ms: int) -> Sequence[Effect]:
        """All of the log has been replayed, and all of it is committed."""

    def submit(self, request: Message, caller: Caller, now_ms: int) -> Sequence[Effect]:
        """Handle a request, which these effects or later ones answer."""

    def topics_deleted(self, topics: Sequence[str], now_ms: int) -> Sequence[Effect]:
        """Handle topics that were deleted."""

    def timer_fired(self, key: Hashable, now_ms: int) -> Sequence[Effect]:
        """Handle a timer that fired."""

    def persisted(self, token: int, error: KafkaError | None, now_ms: int) -> Sequence[Effect]:
        """Handle that the records of ``Persist(token)`` are committed, or (with an error) may never be."""

    def overdue(self, token: int, now_ms: int) -> Sequence[Effect]:
        """Handle that ``Persist(token)`` takes longer than clients may wait; its outcome may still come."""

    def unloaded(self, now_ms: int) -> Sequence[Effect]:
        """Handle that another broker leads the partition. Only responses matter among the effects now."""

    def discard(self) -> None:
        """Release everything: another shard takes over."""
