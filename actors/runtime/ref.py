"""A Pykka ref whose messages go to the run queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from actors.runtime.actor import Actor


class Ref(pykka.ActorRef[Any]):
    """The only thing of an actor that others may hold.

    ``tell`` is the inbox's own: sending a message is the most frequent call of all, and so costs one call less.
    """

    def __init__(self, actor: Actor) -> None:
        super().__init__(actor)
        self.tell = self.actor_inbox.tell  # type: ignore[attr-defined,method-assign]

    def ask(self, message: object, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and expect an answer: the future of it, or, with ``block``, the answer. Outside turns only
        may one wait for it; an actor uses ``request``."""
        from actors.runtime.future import ask

        future = ask(self.actor_inbox.actor.node.world, self, message)  # type: ignore[attr-defined]
        return future.get(timeout=timeout) if block else future
