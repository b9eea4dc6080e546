"""Heavy work is begun a portion a turn of the loop, in order, and others have their turns in between."""

from functools import partial
from typing import Any

from actors.runtime.heavy_work import BYTES_A_TURN
from actors.runtime.world import World, virtual_world

HEAVY = BYTES_A_TURN


def next_turn(world: World) -> None:
    world.clock.advance_to(world.clock.now_us() + 1)
    world.timers.fire()


def test_what_nothing_waits_before_begins_at_once() -> None:
    world = virtual_world(1)
    done: list[Any] = []
    world.heavy.start(HEAVY, lambda: done.append("a"))
    assert done == ["a"]


def test_what_is_over_a_turns_portion_waits_in_order() -> None:
    world = virtual_world(1)
    done: list[Any] = []
    for name in "abc":
        world.heavy.start(HEAVY, partial(done.append, name))
    world.heavy.start(0, lambda: done.append("light, but behind"))
    assert done == ["a"]
    seen = []
    while world.timers.next_deadline_us() is not None:
        next_turn(world)
        seen.append(len(done))
    assert done == ["a", "b", "c", "light, but behind"]
    assert seen[:3] == [2, 3, 4], "one heavy piece a turn"


def test_small_pieces_share_a_turn() -> None:
    world = virtual_world(1)
    done: list[Any] = []
    for number in range(40):
        world.heavy.start(HEAVY // 16, partial(done.append, number))
    assert len(done) == 16
    next_turn(world)
    assert len(done) == 32
    next_turn(world)
    assert done == list(range(40))


def test_a_turn_later_there_is_room_again() -> None:
    world = virtual_world(1)
    done: list[Any] = []
    world.heavy.start(HEAVY, lambda: done.append("a"))
    next_turn(world)
    world.heavy.start(HEAVY, lambda: done.append("b"))
    assert done == ["a", "b"]
