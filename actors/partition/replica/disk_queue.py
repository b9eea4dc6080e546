"""The slow disk work of one log, done off the turn, one piece after the other.

A log creates work (closed segments to sync, files to unlink) that must be done in order. A caller that needs durability
asks for a sync and is called back. Those that ask during a sync share the next one, so that a group of appends is
committed with one fsync.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from kstore.errors import KafkaStorageError
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.runtime import Actor
    from kstore.log import DiskWork, Log

Then = Callable[[], None]


class UnlinkFiles(NamedTuple):
    """To the owner of the log: the delay of this work is over."""

    queue: DiskQueue
    work: DiskWork


class Defect(NamedTuple):
    """An error of the work that isn't the disk's: it is raised in the turn that gets the outcome, after the queue
    is free.
    """

    error: Exception


def _run(work: DiskWork) -> object:
    try:
        return work.run()
    except OSError as error:
        return error
    except Exception as error:  # noqa: BLE001 - raised in the turn
        return Defect(error)


class DiskQueue:
    """Runs the work of ``log`` for the actor that owns it."""

    __slots__ = ("actor", "busy", "last", "log", "synced", "syncing", "works")

    def __init__(self, actor: Actor, log: Log) -> None:
        self.actor = actor
        self.log = log
        self.works: list[DiskWork] = []
        self.busy = False
        self.syncing = False
        self.synced: list[tuple[int, Then]] = []  # callbacks that wait for the log to be durable up to an offset
        self.last: Then | None = None

    def start(self) -> bool:
        """Start the work that the log has created since the last time; whether there was some."""
        try:
            works = self.log.take_work()
        except KafkaStorageError:  # the log has informed its owner
            return False
        if works:
            self.begin(works)
        return bool(works)

    def begin(self, works: list[DiskWork]) -> None:
        """Do these after the waiting work, each after its own delay."""
        self.add([work for work in works if not work.delay_ms])
        for work in works:
            if work.delay_ms:
                self.actor.after(work.delay_ms, UnlinkFiles(self, work._replace(delay_ms=0)))

    def add(self, works: list[DiskWork]) -> None:
        """Do these after the waiting work, without a delay."""
        self.works.extend(works)
        if not self.busy:
            self._next()

    def sync(self, then: Then) -> None:
        """Call ``then`` when the log is durable up to its current end, or has failed."""
        self.synced.append((self.log.end_offset, then))
        if not self.syncing:
            self._sync()

    def drop_and(self, last: Then) -> None:
        """Do one last thing to the log once no work is running; waiting work is dropped."""
        self.works.clear()
        self.end_with(last)

    def end_with(self, last: Then) -> None:
        """Do one last thing to the log, after all work; callbacks for syncs are dropped."""
        self.synced.clear()
        if self.busy:
            self.last = last
        else:
            last()

    def _sync(self) -> None:
        try:
            work = self.log.flush_work()
        except KafkaStorageError:  # the log informs its owner
            work = None
        self.syncing = work is not None
        if work is not None:
            self.add([work])
            return
        waiting, self.synced = self.synced, []
        for _, then in waiting:
            then()

    def _next(self) -> None:
        self.busy = bool(self.works)
        if self.busy:
            work = self.works.pop(0)
            self.actor.on_disk(partial(_run, work), self._done, work)

    def _done(self, outcome: object, work: DiskWork) -> None:
        try:
            if isinstance(outcome, Defect):
                work.done(outcome.error)
                raise outcome.error
            work.done(outcome if isinstance(outcome, BaseException) else None)
        finally:  # whatever happens, the end of the work must be called
            self._go_on()

    def _go_on(self) -> None:
        self._next()
        if not self.busy:
            self.syncing = False
        if self.synced:
            self._tell_synced()
        if not self.busy and self.last is not None:
            last, self.last = self.last, None
            last()

    def _tell_synced(self) -> None:
        log = self.log
        durable = log.end_offset if log.failure is not None else log.recovery_point
        waiting, self.synced = self.synced, []
        is_settled = log.disk.is_settled or log.failure is not None
        for end_offset, then in waiting:
            if end_offset <= durable and is_settled:
                then()
            else:
                self.synced.append((end_offset, then))
        if self.synced and not self.syncing:
            self._sync()
