"""A Pykka ref whose messages go to the run queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import pykka

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.queue import Inbox

A = TypeVar("A")


class Ref(pykka.ActorRef[Any]):
    """A reference to an actor: what other actors hold, never the actor itself.

    ``tell`` is the inbox's own: sending a message is the most frequent call of all, and this saves one call.
    """

    actor_inbox: Inbox

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self.actor_id: int = self.actor_inbox.actor_id
        self.tell = self.actor_inbox.tell  # type: ignore[method-assign]

    def actor_as(self, kind: type[A]) -> A:
        """The actor itself, for code that may read it between turns; its class says what may be read."""
        actor = self.actor_inbox.actor
        assert isinstance(actor, kind), f"{actor} is no {kind.__name__}"
        return actor

    def ask(self, message: object, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and return the future of the answer, or, with ``block``, the answer. Only code outside of
        turns may wait for it; an actor uses ``request``.
        """
        from actors.runtime.future import ask

        future = ask(self.actor_inbox.actor.node.world, self, message)
        return future.get(timeout=timeout) if block else future
