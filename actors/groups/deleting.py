"""The end of groups and of offsets: DeleteGroups, deleted topics, and expiry.

Offsets expire when the retention time is over: since their group has no members, or, of a client without a group, since
its last commit. While a group has members, only those expire that its kind allows (``Group.expiry``), counted from the
last commit. A group without members goes with its last offset.
"""

from collections import deque
from collections.abc import Iterable

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.groups.appends import AppendResponse, GroupAppends, GroupDeletion
from actors.groups.group_interface import Expiry, Group
from actors.groups.groups import Groups
from actors.groups.locks import GroupLocks
from actors.groups.offset_requests import tombstones
from actors.groups.offsets import OffsetKey, OffsetStore
from actors.groups.records import Record
from actors.groups.settings import GroupSettings
from actors.groups.timers import RETENTION, RETENTION_GOES_ON, TimerKey
from kstore import errors
from kstore.errors import NONE, KafkaError
from kstore.schema.messages.delete_groups import DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse

OFFSETS_A_LOOK = 5_000
"""That are looked at for their age before others have their turns."""

TOMBSTONES_PER_APPEND_MAX = 1_000


class Deleting:
    """Deletes groups and their offsets: by request, with their topics, and when they expire."""

    def __init__(
        self,
        groups: Groups,
        offsets: OffsetStore,
        appends: GroupAppends,
        locks: GroupLocks,
        settings: GroupSettings,
    ) -> None:
        self._groups = groups
        self._offsets = offsets
        self._appends = appends
        self._locks = locks
        self._settings = settings
        self._to_look_at: deque[str] = deque()  # groups, for offsets that have expired

    def delete(self, request: DeleteGroupsRequest, caller: Caller, event: Event) -> None:
        """Answer once what can be deleted is."""
        codes = {group_id: self._why_not(group_id) for group_id in request.groups_names}
        deletable = [group_id for group_id, code in codes.items() if code == NONE]
        results = [DeletableGroupResult(group_id=group_id, error_code=code) for group_id, code in codes.items()]
        response = DeleteGroupsResponse(results=results)
        if deletable:
            self._write_tombstones(deletable, "DeleteGroups", event, AppendResponse(caller.reply, response))
        else:
            event.respond(caller.reply, response)

    def _why_not(self, group_id: str) -> int:
        group = self._groups.get(group_id)
        if group is None:
            return errors.GroupIdNotFound.code
        if self._locks.is_busy(group_id):
            return errors.NonEmptyGroup.code
        try:
            group.check_delete()
        except KafkaError as error:
            return error.code
        return NONE

    def _write_tombstones(
        self, group_ids: list[str], because: str, event: Event, answer: AppendResponse | None = None
    ) -> None:
        """Write tombstones for groups and all their offsets; until they are committed the groups count as Dead."""
        records: list[Record] = [*tombstones(key for each in group_ids for key in self._offsets.keys_of(each))]
        for group_id in group_ids:
            group = self._groups[group_id]
            records += group.tombstones()
            group.mark_deleted(event)
        self._appends.begin(records, event, purpose=GroupDeletion(tuple(group_ids), because), answer=answer)

    def topics_deleted(self, topics: Iterable[str], event: Event) -> None:
        """Remove the offsets of deleted topics."""
        self._expire(self._offsets.keys_in(topics), event)

    def _expire(self, keys: list[OffsetKey], event: Event) -> None:
        for start in range(0, len(keys), TOMBSTONES_PER_APPEND_MAX):
            self._appends.begin(tombstones(keys[start : start + TOMBSTONES_PER_APPEND_MAX]), event)

    def begin(self, event: Event) -> None:
        """Set the timer for the next look at what has expired."""
        event.set_timer(RETENTION, self._settings.offsets_retention_check_interval_ms)

    def timer_fired(self, key: TimerKey, event: Event) -> None:
        """Look for expired offsets and groups, or go on looking."""
        if key == RETENTION:
            self._to_look_at = deque(self._groups)
            self.begin(event)
        self._drop_the_expired(event)

    def _drop_the_expired(self, event: Event) -> None:
        """Look at the next groups, and remove what has expired."""
        forsaken = []
        expired: list[OffsetKey] = []
        room = OFFSETS_A_LOOK
        while self._to_look_at and room > 0:
            group = self._groups.get(self._to_look_at.popleft())
            if group is None:
                continue
            room -= 1 + self._offsets.count_of(group.group_id)
            keys = self._expired(group, event.now_ms)
            is_wanted = not (group.is_vacant and group.is_committed) or self._locks.is_busy(group.group_id)
            if not is_wanted and len(keys) == len(self._offsets.keys_of(group.group_id)):
                forsaken.append(group.group_id)
            else:
                expired += keys
        self._expire(expired, event)
        if forsaken:
            self._write_tombstones(forsaken, "offsets.retention.minutes", event)
        if self._to_look_at:
            event.set_timer(RETENTION_GOES_ON, 0)

    def _expired(self, group: Group, now_ms: int) -> list[OffsetKey]:
        """What has outlived its time; what is being committed again is left alone."""
        expiry = group.expiry()
        if expiry is None:
            return []
        return [
            key
            for key in self._offsets.keys_of(group.group_id)
            if not self._offsets.is_under_way(key)
            and key.topic not in expiry.kept_topics
            and self._is_expired(key, expiry, now_ms)
        ]

    def _is_expired(self, key: OffsetKey, expiry: Expiry, now_ms: int) -> bool:
        committed = self._offsets.get(key)
        assert committed is not None
        if committed.expires_at_ms >= 0:
            return now_ms >= committed.expires_at_ms
        since_ms = committed.committed_at_ms if expiry.since_ms is None else expiry.since_ms
        return now_ms - since_ms >= self._settings.offsets_retention_ms
