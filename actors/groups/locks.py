"""The locks of groups: one change of a group that isn't ahead of its log at a time.

An append that changes such a group holds the group's lock until its records are committed or refused. Requests of
members and timers that come meanwhile wait for it in order, and are decided on what the log then says. Locks are by
the id of a group, so that they outlast a group that becomes one of another kind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable
from typing import TypeAlias

from actors.coordinator.shard import Caller
from actors.groups.timers import TimerKey
from kstore.named import NamedTuple
from kstore.schema.struct import Message


class Asked(NamedTuple):
    """A request that waits for a lock."""

    request: Message
    caller: Caller


Waiter: TypeAlias = Asked | TimerKey


class GroupLocks:
    """Which groups have a change under way, and what waits for it."""

    def __init__(self) -> None:
        self._held: dict[str, bool] = {}  # by group: whether clients have waited for too long
        self._waiting: dict[str, deque[Waiter]] = {}

    def is_busy(self, group_id: str) -> bool:
        """Whether a group's lock is held, or waited for."""
        return group_id in self._held or group_id in self._waiting

    def is_overdue(self, group_id: str) -> bool:
        """Whether clients have waited for too long already."""
        return self._held.get(group_id, False)

    def acquire(self, group_id: str) -> None:
        """A change of a group begins."""
        assert group_id not in self._held, f"group {group_id} has a change under way"
        self._held[group_id] = False

    def release(self, group_id: str) -> None:
        """The change of a group has come to its end."""
        del self._held[group_id]

    def wait(self, group_id: str, waiter: Waiter) -> None:
        """A request or a timer is for later."""
        self._waiting.setdefault(group_id, deque()).append(waiter)

    def forget_timers(self, group_id: str, keys: Collection[Hashable]) -> None:
        """These timers of a group were set anew, or cancelled, while they waited: they aren't due any more."""
        waiting = self._waiting.get(group_id, deque())
        for each in [each for each in waiting if isinstance(each, TimerKey) and each in keys]:
            waiting.remove(each)
            if not waiting:
                del self._waiting[group_id]

    def note_overdue(self, group_id: str) -> list[Asked]:
        """A change of a group takes too long: those who asked wait no more, and are returned. Timers wait on."""
        if group_id in self._held:
            self._held[group_id] = True
        waiting = self._waiting.pop(group_id, deque())
        for timer in waiting:
            if isinstance(timer, TimerKey):
                self.wait(group_id, timer)
        return [each for each in waiting if isinstance(each, Asked)]

    def free(self) -> list[str]:
        """The groups that something waits for, though nothing holds their locks."""
        return [group_id for group_id in self._waiting if group_id not in self._held]

    def next_of(self, group_id: str) -> Waiter | None:
        """Take the first that waits for a lock that isn't held."""
        if group_id in self._held or group_id not in self._waiting:
            return None
        waiting = self._waiting[group_id]
        waiter = waiting.popleft()
        if not waiting:
            del self._waiting[group_id]
        return waiter

    def end(self) -> list[Asked]:
        """Nothing waits any more; returns those who asked."""
        waiting = [each for waiters in self._waiting.values() for each in waiters]
        self._waiting.clear()
        return [each for each in waiting if isinstance(each, Asked)]
