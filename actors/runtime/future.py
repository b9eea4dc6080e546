"""The future that code outside the actors gets for an ask. ``get`` drives the world until the answer is there.

Pykka's refs, proxies and combinators (``map``, ``join`` and the like) work on it as they do on Pykka's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

from actors.runtime.queue import STOPPED, Stopped, reply_outside

if TYPE_CHECKING:
    from actors.runtime.ref import Ref
    from actors.runtime.world import World


class Future(pykka.Future[Any]):
    """The future of an ask in a world. Pykka's combinators make futures without a world."""

    def __init__(self, world: World | None = None) -> None:
        super().__init__()
        self.world = world
        self.done = False
        self.value: Any = None
        self.failure: BaseException | None = None

    def set(self, value: Any = None) -> None:
        """Answer with a value."""
        assert not self.done, "a future is answered once"
        self.value = value
        self.done = True

    def fail(self, error: BaseException) -> None:
        """Answer with an exception instance, as a ``Reply`` does."""
        if isinstance(error, Stopped):
            error = pykka.ActorDeadError(STOPPED)
        self.set_exception((type(error), error, error.__traceback__))

    def set_exception(self, exc_info: Any = None) -> None:
        """Answer with an exception: an ``exc_info`` triple, or the one being handled."""
        import sys

        assert not self.done, "a future is answered once"
        self.failure = (exc_info or sys.exc_info())[1]
        self.done = True

    def get(self, *, timeout: float | None = None) -> Any:
        """The answer, driving the world until it is there.

        Raises what the actor raised, or ``pykka.Timeout`` after ``timeout`` seconds. An error inside a turn: an actor
        never blocks.
        """
        if not self.done:
            if self.world is None:
                return super().get(timeout=timeout)
            if not self.world.driver.drive(lambda: self.done, timeout):
                raise pykka.Timeout(f"no answer in {timeout} seconds")
        if self.failure is not None:
            raise self.failure
        return self.value


def ask(world: World, ref: Ref, message: object, call: str = "") -> Future:
    """Ask an actor. From outside, the message enters the world through the driver; the trace has it as the user's
    ``call``.
    """
    future = Future(world)

    def send() -> None:
        if world.queue.running is not None:
            ref.actor_inbox.send(message, reply_outside(future))
            return
        world.queue.enter(0, call or "UserCall", subject="" if call else type(message).__name__)
        ref.actor_inbox.send(message, reply_outside(future))
        world.queue.leave()

    world.driver.call(send)
    return future
