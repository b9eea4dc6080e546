"""Closes descriptors in a forked child that would keep its parent's ports, connections and folders in use.

A child has a copy of every descriptor, so a port stays in use, a connection open and a lock held for as long as a child
lives, whatever the parent closes. Who has such descriptors is a ``Holder``; in the child each of them is put onto
``/dev/null``. It isn't closed: the objects that think they own the number close it when they go, which must not hit
something that the child opened meanwhile.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from weakref import ref

SWEEP_AT_LEAST = 64


class Holder(Protocol):
    """Something that has descriptors of this process alone."""

    def descriptors(self) -> Iterable[int]:
        """Those that are open now; below 0 for none."""


class OfThisProcess:
    """All holders of the process; weakly, and without a call when one goes. Threads may add theirs at the same time."""

    def __init__(self) -> None:
        self._holders: dict[int, ref[Holder]] = {}  # by a number that is used once
        self._numbers = itertools.count()
        self._sweep_at = SWEEP_AT_LEAST

    def add(self, holder: Holder) -> None:
        """Have forked children close what the holder has, for as long as it lives."""
        if len(self._holders) >= self._sweep_at:
            for number, each in list(self._holders.items()):
                if each() is None:
                    self._holders.pop(number, None)
            self._sweep_at = max(SWEEP_AT_LEAST, 2 * len(self._holders))
        self._holders[next(self._numbers)] = ref(holder)

    def close_in_child(self) -> None:
        """In the child of a fork."""
        with suppress(OSError):  # without a single descriptor left, the child can't have one for a moment either
            nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            for each in self._holders.values():
                holder = each()
                for descriptor in () if holder is None else holder.descriptors():
                    if descriptor >= 0:
                        os.dup2(nothing, descriptor, inheritable=False)
            os.close(nothing)
        self._holders.clear()


of_this_process = OfThisProcess()
os.register_at_fork(after_in_child=of_this_process.close_in_child)
