"""An alarm: one timer for the nearest of many deadlines, or for a deadline that is moved often."""

import pytest

from actors.runtime import Actor, Node, receives
from actors.runtime.timers import Alarm
from actors.runtime.world import World, virtual_world
from kstore.named import NamedTuple


class Bell:
    """What an alarm calls; it keeps when that was."""

    def __init__(self, world: World, tick_us: int = 1000) -> None:
        self.world = world
        self.rang_us: list[int] = []
        self.alarm = Alarm(world.timers, tick_us, self.ring)

    def ring(self) -> None:
        self.alarm.rang()
        self.rang_us.append(self.world.clock.now_us())


class Mover(Bell):
    """Asks whether the time is there, as one does whose deadline moves."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.early_us: list[int] = []

    def ring(self) -> None:
        now_us = self.world.clock.now_us()
        (self.rang_us if self.alarm.is_over(now_us // 1000) else self.early_us).append(now_us)


@pytest.fixture
def world() -> World:
    return virtual_world(1)


def run_for(world: World, ms: int) -> None:
    world.driver.drive(lambda: False, ms / 1000)


def test_the_nearest_of_many_deadlines_counts_and_takes_one_timer(world: World) -> None:
    bell = Bell(world)
    for due_ms in (50, 30, 70, 30, 40):
        bell.alarm.by(due_ms, 0)
    assert bell.alarm.is_set
    assert world.timers.made == 2  # 50 ms, and then 30 ms, which is nearer
    run_for(world, 100)
    assert bell.rang_us == [30_000]
    assert not bell.alarm.is_set


def test_a_deadline_that_moves_on_makes_no_timer_before_the_first_has_run_out(world: World) -> None:
    mover = Mover(world)
    for now_ms in range(0, 50, 10):
        mover.alarm.at(now_ms + 45, now_ms)
        run_for(world, 10)
    assert (mover.early_us, mover.rang_us) == ([45_000], [])
    assert world.timers.made == 2
    run_for(world, 100)
    assert (mover.early_us, mover.rang_us) == ([45_000], [85_000])


def test_a_deadline_that_moves_back_is_kept_to(world: World) -> None:
    mover = Mover(world)
    mover.alarm.at(90, 0)
    mover.alarm.at(20, 0)
    run_for(world, 100)
    assert (mover.early_us, mover.rang_us) == ([], [20_000])


def test_one_that_was_stopped_does_not_ring_and_can_be_set_again(world: World) -> None:
    bell = Bell(world)
    bell.alarm.by(10, 0)
    bell.alarm.stop()
    assert not bell.alarm.is_set
    run_for(world, 20)
    assert bell.rang_us == []
    bell.alarm.by(25, 20)
    run_for(world, 20)
    assert bell.rang_us == [25_000]


def test_what_is_overdue_rings_at_once(world: World) -> None:
    run_for(world, 20)
    bell = Bell(world)
    bell.alarm.by(5, 20)
    run_for(world, 1)
    assert bell.rang_us == [20_000]


def test_ticks_are_what_the_owner_counts_in(world: World) -> None:
    bell = Bell(world, tick_us=1)
    bell.alarm.by(1_234, 0)
    run_for(world, 2)
    assert bell.rang_us == [1_234]


class Expire(NamedTuple):
    """A message of an alarm."""


class SetAt(NamedTuple):
    due_ms: int


class Stop(NamedTuple):
    """Stop the alarm."""


class Keeper(Actor):
    """Has an alarm that is moved and stopped while its message is on the way."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, "keeper")
        self.expiry = self.alarm(Expire(), tick_us=1000)
        self.over: list[bool] = []

    @receives(SetAt)
    def set_at(self, message: SetAt) -> None:
        self.expiry.at(message.due_ms, self.now_us() // 1000)

    @receives(Stop)
    def stop_alarm(self, message: Stop) -> None:
        self.expiry.stop()

    @receives(Expire)
    def expire(self, message: Expire) -> None:
        self.over.append(self.expiry.is_over(self.now_us() // 1000))


@pytest.mark.parametrize(
    ("meanwhile", "heard"),
    [
        ([], [True]),
        ([SetAt(50)], [False, True]),  # moved on: looked at again
        ([Stop()], [False]),
        ([Stop(), SetAt(50)], [False, True]),  # what was on the way isn't taken for what was set after it
        ([Stop(), SetAt(10)], [True]),  # due by now as well: it rings once
    ],
)
def test_a_message_that_is_on_the_way_says_only_what_is_true_when_it_is_heard(
    world: World, meanwhile: list[NamedTuple], heard: list[bool]
) -> None:
    node = Node(world, 1)
    keeper = Keeper.start(node)
    actor = keeper.actor_inbox.actor
    keeper.tell(SetAt(10))
    # what comes at the very time of the alarm, and after it was made, is in the inbox before the alarm's message is
    for message in meanwhile:
        world.timers.start(10, keeper.actor_inbox, message)
    run_for(world, 100)
    assert actor.over == heard
    assert not actor.expiry.is_set
