"""Prepares slow appends on a worker: to recompress for a topic's codec, or to check large compressed batches.

Compressing takes milliseconds, or seconds at the highest levels of zstd; decompressing megabytes takes tens of
milliseconds. Other actors must not wait so long. So the worker checks and compresses the batches of one append after
the other (``kstore/log/preparing.pyx``), and the leader collects them as they come back. Appends keep their order, as
producers' sequence numbers require: one that needs no work waits behind those that do. Topics that keep the producer's
codec use one worker, where no batch takes long; topics with their own codec share the other one, and wait for each
other.
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
    """A waiting append: ``batches`` are the prepared batches, the error, or None while it isn't ready."""

    __slots__ = ("batches", "message", "reply", "row")

    def __init__(self, message: Append, reply: Reply, row: int) -> None:
        self.message = message
        self.reply = reply
        self.row = row  # of the turn that received it
        self.batches: Any = None


class Preparing:
    """The appends of one leader that are being prepared."""

    __slots__ = ("awaited", "leader")

    def __init__(self, leader: Leader) -> None:
        self.leader = leader
        self.awaited: deque[Awaited] = deque()

    def takes(self, message: Append) -> bool:
        """Whether the append must wait; if so it is answered here, or collected by the leader, later."""
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
            return  # it has stopped leading, and answered all that waited
        waiting.batches = outcome
        awaited = self.awaited
        while awaited and awaited[0].batches is not None:
            first = awaited.popleft()
            if isinstance(first.batches, KafkaError):
                first.reply.fail(first.batches)
            else:
                self.leader.collect(first.message._replace(batches=first.batches), first.reply, first.row)

    def leave(self, error: KafkaError) -> None:
        """Stop leading."""
        awaited, self.awaited = self.awaited, deque()
        for waiting in awaited:
            waiting.reply.fail(error)
