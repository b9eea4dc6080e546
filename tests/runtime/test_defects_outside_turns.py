"""A defect outside of any turn is kept and raised as an actor's is, on every driver; none is only printed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from runtime.acting import (
    KINDS,
    TIMEOUT_S,
    Player,
    outside,
    start,
    world_of,
)
from runtime.test_timers_and_disk import Work, Worker

from actors.runtime import Node
from actors.runtime.disk import ThreadedDisk
from actors.runtime.driver import NodeCrashed, raise_crashes
from actors.runtime.world import CRASHES_KEPT, World


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with world_of(request.param) as world:
        yield world


@pytest.fixture
def loop_world() -> Iterator[World]:
    with world_of("loop") as world:
        yield world


def fail(words: str = "a defect") -> None:
    raise ValueError(words)


def until_crashed(world: World) -> BaseException:
    with pytest.raises(NodeCrashed) as crash:
        world.driver.drive(lambda: False, TIMEOUT_S)
    assert crash.value.__cause__ is world.crashes[0][1]
    return world.crashes[0][1]


def test_a_defect_in_a_posted_action_is_raised_by_whoever_drives(world: World) -> None:
    world.driver.post(fail, "posted")
    assert str(until_crashed(world)) == "posted"


def test_a_defect_in_a_timers_action_is_raised_by_whoever_drives(world: World) -> None:
    world.driver.call(world.timers.at, world.clock.now_us() + 1000, fail)
    world.driver.post(lambda: None)
    assert str(until_crashed(world)) == "a defect"
    assert world.queue.current == 0


def test_a_defect_in_disk_work_is_raised_by_whoever_drives(world: World) -> None:
    worker = start(Node(world, 1), Worker, "worker")
    outside(world, lambda: worker.tell(Work(fail)))
    assert str(until_crashed(world)) == "a defect"


def test_what_is_in_order_goes_on_after_a_defect_until_it_is_raised(world: World) -> None:
    done: list[int] = []
    for _ in range(2 * CRASHES_KEPT):
        world.driver.post(fail)
    world.driver.post(done.append, 1)
    until_crashed(world)
    assert done == [1]
    assert len(world.crashes) == CRASHES_KEPT


@pytest.mark.parametrize("kind", ["real", "loop"])
def test_a_defect_of_disk_work_that_ends_when_the_world_closes_is_known(kind: str) -> None:
    with world_of(kind) as world:
        may_end = threading.Event()

        def fail_late() -> None:
            may_end.wait(TIMEOUT_S)
            fail("late")

        worker = start(Node(world, 1), Worker, "worker")
        outside(world, lambda: worker.tell(Work(fail_late)))
        disk = world.disk
        assert isinstance(disk, ThreadedDisk)
        assert world.driver.drive(lambda: disk.thread, TIMEOUT_S)
        may_end.set()
        world.disk.close()
        world.driver.close()
        with pytest.raises(NodeCrashed, match="late"):
            raise_crashes(world)


def test_a_defect_after_a_drain_and_one_in_a_callback_of_the_loop_are_raised(loop_world: World) -> None:
    driver: Any = loop_world.driver
    driver.after_drain.append(fail)
    driver.post(lambda: None)
    assert str(until_crashed(loop_world)) == "a defect"
    driver.call(driver.after_drain.clear)
    loop_world.crashes.clear()
    driver.loop.call_soon_threadsafe(fail, "in a callback")
    assert str(until_crashed(loop_world)) == "in a callback"


def test_a_defect_in_a_protocols_callback_is_raised_and_whoever_serves_is_told(loop_world: World) -> None:
    import asyncio
    import socket

    told: list[BaseException] = []
    driver: Any = loop_world.driver
    driver.on_crash = told.append

    class Broken(asyncio.BufferedProtocol):
        def get_buffer(self, sizehint: int) -> bytearray:
            return bytearray(10)

        def buffer_updated(self, nbytes: int) -> None:
            fail("in a protocol")

    here, there = socket.socketpair()
    with here, there:
        there.setblocking(False)
        driver.post(lambda: driver.loop.create_task(driver.loop.connect_accepted_socket(Broken, there)))
        here.sendall(b"x")
        assert str(until_crashed(loop_world)) == "in a protocol"
    assert told[0] is loop_world.crashes[0][1]


def test_a_sockets_trouble_that_the_loop_reports_is_no_defect(
    loop_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    driver: Any = loop_world.driver
    context = {"message": "socket.accept() out of system resource", "exception": OSError(24, "Too many open files")}
    driver.call(driver.loop.call_exception_handler, context)
    assert loop_world.crashes == []
    assert "Too many open files" in caplog.text


def test_nobody_waits_for_a_condition_after_its_time(loop_world: World) -> None:
    driver: Any = loop_world.driver
    assert not driver.drive(lambda: False, 0.01)
    assert driver._waiting == []
    player = start(Node(loop_world, 1), Player, "player")
    assert driver.drive(lambda: player.is_alive(), TIMEOUT_S)
    assert driver._waiting == []


def test_what_a_condition_raises_is_for_the_one_who_waits_for_it(world: World) -> None:
    with pytest.raises(ZeroDivisionError):
        world.driver.drive(lambda: 1 // 0, TIMEOUT_S)
    assert world.crashes == []
    assert world.driver.drive(lambda: True, TIMEOUT_S)
