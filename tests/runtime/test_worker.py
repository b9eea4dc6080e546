"""Work that takes the processor long, off the turn."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from runtime.acting import (
    KINDS,
    TIMEOUT_S,
    Double,
    Player,
    answer,
    outside,
    start,
    world_of,
)
from waiting import let_pass

from actors.runtime import Actor, Node, receives
from actors.runtime.worker import ThreadedWorker
from actors.runtime.world import World
from kstore.named import NamedTuple


class Work(NamedTuple):
    works: list[Callable[[], object]]


class Asker(Actor):
    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.outcomes: list[Any] = []

    @receives(Work)
    def work(self, message: Work) -> None:
        for work in message.works:
            self.off_turn(work, self.done, "said with it")

    def done(self, outcome: object, said: str) -> None:
        assert said == "said with it"
        self.outcomes.append(outcome)


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as found:
        yield found


def until(world: World, condition: Callable[[], object]) -> None:
    assert world.driver.drive(condition, TIMEOUT_S)


def test_outcomes_come_back_in_the_order_of_the_work(world: World) -> None:
    asker = start(Node(world, 1), Asker, "asker")
    for number in range(20):
        asker.tell(Work([partial(int, number)]))
    until(world, lambda: len(asker.actor_inbox.actor.outcomes) == 20)
    assert asker.actor_inbox.actor.outcomes == list(range(20))


@pytest.mark.parametrize("kind", ["real", "loop"])
def test_turns_are_given_while_work_is_under_way(kind: str) -> None:
    go_on = threading.Event()
    with world_of(kind) as world:
        node = Node(world, 1)
        slow, player = start(node, Asker, "asker"), start(node, Player, "player")
        outside(world, lambda: slow.tell(Work([lambda: go_on.wait(TIMEOUT_S)])))
        assert answer(player, Double(4)) == 8
        assert slow.actor_inbox.actor.outcomes == []
        go_on.set()
        until(world, lambda: slow.actor_inbox.actor.outcomes == [True])


@pytest.mark.parametrize("kind", ["real", "loop"])
def test_what_a_dead_node_wanted_isnt_done(kind: str) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        go_on.wait(TIMEOUT_S)

    with world_of(kind) as world:
        node = Node(world, 1)
        asker = start(node, Asker, "asker")
        outside(world, lambda: asker.tell(Work([first, lambda: done.append(1)])))
        threaded = world.worker
        assert isinstance(threaded, ThreadedWorker)
        until(world, lambda: threaded.thread)
        assert begun.wait(TIMEOUT_S)
        world.driver.call(node.kill)
        go_on.set()
        world.worker.close()
        assert done == []
        assert asker.actor_inbox.actor.outcomes == []


def test_a_node_that_is_killed_before_the_outcome_never_hears_of_it() -> None:
    with world_of("virtual") as world:
        node = Node(world, 1)
        asker = start(node, Asker, "asker")
        done: list[int] = []
        asker.tell(Work([lambda: done.append(1)]))
        until(world, lambda: done)
        world.driver.call(node.kill)
        let_pass(world, 1)
        assert asker.actor_inbox.actor.outcomes == []


def test_a_defect_in_the_work_is_its_actors() -> None:
    def broken() -> None:
        raise RuntimeError("broken")

    with world_of("real") as world:
        asker = start(Node(world, 1), Asker, "asker")
        asker.tell(Work([broken]))
        with pytest.raises(Exception, match="broken"):
            until(world, lambda: False)
