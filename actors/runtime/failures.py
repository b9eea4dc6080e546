"""Failures of actors, and what each ends: as little as possible, without using state that may be wrong.

A failure is an unexpected exception, so a defect of kstore, in an actor's turn or outside of turns. ``World.strict``
decides what happens:

* strict (simulation, kstore's own tests): the node ends at once and the driving thread raises ``NodeCrashed``;
* otherwise it is contained. The request is answered ``UNKNOWN_SERVER_ERROR``. Then, the first that applies:

  1. the actor ``contains`` it: only what the turn was about fails, such as one request of a connection;
  2. the actor ends. Its open asks are answered ``Stopped``; its state isn't used again. The node's supervisor, its
     broker, gets ``Failed`` and starts the actor again from what is in the logs;
  3. the node ends, as if it was killed, if it has no supervisor, if the supervisor itself failed, or if what failed
     can't even be released. Other nodes go on, and the node's owner may start it again.

Each failure is logged once with its traceback (``kstore.failures``), kept in ``kept``, and passed to ``on_failure``.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from actors.runtime.logs import logger
from kstore.errors import UnknownServerError
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.node import Node
    from actors.runtime.queue import Reply
    from actors.runtime.world import World

KEPT = 64
ANSWER = "the server met an unexpected error; its log has the traceback"
OUTSIDE = "outside any turn"


class Failure(NamedTuple):
    """One contained failure: where and when it happened, what it ended, and the traceback as text."""

    where: str
    ended: str
    error: BaseException
    at_ms: int
    traceback: str

    def __str__(self) -> str:
        return f"{self.where} failed: {self.error!r}; this ended {self.ended}, everything else goes on"


class FailureWarning(RuntimeWarning):
    """A defect of kstore itself happened and was contained; ``Cluster.failures`` has it."""


class Failed(NamedTuple):
    """Sent to a node's supervisor: an actor has failed and ended. Only its name and class may still be used."""

    actor: Actor
    error: Exception


class Failures:
    """The failures of one world."""

    recent: ClassVar[deque[Failure]] = deque(maxlen=KEPT)
    """The failures of all worlds of this process, for a test runner, which reads and empties it after each test."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kept: deque[Failure] = deque(maxlen=KEPT)
        self.count = 0
        self.on_failure: Callable[[Failure], None] | None = None
        self.on_node_failed: Callable[[Node, Exception], str] | None = None
        """Called with a node that a failure has ended; returns what happens to it, for the log."""

    def tell(self, where: str, ended: str, error: BaseException) -> None:
        """Log a failure, keep it, and pass it on."""
        text = "".join(traceback.format_exception(error))
        _let_go_of_frames(error)
        failure = Failure(where, ended, error, self.world.clock.now_ms(), text)
        self.count += 1
        self.kept.append(failure)
        self.recent.append(failure)
        logger("failures").error("%s\n%s", failure, text.rstrip())
        if self.on_failure is not None:
            self.on_failure(failure)

    def in_turn(self, actor: Actor, error: Exception, reply_to: Reply | None, about: tuple[object, ...]) -> None:
        """Contain what a turn raised; ``reply_to`` is the answer that it didn't give, if one was expected."""
        if reply_to is not None:
            reply_to.fail(UnknownServerError(ANSWER))
        try:
            contained = actor.contains(error, about)
        except Exception as second:  # noqa: BLE001 - told below, and the actor ends
            self.tell(actor.actor_urn, "what was to contain the one before", second)
            contained = False
        if not contained:
            self.end(actor, error)

    def end(self, actor: Actor, error: Exception) -> None:
        """End an actor that has failed, and what can't go on without it."""
        node = actor.node
        supervisor = node.supervisor
        can_go_on = actor.is_alone or (supervisor is not None and supervisor is not actor.ref and supervisor.is_alive())
        if can_go_on and self._let_go(actor, error):
            self.tell(actor.actor_urn, actor.failure_scope, error)
            if not actor.is_alone and supervisor is not None:
                supervisor.tell(Failed(actor, error))
            return
        becomes = self.end_node(node, error)
        self.tell(actor.actor_urn, f"{node.name}{becomes}", error)

    def _let_go(self, actor: Actor, error: Exception) -> bool:
        actor.node.remove(actor)
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except Exception as second:  # noqa: BLE001 - told below; the node ends, which lets go of everything
            self.tell(f"letting go of {actor.actor_urn}", "its node", second)
            return False
        finally:
            actor.inbox.close(True)
        return True

    def end_node(self, node: Node, error: Exception) -> str:
        """End a node as a killed process ends; returns what happens to it."""
        node.failure = error
        if node.alive:
            for actor in list(node.actors.values()):
                actor.inbox.close(True)  # asks from outside the node don't wait for ever
            node.kill()
            self.world.net.node_died(node)
        return "" if self.on_node_failed is None else self.on_node_failed(node, error)


def _let_go_of_frames(error: BaseException | None) -> None:
    """Keep the traceback's text only: its frames would keep alive all objects in them."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
