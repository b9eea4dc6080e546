"""Whose turn it is: in the order of arrival in real time, in an order drawn from the seed in a simulation."""

from typing import Any

import pytest
from runtime.acting import Player, Write, start

from actors.runtime import Actor, Node, Ref, receives
from actors.runtime.clock import Clock
from actors.runtime.queue import Inbox, RunQueue
from actors.runtime.recorder import Recorder
from actors.runtime.world import World, real_world, virtual_world
from kstore.named import NamedTuple


class Mark(NamedTuple):
    text: str


class Marker(Actor):
    def __init__(self, node: Node, name: str, marks: list[str]) -> None:
        super().__init__(node, name)
        self.marks = marks

    @receives(Mark)
    def mark(self, message: Mark) -> None:
        self.marks.append(message.text)


def order_of(world: World, actors: str, messages: int) -> list[str]:
    """Three messages to each of some actors, and the order in which they had their turns."""
    marks: list[str] = []
    node = Node(world, 1)
    refs = [Marker.start(node, name, marks) for name in actors]
    world.queue.run()
    for number in range(messages):
        for ref in refs:
            ref.tell(Mark(f"{ref.actor_urn[-1]}{number}"))
    world.queue.run()
    return marks


def test_real_time_gives_turns_in_the_order_of_arrival_and_a_burst_to_each() -> None:
    assert order_of(real_world(), "abc", 3) == "a0 a1 a2 b0 b1 b2 c0 c1 c2".split()


def test_an_actor_with_many_messages_lets_the_others_have_their_turn() -> None:
    marks = order_of(real_world(), "ab", 40)
    assert marks.index("b0") == 32
    assert marks.index("a39") == 32 + 32 + 7
    assert len(marks) == 80


def test_virtual_time_draws_the_next_actor_and_keeps_the_order_within_each() -> None:
    marks = order_of(virtual_world(1), "abc", 20)
    assert sorted(marks) == sorted(f"{name}{number}" for name in "abc" for number in range(20))
    for name in "abc":
        assert [mark for mark in marks if mark[0] == name] == [f"{name}{number}" for number in range(20)]
    assert marks[:9] != "a0 a1 a2 b0 b1 b2 c0 c1 c2".split()


def test_the_same_seed_gives_the_same_order_and_another_seed_another() -> None:
    orders = [tuple(order_of(virtual_world(seed), "abcde", 10)) for seed in (1, 1, 2, 3)]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_every_order_of_three_actors_can_be_drawn() -> None:
    drawn = {"".join(mark[0] for mark in order_of(virtual_world(seed), "abc", 1)) for seed in range(60)}
    assert len(drawn) == 6


def test_a_limit_on_turns_leaves_the_rest_for_later() -> None:
    world = virtual_world(1)
    ref = Marker.start(Node(world, 1), "a", [])
    world.queue.run()
    for number in range(5):
        ref.tell(Mark(str(number)))
    assert ref.actor_inbox.depth == 5
    assert world.queue.run(2) == 2
    assert ref.actor_inbox.actor.marks == ["0", "1"]
    assert world.queue.has_ready()
    assert world.queue.run() == 3
    assert not world.queue.has_ready()


class Tangle(NamedTuple):
    pass


class Tangler(Actor):
    @receives(Tangle)
    def tangle(self, message: Tangle) -> None:
        self.node.world.queue.run()


def test_turns_never_nest() -> None:
    world = real_world()
    ref = start(Node(world, 1), Tangler, "tangler")
    ref.tell(Tangle())
    world.queue.run()
    assert "turns don't nest" in str(world.crashes[0][1])


def test_whoever_is_waiting_is_told_once_when_somebody_becomes_ready() -> None:
    world = real_world()
    ref: Ref = start(Node(world, 1), Player, "player")
    world.queue.run()
    told: list[Any] = []
    world.queue.on_ready = lambda: told.append(1)
    ref.tell(Write("a"))
    ref.tell(Write("b"))
    assert told == [1]
    world.queue.run()
    ref.tell(Write("c"))
    assert told == [1, 1]


def test_a_request_is_answered_once() -> None:
    queue = RunQueue(Recorder(Clock()))
    asker, asked = Inbox(queue, None, {}, "asker"), Inbox(queue, None, {}, "asked")
    asked.close(True)
    outcomes: list[Any] = []
    asked.request("anybody?", asker, outcomes.append, ())
    queue.run()
    assert "stopped before it answered" in str(outcomes[0])


def test_without_anybody_to_tell_a_defect_is_raised_by_the_queue_itself() -> None:
    queue = RunQueue(Recorder(Clock()))

    def fail(actor: object, message: object) -> None:
        raise ValueError("a defect")

    inbox = Inbox(queue, None, {str: fail}, "inbox")
    inbox.send("x")
    with pytest.raises(ValueError, match="a defect"):
        queue.run()


def test_numbers_drawn_from_a_seed_stay_below_their_bound_and_reach_it() -> None:
    queue = RunQueue(Recorder(Clock(True)), 7)
    drawn = [queue.draw_below(10) for _ in range(500)]
    assert set(drawn) == set(range(10))


def test_the_queue_says_whose_turn_was_the_last() -> None:
    world = virtual_world(1)
    ref = start(Node(world, 1), Player, "player")
    world.queue.run()
    assert world.queue.ran is ref.actor_inbox
    assert world.queue.running is None


class Wait(NamedTuple):
    us: int


class Waiter(Actor):
    """Keeps its turn until so much time has passed."""

    @receives(Wait)
    def wait(self, message: Wait) -> None:
        end_us = self.now_us() + message.us
        while self.now_us() < end_us:
            pass


def turns_of(world: World) -> list[tuple[str, int, int]]:
    rows = [row for row in world.recorder.recent() if row.kind in ("Mark", "Wait")]
    return [(row.kind, row.took_us, row.depth) for row in rows]


def test_a_turn_knows_how_long_it_took_and_how_many_messages_still_waited() -> None:
    world = real_world()
    waiter = Waiter.start(Node(world, 1), "waiter")
    world.queue.run()
    for us in (3000, 0, 5000):
        waiter.tell(Wait(us))
    world.queue.run()
    kinds, took, depths = zip(*turns_of(world), strict=True)
    assert kinds == ("Wait",) * 3
    assert took[0] >= 3000
    assert took[2] >= 5000
    assert depths == (2, 1, 0)


def test_on_virtual_time_a_turn_takes_none() -> None:
    world = virtual_world(1)
    marker = Marker.start(Node(world, 1), "marker", [])
    marker.tell(Mark("a"))
    marker.tell(Mark("b"))
    world.queue.run()
    assert turns_of(world) == [("Mark", 0, 1), ("Mark", 0, 0)]


def test_what_comes_from_outside_says_what_it_is_about() -> None:
    world = virtual_world(1)
    world.queue.enter(0, "NodeKilled", partition="broker-1#1", subject="for the test")
    world.queue.leave()
    (row,) = world.recorder.recent()
    assert (row.kind, row.partition, row.subject, row.depth) == ("NodeKilled", "broker-1#1", "for the test", -2)
