"""A hop between two actors: a message made, sent, traced and handled. Target: 0.4 us.

Each round is ``HOPS`` hops, so that a round is far longer than the clock's grain; the report divides by it.
"""

from collections.abc import Callable
from typing import Any

import pytest

from actors.runtime import Actor, Node, Ref, receives
from actors.runtime.world import World, real_world, virtual_world
from kstore.named import NamedTuple

HOPS = 20_000
Measure = Callable[..., Any]


class Ball(NamedTuple):
    left: int


class Thrower(Actor):
    """Throws a ball back, or asks for it, until it has been thrown often enough."""

    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.other: Ref | None = None

    @receives(Ball)
    def catch(self, message: Ball) -> int:
        if message.left and self.other is not None:
            self.other.tell(Ball(message.left - 1))
        return message.left


class Asker(Actor):
    """Asks another actor, again and again."""

    def __init__(self, node: Node, name: str, other: Ref) -> None:
        super().__init__(node, name)
        self.other = other

    @receives(Ball)
    def begin(self, message: Ball) -> None:
        self.request(self.other, message, self.answered)

    def answered(self, left: int) -> None:
        if left:
            self.request(self.other, Ball(left - 1), self.answered)


def world_of(kind: str) -> World:
    return real_world() if kind == "real" else virtual_world(1)


@pytest.mark.parametrize("kind", ["real", "virtual"])
def test_a_message_told_from_actor_to_actor(measure: Measure, kind: str) -> None:
    world = world_of(kind)
    node = Node(world, 1)
    one, two = Thrower.start(node, "one"), Thrower.start(node, "two")
    one.actor_inbox.actor.other, two.actor_inbox.actor.other = two, one
    world.queue.run()

    def play() -> int:
        one.tell(Ball(HOPS - 1))
        return world.queue.run()

    assert measure(play, count=HOPS, unit="hops", goal=2_500_000) == HOPS


@pytest.mark.parametrize("kind", ["real", "virtual"])
def test_a_request_and_its_answer_are_two_hops(measure: Measure, kind: str) -> None:
    world = world_of(kind)
    node = Node(world, 1)
    asker = Asker.start(node, "asker", Thrower.start(node, "answering"))
    world.queue.run()

    def play() -> int:
        asker.tell(Ball(HOPS // 2 - 1))
        return world.queue.run()

    assert measure(play, count=HOPS, unit="hops") == HOPS + 1
