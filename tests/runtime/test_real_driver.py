"""Real time without a loop's thread: who gives the turns, who sleeps, who is woken."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import pytest
from runtime.acting import TIMEOUT_S
from waiting import wait_until

from actors.network.sockets import socket_world
from actors.runtime import Actor, Node, receives
from actors.runtime.driver import DriverClosed, ForkedError
from actors.runtime.real import RealDriver
from actors.runtime.world import World, real_world
from kstore.named import NamedTuple


class Wish(NamedTuple):
    delay_ms: float
    number: int


class Due(NamedTuple):
    number: int


class Waiter(Actor):
    """Remembers what became due, and on which thread."""

    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.done: dict[int, str] = {}

    @receives(Wish)
    def wish(self, message: Wish) -> None:
        self.after(message.delay_ms, Due(message.number))

    @receives(Due)
    def due(self, message: Due) -> None:
        self.done[message.number] = threading.current_thread().name


def waiter(world: World) -> Waiter:
    return Waiter.start(Node(world, 1), "waiter").actor_inbox.actor


@pytest.fixture(params=["plain", "sockets"])
def world(request):
    found = real_world() if request.param == "plain" else socket_world()[0]
    yield found
    found.driver.close()


def test_a_call_runs_on_the_callers_own_thread(world) -> None:
    actor = waiter(world)
    world.driver.call(actor.ref.tell, Wish(0, 1))
    assert world.driver.drive(lambda: 1 in actor.done, TIMEOUT_S)
    assert actor.done[1] == threading.current_thread().name


def test_a_thread_that_gives_the_turns_itself_wakes_nobody_for_them(world, monkeypatch) -> None:
    actor = waiter(world)
    world.driver.drive(lambda: True)
    wait_until(lambda: world.driver.watcher is not None, what="the background thread's watch")
    woken: list[int] = []
    monkeypatch.setattr(type(world.driver.watcher), "wake", lambda sleeper: woken.append(sleeper.thread_id))
    world.driver.pump(lambda: actor.inbox.send(Due(1)))
    assert (actor.done, woken) == ({1: threading.current_thread().name}, [])
    world.driver.call(actor.inbox.send, Due(2))
    assert len(woken) == 1
    monkeypatch.undo()
    world.driver.call(actor.inbox.send, Due(3))
    wait_until(lambda: len(actor.done) == 3, what="the turns of the background thread")


def test_timers_go_on_in_the_background_while_nobody_drives(world) -> None:
    actor = waiter(world)
    world.driver.drive(lambda: True)
    happened = threading.Event()
    world.driver.call(actor.ref.tell, Wish(1, 1))
    world.driver.call(world.timers.at, world.clock.now_us() + 20_000, happened.set)
    assert happened.wait(TIMEOUT_S)
    wait_until(lambda: actor.done, what="the turn that the first timer brought")
    assert actor.done == {1: "kstore-background"}


def test_a_thread_that_waits_is_woken_by_the_turns_of_another(world) -> None:
    actor = waiter(world)
    held: list[bool] = []
    waits = threading.Thread(target=lambda: held.append(world.driver.drive(lambda: 7 in actor.done, TIMEOUT_S)))
    waits.start()
    for number in range(1, 8):
        world.driver.call(actor.ref.tell, Wish(0, number))
        world.driver.drive(lambda number=number: number in actor.done, TIMEOUT_S)
    waits.join(TIMEOUT_S)
    assert held == [True]


def test_many_threads_drive_one_world_and_each_gets_what_it_waits_for(world) -> None:
    actor = waiter(world)
    outcomes: list[bool] = []

    def live(first: int) -> None:
        for number in range(first, first + 50):
            world.driver.call(actor.ref.tell, Wish(number % 3, number))
            outcomes.append(world.driver.drive(lambda number=number: number in actor.done, TIMEOUT_S))

    threads = [threading.Thread(target=live, args=(1000 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * TIMEOUT_S)
    assert outcomes == [True] * 200


def test_a_wait_ends_when_its_time_is_over(world) -> None:
    assert not world.driver.drive(lambda: False, 0.02)


def test_what_comes_from_another_thread_ends_a_wait(world) -> None:
    came: list[int] = []
    threading.Timer(0.02, world.driver.post, (came.append, 1)).start()
    assert world.driver.drive(lambda: came, TIMEOUT_S)


def test_what_a_condition_raises_is_raised_by_the_one_who_waits(world) -> None:
    def condition() -> bool:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        world.driver.drive(condition, TIMEOUT_S)


def test_a_callback_may_wait_for_things_itself(world) -> None:
    actor = waiter(world)
    seen: list[bool] = []

    def callback() -> None:
        world.driver.call(actor.ref.tell, Wish(5, 2))
        seen.append(world.driver.drive(lambda: 2 in actor.done, TIMEOUT_S))

    world.callbacks.append((callback, ()))
    assert world.driver.drive(lambda: seen, TIMEOUT_S)
    assert seen == [True]


def test_a_callback_that_raises_is_logged_and_harms_nobody(world, caplog) -> None:
    world.callbacks.append((lambda: 1 / 0, ()))
    world.driver.drive(lambda: not world.callbacks, TIMEOUT_S)
    assert "a callback raised" in caplog.text


def test_a_closed_driver_says_so_also_to_those_who_wait(world) -> None:
    errors: list[BaseException] = []

    def wait() -> None:
        try:
            world.driver.drive(lambda: False)
        except DriverClosed as error:
            errors.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    while not world.driver.sleeping:
        world.driver.drive(lambda: world.driver.sleeping, TIMEOUT_S)
    world.driver.close()
    thread.join(TIMEOUT_S)
    assert len(errors) == 1
    with pytest.raises(DriverClosed):
        world.driver.call(lambda: None)


def test_a_forked_child_is_told_that_the_world_is_its_parents(world) -> None:
    world.driver.drive(lambda: True)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"nothing"
        try:
            world.driver.drive(lambda: True)
        except ForkedError:
            said = b"forked"
        finally:
            os.write(write, said)
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"forked"
    os.close(read)
    os.close(write)
    assert world.driver.drive(lambda: True)


def test_a_world_that_is_dropped_takes_its_background_thread_along() -> None:
    world = real_world()
    driver = world.driver
    assert isinstance(driver, RealDriver)
    driver.drive(lambda: True)
    thread = driver.thread
    assert thread is not None
    gone = weakref.ref(driver)
    del world, driver
    while thread.is_alive():  # it may be in the midst of giving turns
        gc.collect()
        thread.join(0.01)
    assert gone() is None


def test_while_a_callback_takes_its_time_somebody_else_watches(world) -> None:
    fired, begun, may_end = threading.Event(), threading.Event(), threading.Event()

    def callback() -> None:
        begun.set()
        may_end.wait()

    def due() -> None:
        world.callbacks.append((callback, ()))
        world.timers.at(world.clock.now_us() + 20_000, fired.set)

    world.driver.drive(lambda: True)
    waits = threading.Thread(target=world.driver.drive, args=(may_end.is_set, TIMEOUT_S))
    waits.start()
    while world.driver.watcher in (None, world.driver.background) or not world.driver.retired:
        world.driver.call(lambda: None)
    world.driver.post(due)
    assert begun.wait(TIMEOUT_S)
    try:
        assert fired.wait(TIMEOUT_S)
    finally:
        may_end.set()
        waits.join(TIMEOUT_S)


def test_a_thread_that_has_waited_keeps_nothing_of_what_it_waited_for(world) -> None:
    class Condition:
        def __call__(self) -> bool:
            return False

    until = Condition()
    gone = weakref.ref(until)
    assert not world.driver.drive(until, 0.01)
    del until
    assert gone() is None


def test_a_closed_driver_leaves_no_descriptor_open() -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    worlds = [socket_world()[0] for _ in range(5)]
    for world in worlds:
        assert not world.driver.drive(lambda: False, 0.01)
        world.driver.close()
    assert len(os.listdir("/proc/self/fd")) == before
