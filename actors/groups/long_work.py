"""The work for groups that takes more than a turn: it goes on in further ones, and the group's lock is held meanwhile.

Nothing of a group changes while its lock is held, so that work may rest on what it saw at first. What else concerns the
group waits, as it does for an append.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from actors.coordinator.event import Event
from actors.groups.consumer.slices import Work
from actors.groups.locks import GroupLocks
from actors.groups.timers import TimerKey
from kstore import errors
from kstore.errors import KafkaError
from kstore.named import NamedTuple

T = TypeVar("T")

KIND = "long-work"


class _Job(NamedTuple):
    """``then`` gets what the work comes to. ``refuse`` gets the error if there is one."""

    work: Iterator[None]
    then: Callable[[Any, Event], None]
    refuse: Callable[[KafkaError, Event], None]


class LongWork:
    """What is being worked out for the groups of one shard, one thing at a time for each."""

    def __init__(self, locks: GroupLocks) -> None:
        self._locks = locks
        self._jobs: dict[str, _Job] = {}

    def begin(
        self,
        group_id: str,
        work: Work[T],
        then: Callable[[T, Event], None],
        refuse: Callable[[KafkaError, Event], None],
        event: Event,
    ) -> None:
        """Begin work for a group whose lock is free. Most ends at once."""
        self._go_on(group_id, _Job(work, then, refuse), event)

    def _go_on(self, group_id: str, job: _Job, event: Event) -> None:
        try:
            next(job.work)
        except StopIteration as done:
            self._end(group_id)
            try:
                job.then(done.value, event)
            except KafkaError as error:
                job.refuse(error, event)
        except KafkaError as error:
            self._end(group_id)
            job.refuse(error, event)
        else:
            if group_id not in self._jobs:
                self._jobs[group_id] = job
                self._locks.acquire(group_id)
            event.set_timer(TimerKey(KIND, group_id), 0)

    def _end(self, group_id: str) -> None:
        if self._jobs.pop(group_id, None) is not None:
            self._locks.release(group_id)

    def timer_fired(self, group_id: str, event: Event) -> None:
        """Do the next slice of a group's work."""
        self._go_on(group_id, self._jobs[group_id], event)

    def unloaded(self, event: Event) -> None:
        """Those for whom there is work are told to look for the new coordinator."""
        for job in self._jobs.values():
            job.refuse(errors.NotCoordinator(), event)
        self._jobs.clear()
