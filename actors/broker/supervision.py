"""What failed on a node is made anew, from what is in the logs and in the image; the broker's own part for that.

The first time at once. What fails again soon waits, twice as long each time (``Backoff``), so that a log that no
coordinator can read costs a little now and then, not everything all the time. Meanwhile requests are answered as
if it had just moved away, and comes again.
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


class MakeAnew(NamedTuple):
    """To the broker itself: it is time to make something anew."""

    make: Callable[[], None]


class Supervision:
    """Who is to be made anew, and how."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._makers: dict[Ref, Callable[[], None]] = {}
        self._backoff = Backoff()

    def keep(self, ref: Ref, make: Callable[[], None]) -> Ref:
        """Call ``make`` in a turn of the broker when this actor has failed; returns the ref."""
        self._makers[ref] = make
        return ref

    def release(self, ref: Ref) -> None:
        """It ends in order: nothing is to be made anew."""
        self._makers.pop(ref, None)

    def failed(self, message: Failed) -> None:
        """An actor of the node has failed, and is no more."""
        make = self._makers.pop(message.actor.ref, None)
        if self.broker.stopping is not None:
            return
        if make is None:  # nothing less than the node is known to be right again
            raise RuntimeError(f"{message.actor.actor_urn} has failed, and nothing makes it anew") from message.error
        delay_ms = self._backoff.delay_ms(message.actor.actor_urn, self.broker.now_us())
        if delay_ms:
            self.broker.after(delay_ms, MakeAnew(make))
        else:
            make()

    def make_anew(self, message: MakeAnew) -> None:
        """Its time has come."""
        if self.broker.stopping is None:
            message.make()
