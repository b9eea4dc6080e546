"""The kinds of groups of a shard, and the way from one to the other: who takes what members ask, what was written, and
what time does to groups.

Requests of members, and timers, wait while their group's lock is held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.groups.appends import GroupAppend, GroupAppends
from actors.groups.classic.classic_groups import ClassicGroups
from actors.groups.consumer.consumer_groups import ConsumerGroups
from actors.groups.groups import Groups
from actors.groups.kind import Kind, Part
from actors.groups.locks import Asked, GroupLocks
from actors.groups.long_work import KIND as LONG_WORK
from actors.groups.long_work import LongWork
from actors.groups.migration.downgrading import Downgrading
from actors.groups.migration.migration import Migration
from actors.groups.records import ConsumerGroupRecord, GroupRecord, OffsetRecord
from actors.groups.settings import ConfigsOf, GroupSettings
from actors.groups.timers import TimerKey
from actors.groups.topics import Topics
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.join_group import JoinGroupRequest
from kstore.schema.messages.leave_group import LeaveGroupRequest
from kstore.schema.messages.sync_group import SyncGroupRequest
from kstore.schema.struct import Message

OfMember = ConsumerGroupHeartbeatRequest | JoinGroupRequest | SyncGroupRequest | HeartbeatRequest | LeaveGroupRequest
OF_MEMBERS = (ConsumerGroupHeartbeatRequest, JoinGroupRequest, SyncGroupRequest, HeartbeatRequest, LeaveGroupRequest)
"""What members ask to be or to stay in a group."""


class Kinds:
    """The kinds of groups of one shard."""

    def __init__(
        self,
        groups: Groups,
        appends: GroupAppends,
        locks: GroupLocks,
        settings: GroupSettings,
        topics: Topics,
        configs_of: ConfigsOf,
        new_uuid: Callable[[], str],
    ) -> None:
        self._appends = appends
        self._locks = locks
        self._work = LongWork(locks)
        downgrading = Downgrading(settings, topics)
        self.classic = ClassicGroups(groups, appends, settings, new_uuid)
        without = downgrading.without
        consumer = ConsumerGroups(groups, appends, settings, topics, configs_of, new_uuid, without, self._work)
        self._migration = Migration(
            self.classic, consumer, groups, appends, locks, settings, topics, downgrading, self._work, new_uuid
        )
        self._kinds: tuple[Kind, ...] = (self.classic, consumer)
        self._parts: tuple[Part, ...] = (*self._kinds, self._migration)
        self._kind_of = {kind.record_type: kind for kind in self._kinds}
        self._takers: dict[type[Message], Handler] = {}
        for part in self._parts:
            self._takers |= part.handlers
        self.handlers: Mapping[type[Message], Handler] = {
            **self._takers,
            **dict.fromkeys(OF_MEMBERS, self._take),
        }

    def _take(self, request: OfMember, caller: Caller, event: Event) -> None:
        if not self._locks.is_busy(request.group_id):
            self._takers[type(request)](request, caller, event)
        elif self._locks.is_overdue(request.group_id):
            event.refuse(caller.reply, errors.CoordinatorNotAvailable())
        else:
            self._locks.wait(request.group_id, Asked(request, caller))

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """Handle the timer of a group."""
        if key.kind == LONG_WORK:
            self._work.timer_fired(key.group_id, event)
            self.go_on(event)
        elif self._locks.is_busy(key.group_id):
            self._locks.wait(key.group_id, key)
        else:
            self._fire(key, event)

    def _fire(self, key: TimerKey, event: Event) -> None:
        for part in self._parts:
            part.timer_fired(key, event)

    def go_on(self, event: Event) -> None:
        """Decide what has waited for groups whose changes have come to their ends."""
        for group_id in self._locks.free():
            while not self._appends.of_classic_group(group_id):
                self._locks.forget_timers(group_id, event.timers_set())
                waiter = self._locks.next_of(group_id)
                if waiter is None:
                    break
                if isinstance(waiter, Asked):
                    self._takers[type(waiter.request)](waiter.request, waiter.caller, event)
                else:
                    self._fire(waiter, event)

    def apply(self, record: GroupRecord | ConsumerGroupRecord, event: Event) -> None:
        """Take a committed record of a group."""
        self._migration.note(record)
        self._kind_of[type(record)].apply(record, event)

    def stored(self, append: GroupAppend, event: Event) -> None:
        """The records of an append have been applied."""
        for part in self._parts:
            part.stored(append.purpose, event)

    def refused(self, append: GroupAppend, error: KafkaError, event: Event) -> None:
        """The records of an append will never be in the log."""
        for part in self._parts:
            part.refused(append.purpose, error, event)

    def overdue(self, append: GroupAppend, error: KafkaError, event: Event) -> None:
        """The records of an append will be in the log too late for those who wait, if at all."""
        append.is_overdue = True
        for part in self._parts:
            part.overdue(append.purpose, error, event)
        for group_id in dict.fromkeys(each.group_id for each in append.records if not isinstance(each, OffsetRecord)):
            for asked in self._locks.note_overdue(group_id):
                event.refuse(asked.caller.reply, error)

    def loaded(self, event: Event) -> None:
        """All of the log has been read."""
        for part in self._parts:
            part.loaded(event)

    def unloaded(self, event: Event) -> None:
        """Another broker coordinates the groups now."""
        for part in self._parts:
            part.unloaded(event)
        self._work.unloaded(event)
        for asked in self._locks.end():
            event.refuse(asked.caller.reply, errors.NotCoordinator())
