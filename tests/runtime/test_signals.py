"""When the handlers of signals run: at the end of a block, where one lets them in, and nowhere else."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from actors.runtime import signals
from actors.runtime.signals import in_one_piece, is_interrupt, let_signals_in, signals_held, take_signals


class Rang(Exception):
    """What the handler raises."""


def ring(*_: object) -> None:
    raise Rang


class Bell:
    """A handler that isn't a function."""

    def __call__(self, *_: object) -> None:
        raise Rang

    def ring(self, *_: object) -> None:
        raise Rang


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.signal(signal.SIGALRM, before)
    assert signals.depth() == 0


def send() -> None:
    signal.raise_signal(signal.SIGALRM)


def test_a_handler_runs_when_the_block_ends() -> None:
    done: list[int] = []

    def work() -> None:
        with signals_held:
            send()
            done.append(1)

    with pytest.raises(Rang):
        work()
    assert done == [1]


def test_blocks_nest_and_the_outermost_one_counts() -> None:
    done: list[int] = []

    def work() -> None:
        with signals_held:
            with signals_held:
                send()
                done.append(1)
            done.append(2)

    with pytest.raises(Rang):
        work()
    assert done == [1, 2]


def test_what_the_handler_raises_goes_before_what_the_block_raised() -> None:
    def work() -> None:
        with signals_held:
            send()
            raise LookupError("the block's own")

    with pytest.raises(Rang) as caught:
        work()
    assert isinstance(caught.value.__context__, LookupError)


def test_a_wait_in_a_block_is_interrupted_where_signals_are_let_in() -> None:
    lock = threading.Lock()
    lock.acquire()
    after: list[int] = []

    def block() -> None:
        with signals_held:
            timer.start()
            try:
                let_signals_in(lock.acquire)
            finally:
                send()  # a second one is late enough
                after.append(signals.depth())

    timer = threading.Timer(0.02, signal.pthread_kill, (threading.get_ident(), signal.SIGALRM))
    with pytest.raises(Rang):
        block()
    assert after == [1]


def test_a_system_call_in_a_block_goes_on_when_a_signal_comes() -> None:
    readable, writable = os.pipe()
    read: list[bytes] = []

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
        os.write(writable, b"whole")

    timer = threading.Timer(0.02, interrupt)

    def block() -> None:
        with signals_held:
            timer.start()
            read.append(os.read(readable, 10))

    with pytest.raises(Rang):
        block()
    timer.join()
    os.close(readable)
    os.close(writable)
    assert read == [b"whole"]


def test_signals_are_taken_where_a_block_says_so() -> None:
    done: list[int] = []

    def work() -> None:
        with signals_held:
            send()
            take_signals()
            done.append(1)

    with pytest.raises(Rang):
        work()
    assert not done


def test_a_function_is_one_piece() -> None:
    done: list[int] = []

    @in_one_piece
    def piece() -> int:
        """What it is."""
        send()
        done.append(1)
        return 1

    with pytest.raises(Rang):
        piece()
    assert done == [1]
    assert piece.__doc__ == "What it is."


def test_ctrl_c_waits_as_well() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    done: list[int] = []

    def work() -> None:
        with signals_held:
            _thread.interrupt_main()
            done.append(1)

    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == [1]


def test_another_threads_block_holds_nothing_of_the_main_threads() -> None:
    inside, done = threading.Event(), threading.Event()

    def live() -> None:
        with signals_held:
            inside.set()
            done.wait()

    thread = threading.Thread(target=live)
    thread.start()
    inside.wait()
    with pytest.raises(Rang):
        send()
    done.set()
    thread.join()


def test_a_forked_child_holds_what_its_parent_held() -> None:
    with signals_held:
        child = os.fork()
        if not child:
            inside = signals.depth()
            signals.set_depth(0)
            caught = False
            try:
                send()
            except Rang:
                caught = True
            os._exit(0 if inside == 1 and caught else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_that_another_thread_forked_holds_nothing() -> None:
    codes: list[int] = []

    def fork() -> None:
        child = os.fork()
        if not child:
            before = signals.depth()
            with signals_held:
                inside = signals.depth()
            os._exit(0 if (before, inside) == (0, 1) else 1)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    with signals_held:
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    assert codes == [0]


@pytest.mark.parametrize(
    "handler", [ring, Bell(), Bell().ring, partial(ring)], ids=["function", "object", "method", "partial"]
)
def test_an_exception_of_a_handler_is_told_from_others(handler: Callable[..., None]) -> None:
    signal.signal(signal.SIGALRM, handler)
    with pytest.raises(Rang) as caught:
        send()
    assert is_interrupt(caught.value)
    assert is_interrupt(KeyboardInterrupt())
    assert is_interrupt(SystemExit())
    assert not is_interrupt(Rang())


def test_a_busy_main_thread_handles_signals_late_but_whole() -> None:
    done: list[int] = []
    timer = threading.Timer(0.01, signal.pthread_kill, (threading.get_ident(), signal.SIGALRM))

    def work() -> None:
        with signals_held:
            timer.start()
            while timer.is_alive():
                """Python looks for signals at each turn."""
            done.append(1)

    with pytest.raises(Rang):
        work()
    assert done == [1]
