"""Several synchronous programs on virtual time: their order, their ends, and what they raise."""

from __future__ import annotations

import os
import threading

import pytest

from actors.runtime.driver import DriverClosed, ForkedError, SimulationStalled
from actors.runtime.hub import Cancelled
from actors.runtime.virtual import STALL_S, OtherThread
from actors.runtime.world import World, virtual_world


@pytest.fixture
def world() -> World:
    return virtual_world(7)


def sleep(world: World, seconds: float) -> None:
    world.driver.drive(lambda: False, seconds)


def spawn(world: World, function, *args):
    return world.driver.spawn(function, *args)  # type: ignore[attr-defined]


def steps(seed: int) -> list[tuple[str, int]]:
    """What three programs that wait for the same moments do, in which order."""
    world = virtual_world(seed)
    done: list[tuple[str, int]] = []

    def program(name: str) -> None:
        for step in range(4):
            sleep(world, 1)
            done.append((name, step))

    for spawned in [spawn(world, program, name) for name in "abc"]:
        spawned.join()
    return done


def test_programs_that_wait_go_on_side_by_side_in_virtual_time(world):
    begun = world.clock.now_us()
    both = [spawn(world, sleep, world, 5), spawn(world, sleep, world, 5)]
    assert [spawned.join() for spawned in both] == [None, None]
    assert world.clock.now_us() - begun == 5_000_000


def test_the_order_of_programs_is_the_seeds():
    assert steps(1) == steps(1)
    assert len({tuple(steps(seed)) for seed in range(8)}) > 4
    assert all([step for name, step in steps(seed) if name == "a"] == [0, 1, 2, 3] for seed in range(8))


def test_a_spawned_function_begins_when_somebody_waits_and_gives_its_value(world):
    told = []

    def program() -> str:
        told.append("ran")
        return "value"

    spawned = spawn(world, program)
    assert told == []
    assert not spawned.done()
    assert spawned.join() == "value"
    assert spawned.join() == "value"
    assert told == ["ran"]
    assert spawned.done()


def test_a_program_waits_for_what_another_does(world):
    box: list[int] = []

    def receive() -> int:
        world.driver.drive(lambda: box)
        return box.pop()

    receiver = spawn(world, receive)
    sleep(world, 3)
    box.append(42)
    assert receiver.join() == 42


def test_a_program_spawns_another(world):
    assert spawn(world, lambda: spawn(world, lambda: 5).join() + 1).join() == 6


def test_what_a_spawned_function_raises_is_raised_by_its_join(world):
    spawned = spawn(world, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError) as raised:
        spawned.join()
    assert "raised in the spawned" in raised.value.__notes__[0]
    with pytest.raises(ZeroDivisionError):
        spawned.join()


def test_a_failure_that_nobody_joins_is_raised_where_the_main_program_waits(world):
    spawn(world, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        sleep(world, 5)
    sleep(world, 5)


def test_a_join_that_takes_too_long_is_a_timeout_and_the_program_goes_on(world):
    spawned = spawn(world, sleep, world, 10)
    with pytest.raises(TimeoutError, match="sleep-1 has not ended after 3 seconds"):
        spawned.join(timeout=3)
    spawned.join()
    assert world.clock.now_us() == 10_000_000


def test_a_condition_that_raises_raises_where_it_was_given(world):
    sleeper = spawn(world, sleep, world, 5)
    with pytest.raises(ZeroDivisionError):
        world.driver.drive(lambda: 1 // 0)
    sleeper.join()


def test_a_wait_for_what_nobody_can_do_any_more_is_a_stall_and_names_who_waits(world):
    def wait_for_ever() -> None:
        world.driver.drive(lambda: False)

    spawn(world, wait_for_ever)
    with pytest.raises(SimulationStalled, match=r"nothing is left to happen.*waiting: .*wait_for_ever-1"):
        world.driver.drive(lambda: False)
    world.driver.close()


def test_a_wait_that_only_heartbeats_interrupt_is_a_stall_after_an_hour(world):
    def beat() -> None:
        world.timers.at(world.clock.now_us() + 1_000_000, beat)

    beat()
    with pytest.raises(SimulationStalled, match=f"{STALL_S} virtual seconds have passed") as stalled:
        world.driver.drive(lambda: False)
    assert world.clock.now_us() == STALL_S * 1_000_000
    assert "TimerFired" in stalled.value.__notes__[0]
    assert not world.driver.drive(lambda: False, 2 * STALL_S)


def test_a_close_stops_programs_where_they_wait(world):
    told = []

    def patient() -> None:
        try:
            world.driver.drive(lambda: False)
        finally:
            told.append("stopped")

    waiting = spawn(world, patient)
    sleep(world, 1)
    unborn = spawn(world, patient)
    world.driver.close()
    assert told == ["stopped"]
    for spawned in (waiting, unborn):
        with pytest.raises(Cancelled):
            spawned.join()


def test_a_program_may_close_its_own_world(world):
    def closes() -> str:
        sleep(world, 1)
        world.driver.close()
        return "closed"

    spawned = spawn(world, closes)
    with pytest.raises(DriverClosed):
        spawned.join()


def test_a_world_with_a_seed_is_refused_to_other_threads(world):
    refused: list[type] = []

    def use() -> None:
        for action in (lambda: sleep(world, 1), lambda: world.driver.call(int), lambda: spawn(world, int)):
            try:
                action()
            except OtherThread as error:
                refused.append(type(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert refused == [OtherThread] * 3


def test_a_forked_child_is_told_that_the_world_is_its_parents(world):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            sleep(world, 1)
        except ForkedError as error:
            os.write(write, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"ForkedError"
    os.close(read)
    os.close(write)
    sleep(world, 1)
