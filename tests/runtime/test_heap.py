"""When free memory is given back to the system: when there is much, and not at every look."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from waiting import wait_until

from actors.runtime.heap import KEPT_BYTES_MAX, LOOK_EVERY_S, Heap


class Library:
    def __init__(self) -> None:
        self.free = 0
        self.trims = 0
        self.threads: set[int] = set()

    def mallinfo2(self) -> SimpleNamespace:
        return SimpleNamespace(fordblks=self.free)

    def malloc_trim(self, kept: int) -> None:
        assert kept == 0
        self.threads.add(threading.get_ident())
        self.trims += 1


def heap_of(library: Library | None) -> Heap:
    heap = Heap()
    heap._library, heap._is_known = library, True
    return heap


def test_free_memory_is_given_back_when_there_is_much_and_on_a_thread_of_its_own():
    library = Library()
    heap = heap_of(library)
    now = 1000.0
    assert not heap.look(now)
    library.free = KEPT_BYTES_MAX
    assert not heap.look(now + LOOK_EVERY_S - 1)
    assert heap.look(now + LOOK_EVERY_S)
    wait_until(lambda: library.trims == 1, what="the giving back")
    assert threading.get_ident() not in library.threads


def test_where_the_library_cannot_say_nothing_is_done():
    assert not heap_of(None).look(1000.0)


def test_the_library_of_this_machine_is_asked_without_harm():
    assert Heap().free_bytes() >= 0
