"""Appends that take long, before they are collected: a topic has a codec of its own, or a compressed batch is large.

To compress takes milliseconds, or seconds at the highest levels of zstd, and to decompress megabytes takes tens of
milliseconds, in which nobody else is to wait. So the worker checks and compresses the batches of one append after the
other (``kstore/log/preparing.pyx``), and the leader collects them as they come back. Appends stay in the order in which
they came, as the sequence numbers of producers need it: one that needs no work waits behind those that do. Topics that
keep what producers send have a worker of their own, which is never long at one batch; those with a codec share the
other, and wait for each other.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.partition.messages import FROM_COORDINATOR, Append
from kstore.errors import KafkaError
from kstore.log.config import AS_PRODUCED
from kstore.log.preparing import needs_preparing, prepared

if TYPE_CHECKING:
    from actors.partition.leader.leader import Leader
    from actors.runtime import Reply


class Awaited:
    """An append whose turn hasn't come: ``batches`` are what is to be appended, the error, or None as yet."""

    __slots__ = ("batches", "message", "reply", "row")

    def __init__(self, message: Append, reply: Reply, row: int) -> None:
        self.message = message
        self.reply = reply
        self.row = row  # of the turn that brought it
        self.batches: Any = None


class Preparing:
    """Those of one leader."""

    __slots__ = ("awaited", "leader")

    def __init__(self, leader: Leader) -> None:
        self.leader = leader
        self.awaited: deque[Awaited] = deque()

    def takes(self, message: Append) -> bool:
        """Whether the append has to wait; it is answered here, or collected by the leader, later."""
        replica, config = self.leader.replica, self.leader.log.config
        needs_work = needs_preparing(message.batches, config)
        if not needs_work and not self.awaited:
            return False
        waiting = Awaited(message, replica.defer(), replica.turn_row)
        self.awaited.append(waiting)
        if needs_work:
            from_client = message.origin != FROM_COORDINATOR
            work = partial(prepared, message.batches, config, replica.now_ms(), from_client)
            replica.off_turn(work, self._done, waiting, is_short=config.compression_type == AS_PRODUCED)
        else:
            waiting.batches = message.batches
        return True

    def _done(self, outcome: object, waiting: Awaited) -> None:
        if self.leader.replica.leader is not self.leader:
            return  # it has left, and said so to all who waited
        waiting.batches = outcome
        awaited = self.awaited
        while awaited and awaited[0].batches is not None:
            first = awaited.popleft()
            if isinstance(first.batches, KafkaError):
                first.reply.fail(first.batches)
            else:
                self.leader.collect(first.message._replace(batches=first.batches), first.reply, first.row)

    def leave(self, error: KafkaError) -> None:
        """Lead no longer."""
        awaited, self.awaited = self.awaited, deque()
        for waiting in awaited:
            waiting.reply.fail(error)
