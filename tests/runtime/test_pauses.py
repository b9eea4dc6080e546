"""Nodes that are paused and clocks that are frozen: nothing happens, nothing is lost, and then all goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from runtime.acting import KINDS, Double, Lines, Player, Write, WriteLater, answer, start, world_of

from actors.runtime import Node
from actors.runtime.clock import Clock
from actors.runtime.future import ask
from actors.runtime.world import World


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as made:
        yield made


def nobody(_: object) -> bool:
    return False


def pause(node: Node, goes_on=nobody) -> None:
    node.world.driver.call(node.pause, goes_on)


def resume(node: Node) -> None:
    node.world.driver.call(node.resume)


def test_what_is_sent_to_a_paused_node_waits_in_order_and_is_handled_afterwards(world):
    node = Node(world, 1)
    player = start(node, Player, "player")
    answer(player, Write("before"))
    pause(node)
    pause(node)
    asked = ask(world, player, Double(21))
    for text in "abc":
        world.driver.call(player.tell, Write(text))
    assert not world.driver.drive(lambda: asked.done, 0.05)
    resume(node)
    resume(node)
    assert asked.get(timeout=10) == 42
    assert answer(player, Lines()) == ["before", "a", "b", "c"]


def test_messages_that_waited_already_when_a_node_was_paused_wait_on(world):
    node, other = Node(world, 1), Node(world, 2)
    players = [start(each, Player, f"player-{number}") for number, each in enumerate((node, other, node, other))]

    def send_and_pause() -> None:
        for player in players:
            player.tell(Write("sent"))
        node.pause(nobody)

    world.driver.call(send_and_pause)
    assert [answer(players[number], Lines()) for number in (1, 3)] == [["sent"], ["sent"]]
    assert [players[number].actor_inbox.depth > 0 for number in (0, 2)] == [True, True]
    resume(node)
    assert [answer(players[number], Lines()) for number in (0, 2)] == [["sent"], ["sent"]]


def test_an_actor_that_comes_while_its_node_is_paused_starts_afterwards(world):
    node = Node(world, 1)
    pause(node)
    player = start(node, Player, "player")
    assert not world.driver.drive(lambda: player.actor_inbox.actor.started, 0.05)
    resume(node)
    assert answer(player, Double(1)) == 2


def test_whom_a_pause_spares_goes_on(world):
    node = Node(world, 1)
    spared, stopped = start(node, Player, "spared"), start(node, Player, "stopped")
    answer(stopped, Double(1))
    pause(node, lambda actor: actor.actor_ref is spared)
    asked = ask(world, stopped, Double(1))
    assert answer(spared, Double(2)) == 4
    late = start(node, Player, "late")
    assert not world.driver.drive(lambda: asked.done or late.actor_inbox.actor.started, 0.05)
    resume(node)
    assert asked.get(timeout=10) == 2


def test_timers_of_a_paused_node_are_late_and_none_is_lost(world):
    node = Node(world, 1)
    player = start(node, Player, "player")
    answer(player, WriteLater("due", 10))
    pause(node)
    world.driver.drive(lambda: False, 0.1)
    assert player.actor_inbox.actor.lines == []
    resume(node)
    assert world.driver.drive(lambda: player.actor_inbox.actor.lines == ["due"], 10)


def test_a_paused_node_dies_like_any_other(world):
    node = Node(world, 1)
    player = start(node, Player, "player")
    pause(node)
    world.driver.call(player.tell, Write("never"))
    world.driver.call(node.kill)
    resume(node)
    assert player.actor_inbox.actor.lines == []


def test_a_frozen_clock_stands_still_and_goes_on_where_it_stood():
    clock = Clock()
    before = clock.now_us()
    clock.freeze()
    frozen = (clock.now_us(), clock.now_ms())
    while Clock().now_us() < frozen[0] + 20_000:
        assert (clock.now_us(), clock.now_ms()) == frozen
    clock.thaw()
    assert before <= frozen[0] <= clock.now_us() <= Clock().now_us() - 20_000
    assert clock.now_ms() >= frozen[1] + 20
    clock.freeze()
    assert clock.now_us() >= frozen[0]
    clock.thaw()


def test_a_clock_is_frozen_once_and_a_virtual_one_never():
    clock = Clock()
    with pytest.raises(AssertionError):
        clock.thaw()
    clock.freeze()
    with pytest.raises(AssertionError):
        clock.freeze()
    with pytest.raises(AssertionError):
        Clock(virtual=True).freeze()
