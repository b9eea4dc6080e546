"""The appends under way: what each one writes, what it is for, and who is answered when it has ended.

All of it is data. An append has one of three outcomes, which the shard hears of: it is committed, refused, or overdue,
after which one of the other two still comes.
"""

from collections.abc import Sequence

from actors.coordinator.effects import Writer
from actors.coordinator.event import Event
from actors.coordinator.under_way import UnderWay
from actors.groups.locks import GroupLocks
from actors.groups.offsets import OffsetStore
from actors.groups.records import GroupRecord, OffsetRecord, Record, encode_entry
from kstore.named import NamedTuple

NO_PRODUCER = -1


class AppendResponse(NamedTuple):
    """The answer to a request whose records these are: ``response`` once they are committed, else the error."""

    to: object
    response: object


class GroupDeletion(NamedTuple):
    """The records are tombstones of groups, all of whose offsets go too; until then the groups are Dead."""

    group_ids: tuple[str, ...]
    because: str


class GroupAppend:
    """One append. ``purpose`` says what else is to be done at its end; None: nothing. ``producer_id``: in whose
    transaction it is. ``locked``: the group whose lock it holds, or empty.
    """

    __slots__ = ("answer", "is_overdue", "locked", "producer_id", "purpose", "records", "token")

    token: int

    def __init__(
        self,
        records: Sequence[Record],
        purpose: object,
        answer: AppendResponse | None,
        producer_id: int = NO_PRODUCER,
        locked: str = "",
    ) -> None:
        self.producer_id = producer_id
        self.locked = locked
        self.is_overdue = False
        self.records = records
        self.purpose = purpose
        self.answer = answer

    @property
    def is_in_transaction(self) -> bool:
        """Whether it is part of a producer's transaction."""
        return self.producer_id != NO_PRODUCER


class GroupAppends(UnderWay[GroupAppend]):
    """Those of one shard."""

    def __init__(self, offsets: OffsetStore, locks: GroupLocks) -> None:
        super().__init__()
        self._offsets = offsets
        self._locks = locks

    def begin(
        self,
        records: Sequence[Record],
        event: Event,
        *,
        purpose: object = None,
        answer: AppendResponse | None = None,
        locked: str = "",
    ) -> GroupAppend:
        """Have records written, all or none; until that is known the append holds the lock of the group ``locked``."""
        append = GroupAppend(records, purpose, answer, locked=locked)
        if locked:
            self._locks.acquire(locked)
        token = append.token = self._add(append)
        for record in records:
            if type(record) is OffsetRecord:
                self._offsets.put(record, token)
        event.persist(token, tuple([encode_entry(record) for record in records]))
        return append

    def begin_in_transaction(
        self, records: Sequence[OffsetRecord], writer: Writer, event: Event, answer: AppendResponse
    ) -> None:
        """Have commits written within a producer's transaction."""
        append = GroupAppend(records, None, answer, writer.producer_id)
        token = append.token = self._add(append)
        for record in records:
            self._offsets.open.put(writer.producer_id, record, token)
        event.persist(token, tuple([encode_entry(record) for record in records]), writer)

    def ended(self, token: int) -> GroupAppend:
        """The outcome of an append is known: it is forgotten, and its lock released."""
        append = self.end(token)
        if append.locked:
            self._locks.release(append.locked)
        return append

    def of_classic_group(self, group_id: str) -> list[GroupAppend]:
        """Those that write the record of a classic group."""
        return [append for append in self.all() if _is_of(append.records[-1], group_id)]

    def newest_of_offsets(self) -> GroupAppend | None:
        """The last one that was begun with offsets in it."""
        appends = reversed(self._under_way.values())
        return next((append for append in appends if isinstance(append.records[0], OffsetRecord)), None)


def _is_of(record: Record, group_id: str) -> bool:
    return isinstance(record, GroupRecord) and record.group_id == group_id
