"""The disk thread: slow disk work (fsync, unlink) that must not hold up a turn.

With files in memory nothing is slow, so the work is done at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.runtime.worker import Answerable, ThreadedWorker, VirtualWorker, outcome_of

if TYPE_CHECKING:
    from actors.runtime.node import Node


class ThreadedDisk(ThreadedWorker):
    """Disk work on a thread. Work of dead nodes is finished too, as it was submitted before they died."""

    name = "kstore-disk"
    done = "DiskDone"

    def submit(self, work: Callable[[], object], reply: Answerable, node: Node) -> None:
        """As ``ThreadedWorker``."""
        if node.fs is not None and node.fs.in_memory:
            reply.set(outcome_of(work))
        else:
            super().submit(work, reply, node)

    def is_wanted(self, node: Node) -> bool:
        """As ``ThreadedWorker``."""
        return True


class VirtualDisk(VirtualWorker):
    """Disk work on virtual time."""

    done = "DiskDone"
