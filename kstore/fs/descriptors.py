"""The file descriptors of this process: the limit, the reserve, and which files stay open.

A new descriptor gets the lowest number that is free, so the number tells how many are in use, by any code of the
process: one at ``ceiling()`` or above means that only the reserve is left. The reserve is for work that needs a
descriptor for a moment and has to be done: checkpoints, fsyncs, listings of folders, refusing a connection. Files and
connections stay out of it: files are closed by least use and open again when they are used, connections are refused.
Code that gets a number from the reserve to keep has a file closed and moves below, so that the next number tells the
truth as well.
"""

from __future__ import annotations

import errno
import os
import resource
from typing import Protocol
from weakref import WeakSet

from kstore.fs.posix_forks import of_this_process

RESERVED = 64
FILES_MIN = 16  # of one file system: so many stay open, however many connections come
COUNTED_MAX = 1 << 20  # as good as no limit
TRIED_WITHOUT_LIMIT = 10_240  # where the hard limit is infinite and the system has one all the same

EXHAUSTED = (errno.EMFILE, errno.ENFILE)


def limit() -> int:
    """How many descriptors the process may have now: its soft limit."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return COUNTED_MAX if soft == resource.RLIM_INFINITY else min(soft, COUNTED_MAX)


def ceiling() -> int:
    """The first number that belongs to the reserve."""
    allowed = limit()
    return allowed - min(RESERVED, allowed // 4)


def raise_limit() -> int:
    """Raise the soft limit to the hard one, as Apache Kafka's JVM does, and return what it is then.

    For a process that is all ours: children inherit it, and ``select`` can't watch numbers from 1,024 on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, TRIED_WITHOUT_LIMIT):
        if soft != resource.RLIM_INFINITY and (wanted > soft or wanted == resource.RLIM_INFINITY):
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                break
            except (OSError, ValueError):
                continue  # an infinite one isn't to be had everywhere
    return limit()


class Kept(Protocol):
    """An open file."""

    used: bool

    def fileno(self) -> int:
        """Its descriptor."""

    def move_down(self) -> None:
        """Take the lowest number that is free."""

    def close(self) -> None:
        """Close its descriptor."""


class Handles:
    """Which files of a file system are open, and which one closes next: a second-chance clock, where a use only sets a
    flag. Without a limit of its own it has its share of what the process may have. ``flags`` is how they are opened.
    """

    __slots__ = ("__weakref__", "_given", "_hand", "_open", "flags")

    _all: WeakSet[Handles] = WeakSet()

    def __init__(self, limit: int | None = None, *, read_only: bool = False) -> None:
        self.flags = (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC
        self._given = limit
        self._open: list[Kept] = []
        self._hand = 0
        self._all.add(self)
        of_this_process.add(self)

    def __len__(self) -> int:
        return len(self._open)

    def descriptors(self) -> list[int]:
        """As ``Holder.descriptors``."""
        return [file.fileno() for file in self._open]

    @property
    def limit(self) -> int:
        """How many may be open."""
        return self._given or max(FILES_MIN, ceiling() // len(self._all))

    def opened(self, file: Kept) -> None:
        """A file was opened; another one makes room for it."""
        allowed = self.limit
        while len(self._open) >= allowed:
            self._close_one()
        if file.fileno() >= ceiling() and self._open:
            self._close_one()
            file.move_down()
        file.used = False
        self._open.append(file)

    def closed(self, file: Kept) -> None:
        """A file was closed by its owner."""
        index = self._open.index(file)
        last = self._open.pop()
        if last is not file:
            self._open[index] = last

    def close_some(self, count: int, *, keep: int = 0) -> int:
        """Close up to ``count`` of them, as long as more than ``keep`` are open; how many were closed."""
        closing = max(0, min(count, len(self._open) - keep))
        for _ in range(closing):
            self._close_one()
        return closing

    def close_all(self) -> None:
        """Close every one."""
        while self._open:
            self._open[-1].close()

    def _close_one(self) -> None:
        """Second chance: a file used since the hand last passed is spared once."""
        while True:
            if self._hand >= len(self._open):
                self._hand = 0
            file = self._open[self._hand]
            if not file.used:
                file.close()
                return
            file.used = False
            self._hand += 1
