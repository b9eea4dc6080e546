"""Timers and the disk thread, over virtual and real time, and how virtual time passes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from runtime.acting import (
    KINDS,
    TIMEOUT_S,
    Player,
    Write,
    WriteLater,
    answer,
    outside,
    start,
    world_of,
)
from waiting import let_pass

from actors.runtime import Actor, Node, Ref, receives
from actors.runtime.driver import SimulationStalled
from actors.runtime.timers import SWEEP_AT_LEAST
from actors.runtime.world import World, virtual_world
from kstore.named import NamedTuple


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as world:
        yield world


class Work(NamedTuple):
    work: Callable[[], object]


class Worker(Actor):
    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.outcomes: list[Any] = []

    @receives(Work)
    def work(self, message: Work) -> None:
        self.on_disk(message.work, self.done, "said with it")

    def done(self, outcome: object, said: str) -> None:
        assert said == "said with it"
        self.outcomes.append(outcome)


def until(world: World, condition: Callable[[], object]) -> None:
    assert world.driver.drive(condition, TIMEOUT_S)


def lines(ref: Ref) -> list[str]:
    return list(ref.actor_inbox.actor.lines)


def test_timers_are_due_in_the_order_of_their_deadlines_then_of_their_making(world: World) -> None:
    player = start(Node(world, 1), Player, "player")

    def send() -> None:
        for text, delay_ms in (("d", 8), ("b", 3), ("c", 3), ("a", 0)):
            player.tell(WriteLater(text, delay_ms))

    outside(world, send)
    until(world, lambda: len(lines(player)) == 4)
    if world.virtual:
        assert lines(player) == ["a", "b", "c", "d"]
        assert world.clock.now_us() == 8_000
    else:  # each is set a little after the last
        assert lines(player)[0] == "a"
        assert lines(player)[3] == "d"


def test_a_cancelled_timer_never_happens(world: World) -> None:
    player = start(Node(world, 1), Player, "player")

    def start_both() -> None:
        actor = player.actor_inbox.actor
        timer = actor.after(1, Write("cancelled"))
        actor.after(2, Write("kept"))
        timer.cancel()
        timer.cancel()

    outside(world, start_both)
    until(world, lambda: lines(player))
    assert lines(player) == ["kept"]


def test_cancelled_timers_are_swept_away() -> None:
    world = virtual_world(1)
    player = start(Node(world, 1), Player, "player")
    actor = player.actor_inbox.actor
    for _ in range(10 * SWEEP_AT_LEAST):
        actor.after(1000, Write("never")).cancel()
    assert len(world.timers.heap) <= 2 * SWEEP_AT_LEAST
    assert world.timers.next_deadline_us() is None


def test_disk_work_ends_in_a_turn_with_its_value_or_its_error_in_order(world: World) -> None:
    worker = start(Node(world, 1), Worker, "worker")
    failure = OSError("the disk is full")

    def fail() -> None:
        raise failure

    def tell() -> None:
        for work in (lambda: 1, fail, lambda: 3):
            worker.tell(Work(work))

    outside(world, tell)
    outcomes = worker.actor_inbox.actor.outcomes
    until(world, lambda: len(outcomes) == 3)
    assert outcomes == [1, failure, 3]
    answered = next(row for row in world.recorder.recent() if row.kind == "Answered")
    assert world.recorder.chain(answered.sequence)[-1].kind == "UserCall"


def test_a_node_killed_before_its_disk_answers_never_hears_of_it() -> None:
    world = virtual_world(1)
    node = Node(world, 1)
    worker = start(node, Worker, "worker")
    worked: list[int] = []
    worker.tell(Work(lambda: worked.append(1)))
    until(world, lambda: worked)
    node.kill()
    let_pass(world, 1)
    assert worker.actor_inbox.actor.outcomes == []


def test_virtual_time_passes_only_when_nobody_has_a_turn() -> None:
    world = virtual_world(1)
    player = start(Node(world, 1), Player, "player")
    begin_ms = world.clock.now_ms()
    player.tell(WriteLater("an hour later", 3_600_000))
    world.driver.drive(lambda: lines(player))
    assert world.clock.now_us() == 3_600_000_000
    assert world.clock.now_ms() == begin_ms + 3_600_000
    assert not world.driver.drive(lambda: False, 1.5)
    assert world.clock.now_us() == 3_601_500_000


def test_a_wait_that_can_never_end_says_so() -> None:
    world = virtual_world(1)
    with pytest.raises(SimulationStalled):
        world.driver.drive(lambda: False)


def test_virtual_time_never_goes_back() -> None:
    world = virtual_world(1)
    let_pass(world, 1)
    with pytest.raises(AssertionError):
        world.clock.advance_to(10)


def test_real_time_waits_no_longer_than_asked() -> None:
    with world_of("real") as world:
        start(Node(world, 1), Player, "player")
        assert not world.driver.drive(lambda: False, 0.02)


def test_each_node_reads_the_wall_clock_with_its_own_skew() -> None:
    world = virtual_world(1)
    node = Node(world, 1)
    player = start(node, Player, "player").actor_inbox.actor
    before = player.now_ms()
    node.clock_skew_ms = -500
    assert player.now_ms() == before - 500
    assert player.now_us() == world.clock.now_us()


def test_an_action_posted_from_another_thread_wakes_whoever_drives(world: World) -> None:
    import threading

    player = start(Node(world, 1), Player, "player")
    thread = threading.Thread(target=lambda: world.driver.post(player.tell, Write("posted")))
    thread.start()
    if world.virtual:
        thread.join()
    until(world, lambda: lines(player) == ["posted"])
    thread.join()
    assert answer(player, WriteLater("x", 0)) is None
