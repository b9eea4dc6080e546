"""What failed on a node is made anew, from what is in the logs and in the image; the broker's own part for that.

The first time at once. What fails again within ``CALM_S`` waits, twice as long each time, so that a log that no
coordinator can read costs a little now and then, not everything all the time. Meanwhile whoever asks is answered as
if it had just moved away, and comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.broker.broker import Broker
    from actors.runtime import Ref
    from actors.runtime.failures import Failed

CALM_S = 60
FIRST_DELAY_MS = 100
DELAY_MS_MAX = 30_000


class MakeAnew(NamedTuple):
    """To the broker itself: it is time to make something anew."""

    make: Callable[[], None]


class Fallen(NamedTuple):
    """How often something of one name has failed of late, and when it last did."""

    times: int
    at_us: int


class Supervision:
    """Who is to be made anew, and how."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._makers: dict[Ref, Callable[[], None]] = {}
        self._fallen: dict[str, Fallen] = {}

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
        delay_ms = self._delay_ms(message.actor.actor_urn)
        if delay_ms:
            self.broker.after(delay_ms, MakeAnew(make))
        else:
            make()

    def _delay_ms(self, name: str) -> int:
        now_us = self.broker.now_us()
        before = self._fallen.get(name)
        times = 0 if before is None or now_us - before.at_us > CALM_S * 1_000_000 else before.times
        self._fallen[name] = Fallen(times + 1, now_us)
        return 0 if times == 0 else int(min(FIRST_DELAY_MS * 2 ** min(times - 1, 30), DELAY_MS_MAX))

    def make_anew(self, message: MakeAnew) -> None:
        """Its time has come."""
        if self.broker.stopping is None:
            message.make()
