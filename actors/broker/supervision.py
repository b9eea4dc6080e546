"""Supervision: actors that failed are started again, from the logs and the image; a part of the broker.

The first time at once. One that fails again soon waits, twice as long each time (``Backoff``), so that, for example, a
log that no coordinator can read doesn't take all of the processor's time. Meanwhile requests are answered as if it had
just moved away, so clients retry.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.runtime.backoff import Backoff
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.broker.broker import Broker
    from actors.runtime import Ref
    from actors.runtime.failures import Failed


class RestartActor(NamedTuple):
    """To the broker itself: start an actor again now."""

    make: Callable[[], None]


class Supervision:
    """The actors that are started again after a failure, and how."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._makers: dict[Ref, Callable[[], None]] = {}
        self._backoff = Backoff()

    def keep(self, ref: Ref, make: Callable[[], None]) -> Ref:
        """Call ``make`` in a turn of the broker when this actor has failed; returns the ref."""
        self._makers[ref] = make
        return ref

    def release(self, ref: Ref) -> None:
        """Stop supervising an actor that ends normally."""
        self._makers.pop(ref, None)

    def failed(self, message: Failed) -> None:
        """Handle an actor of the node that has failed and ended."""
        make = self._makers.pop(message.actor.ref, None)
        if self.broker.stopping is not None:
            return
        if make is None:  # only a restart of the node is known to restore its state
            raise RuntimeError(f"{message.actor.actor_urn} has failed, and nothing makes it anew") from message.error
        delay_ms = self._backoff.delay_ms(message.actor.actor_urn, self.broker.now_us())
        if delay_ms:
            self.broker.after(delay_ms, RestartActor(make))
        else:
            make()

    def restart_actor(self, message: RestartActor) -> None:
        """Start an actor again, as its wait is over."""
        if self.broker.stopping is None:
            message.make()
