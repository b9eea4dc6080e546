"""A partition of ``__consumer_offsets`` as a shard: its groups and their offsets, what clients ask, what time and the
log do.

What an append is for is kept with it as data (``appends.py``), and carried out here when its outcome is known. Its
records are taken by ``_apply`` once they are committed, and by nothing else: the same as when the log is read. Until
then an offset is under way, and a group is ahead of its record, as its kind sees fit; when the append is refused, the
offset never was, and the kind knows what becomes of the group.
"""

from collections.abc import Callable, Hashable, Sequence

from actors.coordinator.effects import Effect
from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.coordinator.storage_errors import as_coordinator_error
from actors.coordinator.timeline import READ
from actors.groups.appends import GroupAppend, GroupAppends, GroupDeletion
from actors.groups.deleting import Deleting
from actors.groups.group_interface import Group
from actors.groups.groups import Groups
from actors.groups.kinds import Kinds
from actors.groups.locks import GroupLocks
from actors.groups.memory_use import MemoryUse
from actors.groups.notes import note_committed, note_pending
from actors.groups.offset_requests import OffsetRequests
from actors.groups.offsets import OffsetStore
from actors.groups.records import OffsetRecord, Record, decode_entry
from actors.groups.reports import describe, list_groups
from actors.groups.settings import ConfigsOf, GroupConfigs, GroupSettings
from actors.groups.timers import RETENTION, RETENTION_GOES_ON, TimerKey
from actors.groups.topics import FixedTopics, Topics
from actors.groups.transactional_commits import TransactionalCommits, as_known
from kstore import checked, errors
from kstore.errors import KafkaError
from kstore.schema.messages.delete_groups import DeleteGroupsRequest
from kstore.schema.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from kstore.schema.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from kstore.schema.messages.offset_commit import OffsetCommitRequest
from kstore.schema.messages.offset_delete import OffsetDeleteRequest
from kstore.schema.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchResponse,
    OffsetFetchResponseGroup,
)
from kstore.schema.messages.txn_offset_commit import TxnOffsetCommitRequest
from kstore.schema.struct import Message

KNOWS_GROUP_NOT_FOUND: dict[type[Message], int] = {OffsetCommitRequest: 9, TxnOffsetCommitRequest: 6}
"""The versions from which on a group that isn't there has an error of its own."""


class GroupShard:
    """The groups of one coordinator partition, of every kind, and their offsets."""

    name = "groups"

    def __init__(
        self,
        settings: GroupSettings,
        new_uuid: Callable[[], str],
        memory_use: MemoryUse | None = None,
        topics: Topics | None = None,
        configs_of: ConfigsOf | None = None,
    ) -> None:
        self.groups = Groups(memory_use or MemoryUse())
        self.offsets = OffsetStore()
        self.append_timeout_ms = settings.offsets_commit_timeout_ms
        self._is_loaded = False
        self._locks = GroupLocks()
        self._appends = GroupAppends(self.offsets, self._locks)
        self._waiting: dict[int, list[tuple[OffsetFetchRequest, Caller]]] = {}  # by token: until that append has ended
        self._kinds = Kinds(
            self.groups,
            self._appends,
            self._locks,
            settings,
            topics or FixedTopics(),
            configs_of or (lambda _: GroupConfigs()),
            new_uuid,
        )
        self._committing = OffsetRequests(self.offsets, self._appends, settings)
        self._transactional = TransactionalCommits(self._appends, settings)
        self._deleting = Deleting(self.groups, self.offsets, self._appends, self._locks, settings)
        self._handlers: dict[type[Message], Handler] = {
            OffsetCommitRequest: self._commit,
            TxnOffsetCommitRequest: self._commit_in_transaction,
            OffsetFetchRequest: self._fetch,
            OffsetDeleteRequest: self._delete_offsets,
            DeleteGroupsRequest: self._deleting.delete,
            DescribeGroupsRequest: self._describe,
            ListGroupsRequest: self._list,
            **self._kinds.handlers,
        }

    def __len__(self) -> int:
        return len(self.groups)

    def submit(self, request: Message, caller: Caller, now_ms: int) -> list[Effect]:
        event = Event(now_ms)
        self._handlers[type(request)](request, caller, event)
        return self._done(event)

    def _describe(self, request: DescribeGroupsRequest, caller: Caller, event: Event) -> None:
        described = [describe(each, self.groups.get(each), caller.version) for each in request.groups]
        event.respond(caller.reply, DescribeGroupsResponse(groups=described))

    def _list(self, request: ListGroupsRequest, caller: Caller, event: Event) -> None:
        listed = list_groups(self.groups.values(), request.states_filter, request.types_filter)
        event.respond(caller.reply, ListGroupsResponse(groups=listed))

    def _done(self, event: Event) -> list[Effect]:
        if checked.on and self._is_loaded:  # a compacted log has a group's records in another order, until its end
            self.check()
        return event.effects

    def _commit(self, request: OffsetCommitRequest, caller: Caller, event: Event) -> None:
        group = self.groups.get(request.group_id)
        try:
            if group is None:
                group = self._simple_group(request, caller, event.now_ms)
            group.check_commit(request, caller.version)
        except KafkaError as error:
            event.refuse(caller.reply, error)
            return
        group.member_committed(request.member_id, event)
        self._committing.commit(group, request, caller, event)
        self._drop_if_nothing(group)  # if no offset of its first commit is taken

    def _commit_in_transaction(self, request: TxnOffsetCommitRequest, caller: Caller, event: Event) -> None:
        group = self.groups.get(request.group_id)
        try:
            if group is None:
                group = self._simple_group(request, caller, event.now_ms)
            group.check_commit_in_transaction(request)
        except KafkaError as error:
            event.refuse(caller.reply, as_known(error, caller.version))
            return
        self._transactional.commit(group, request, caller, event)
        self._drop_if_nothing(group)

    def _simple_group(
        self, request: OffsetCommitRequest | TxnOffsetCommitRequest, caller: Caller, now_ms: int
    ) -> Group:
        """A group that is nothing but offsets, for clients that assign their partitions themselves."""
        if request.generation_id_or_member_epoch >= 0:
            if caller.version >= KNOWS_GROUP_NOT_FOUND[type(request)]:
                raise errors.GroupIdNotFound()
            raise errors.IllegalGeneration()
        return self._kinds.classic.found(request.group_id, now_ms)

    def _drop_if_nothing(self, group: Group) -> None:
        """Remove a group of which nothing is in the log or on its way there."""
        is_idle = group.is_vacant and not self._locks.is_busy(group.group_id)
        if not group.is_committed and is_idle and not self.offsets.has_any(group.group_id):
            self.groups.forget(group.group_id)

    def _fetch(self, request: OffsetFetchRequest, caller: Caller, event: Event) -> None:
        """Answer for one group; a stable answer waits for the commits that are under way."""
        newest = self._appends.newest_of_offsets() if request.require_stable else None
        if newest is None:
            self._answer_fetch(request, caller, event)
        else:
            self._waiting.setdefault(newest.token, []).append((request, caller))

    def _answer_fetch(self, request: OffsetFetchRequest, caller: Caller, event: Event) -> None:
        groups = [self._fetched(each, is_stable=request.require_stable) for each in request.groups]
        event.respond(caller.reply, OffsetFetchResponse(groups=groups))

    def _fetched(self, request: OffsetFetchRequestGroup, *, is_stable: bool) -> OffsetFetchResponseGroup:
        group = self.groups.get(request.group_id)
        try:
            if group is not None:
                group.check_fetch(request.member_id, request.member_epoch)
        except KafkaError as error:
            return OffsetFetchResponseGroup(group_id=request.group_id, error_code=error.code)
        return self._committing.fetch(request, is_stable=is_stable)

    def _delete_offsets(self, request: OffsetDeleteRequest, caller: Caller, event: Event) -> None:
        try:
            if not request.group_id:
                raise errors.InvalidGroupId()
            group = self.groups.get(request.group_id)
            if group is None:
                raise errors.GroupIdNotFound()
            group.check_offset_delete()
        except KafkaError as error:
            event.refuse(caller.reply, error)
            return
        self._committing.delete(group, request, caller, event)

    def replay(self, key: bytes, value: bytes | None, now_ms: int) -> None:
        record = decode_entry(key, value)
        if record is not None:
            self._apply(record, READ, Event(now_ms))

    def replay_in_transaction(self, producer_id: int, key: bytes, value: bytes | None, now_ms: int) -> None:
        record = decode_entry(key, value)
        if record is not None:
            self._apply_in_transaction(record, producer_id, Event(now_ms))

    def transaction_ended(
        self, producer_id: int, producer_epoch: int, now_ms: int, *, is_committed: bool
    ) -> list[Effect]:
        """What was committed in a transaction counts from its marker on, and what was aborted never did."""
        event = Event(now_ms)
        self._materialize(self.offsets.open.end(producer_id, is_committed=is_committed), producer_id, event)
        return self._done(event)

    def _apply_in_transaction(self, record: Record, producer_id: int, event: Event) -> None:
        """Take a record of a transaction from the log; only commits are written so."""
        if isinstance(record, OffsetRecord) and record.committed is not None:
            self.offsets.open.put(producer_id, record, READ)
            self._kinds.classic.note_offset(record.group_id, event.now_ms)
        else:
            self._apply(record, READ, event)

    def _materialize(self, records: Sequence[OffsetRecord], producer_id: int, event: Event) -> None:
        """A producer's transaction has been committed, and these are its offsets."""
        for record in records:
            self.offsets.materialize(record)
            note_committed(event, record, producer_id)

    def _apply(self, record: Record, token: int, event: Event) -> None:
        """Take a committed record; all that outlives the shard comes to it in this way."""
        if not isinstance(record, OffsetRecord):
            self._kinds.apply(record, event)
            return
        self.offsets.apply(record, token)
        if record.committed is not None:
            self._kinds.classic.note_offset(record.group_id, event.now_ms)

    def persisted(self, token: int, error: KafkaError | None, now_ms: int) -> list[Effect]:
        """The records of ``Persist(token)`` are committed, or (with an error) may never be."""
        event = Event(now_ms)
        append = self._appends.ended(token)
        if error is None:
            self._committed(append, event)
        else:
            self._refused(append, as_coordinator_error(error), event)
        self._answer_waiting(token, event)
        self._kinds.go_on(event)
        return self._done(event)

    def _committed(self, append: GroupAppend, event: Event) -> None:
        purpose = append.purpose
        if isinstance(purpose, GroupDeletion):
            for group_id in purpose.group_ids:
                self.groups[group_id].note_deleted(purpose.because, event)
        if append.is_in_transaction:
            for record in append.records:
                assert isinstance(record, OffsetRecord), "only offsets are committed in transactions"
                self._kinds.classic.note_offset(record.group_id, event.now_ms)
                note_pending(event, record, append.producer_id)
            settled = self.offsets.open.settle(append.token, is_committed=True)
            self._materialize(settled, append.producer_id, event)
        for record in append.records if not append.is_in_transaction else ():
            self._apply(record, append.token, event)
            if type(record) is OffsetRecord and record.committed is not None:
                note_committed(event, record)
        self._kinds.stored(append, event)
        if append.answer is not None:
            event.respond(*append.answer)

    def _refused(self, append: GroupAppend, error: KafkaError, event: Event) -> None:
        if append.is_in_transaction:
            settled = self.offsets.open.settle(append.token, is_committed=False)
            self._materialize(settled, append.producer_id, event)
        for record in append.records:
            if isinstance(record, OffsetRecord):
                if not append.is_in_transaction:
                    self.offsets.revert(record, append.token)
                of = self.groups.get(record.group_id)
                if of is not None:
                    self._drop_if_nothing(of)
        if isinstance(append.purpose, GroupDeletion):
            for group_id in append.purpose.group_ids:
                group = self.groups[group_id]
                group.undo_deletion()
                self._drop_if_nothing(group)
        else:
            self._kinds.refused(append, error, event)
        self._refuse_answer(append, error, event)

    def _refuse_answer(self, append: GroupAppend, error: KafkaError, event: Event) -> None:
        if append.answer is not None:
            event.refuse(append.answer.to, error)
            append.answer = None

    def _answer_waiting(self, token: int, event: Event) -> None:
        for request, caller in self._waiting.pop(token, ()):
            self._answer_fetch(request, caller, event)

    def overdue(self, token: int, now_ms: int) -> list[Effect]:
        """Those who wait are told; what the log makes of the append is still taken."""
        event = Event(now_ms)
        error = as_coordinator_error(errors.RequestTimedOut())
        append = self._appends.get(token)
        self._kinds.overdue(append, error, event)
        self._refuse_answer(append, error, event)
        return self._done(event)

    def loaded(self, now_ms: int) -> list[Effect]:
        self._is_loaded = True
        event = Event(now_ms)
        self._kinds.loaded(event)
        self._deleting.begin(event)
        return self._done(event)

    def timer_fired(self, key: Hashable, now_ms: int) -> list[Effect]:
        event = Event(now_ms)
        assert isinstance(key, TimerKey)
        if key in (RETENTION, RETENTION_GOES_ON):
            self._deleting.timer_fired(key, event)
        else:
            self._kinds.timer_fired(key, event)
        return self._done(event)

    def topics_deleted(self, topics: Sequence[str], now_ms: int) -> list[Effect]:
        """Offsets of topics that are gone go too."""
        event = Event(now_ms)
        self._deleting.topics_deleted(topics, event)
        return self._done(event)

    def unloaded(self, now_ms: int) -> list[Effect]:
        event = Event(now_ms)
        moved = errors.NotCoordinator()
        self._kinds.unloaded(event)
        for append in self._appends.all():
            self._refuse_answer(append, moved, event)
        for waiting in self._waiting.values():
            for _, caller in waiting:
                event.refuse(caller.reply, moved)
        self._waiting.clear()  # an append that is under way may still come to its end
        self.discard()
        return event.effects

    def discard(self) -> None:
        self.groups.memory_use.leave()

    def check(self) -> None:
        """Assert what groups and offsets promise."""
        self.groups.check()
        self.offsets.check()
