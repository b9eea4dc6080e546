"""A node: the actors that live and die together, their name in traces, their folder and their configuration.

A node is a broker with its controller voter, or a client in the network. ``kill`` works as a power cut: inboxes, timers
and pending disk work are discarded, nothing is answered and nothing is flushed. A node that is started again is a new
object with the next incarnation.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.protocols import Accept, OnPeerLost
    from actors.runtime.ref import Ref
    from actors.runtime.world import World
    from kstore.fs import FileSystem

T = TypeVar("T")


class Numbers:
    """Numbers for short-lived things. The lowest free one is used first, so that few names are made of them."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._taken = 0

    def take(self) -> int:
        """The lowest free number, from 1."""
        if self._free:
            return heapq.heappop(self._free)
        self._taken += 1
        return self._taken

    def give_back(self, number: int) -> None:
        """Make it free again."""
        heapq.heappush(self._free, number)


class Node:
    """One incarnation of a node."""

    def __init__(
        self,
        world: World,
        node_id: int,
        *,
        kind: str = "broker",
        incarnation: int = 1,
        fs: FileSystem | None = None,
    ) -> None:
        self.world = world
        self.node_id = node_id
        self.incarnation = incarnation
        self.name = f"{kind}-{node_id}#{incarnation}"
        self.fs = fs
        self.supervisor: Ref | None = None  # gets ``Failed`` for each actor that fails; without one the node ends
        self.failure: Exception | None = None  # what ended the node, if that was a failure
        self.clock_skew_ms = 0
        self.alive = True
        self.listening: tuple[str, ...] = ()  # its TCP listeners, written as in Kafka's ``listeners``
        self.accept: Accept | None = None  # set while connections are taken
        self.answers_clients = True  # if not, clients that connect wait
        self.peer_lost: OnPeerLost | None = None
        self._ones: dict[type, object] = {}
        self.controller_alone = False  # its broker is dead, and only the controller lives on
        self.is_paused = False
        self._goes_on: Callable[[Actor], bool] = bool  # which actors a pause leaves running
        self.actors: dict[str, Actor] = {}
        self.connection_numbers = Numbers()

    def one(self, kind: type[T]) -> T:
        """The node's only object of a class, made on the first call; it lives as long as the node."""
        found = self._ones.get(kind)
        if found is None:
            found = self._ones[kind] = kind()
        assert isinstance(found, kind)
        return found

    def add(self, actor: Actor) -> None:
        """Register a started actor; names are unique among a node's living actors."""
        assert self.alive, f"{self.name} is not alive"
        assert actor.actor_urn not in self.actors, f"{actor.actor_urn} is there already"
        self.actors[actor.actor_urn] = actor
        if self.is_paused and not self._goes_on(actor):
            self.world.queue.hold(actor.inbox)

    def remove(self, actor: Actor) -> None:
        """Remove an actor that stops."""
        self.actors.pop(actor.actor_urn, None)

    def takes(self, listener: str) -> bool:
        """Whether it accepts a connection: "broker" for one from a node, anything else for one from a client."""
        return self.accept is not None and (listener == "broker" or not self.controller_alone)

    def pause(self, goes_on: Callable[[Actor], bool]) -> None:
        """Give its actors no turns, as SIGSTOP does: their messages wait, and their timers are late.

        Actors for which ``goes_on(actor)`` is true go on.
        """
        if not self.is_paused and self.alive:
            self.is_paused = True
            self._goes_on = goes_on
            for actor in self.actors.values():
                if not goes_on(actor):
                    self.world.queue.hold(actor.inbox)

    def resume(self) -> None:
        """Let its actors go on, with all messages that waited."""
        if self.is_paused and self.alive:
            self.is_paused = False
            for actor in self.actors.values():
                if not self._goes_on(actor):
                    self.world.queue.release(actor.inbox)

    def kill(self) -> None:
        """End all actors at once, mid-work: no answer, no ``on_stop``, no flush."""
        self.alive = False
        for actor in self.actors.values():
            actor.inbox.close(False)
        self.actors.clear()
