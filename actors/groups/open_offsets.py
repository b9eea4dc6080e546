"""Offsets that are committed within transactions which are still open: they count when the marker commits them.

Until then a reader that wants stable offsets is told that there is one (UNSTABLE_OFFSET_COMMIT), and none of them
expires. A commit outside of transactions that stands later in the log stays, and so does a tombstone. It is what
Kafka's ``OffsetMetadataManager`` keeps in ``pendingTransactionalOffsets`` and ``openTransactions``.

The outcome of an append may be known after the marker that stands behind it in the log is: then the transaction ends
when all its outcomes are known. Invariants: an entry is in ``_at`` while its transaction is open or awaits an outcome,
unless a tombstone took it away; ``_by_token`` has the appends whose outcome isn't known.
"""

from actors.coordinator.timeline import READ
from actors.groups.records import OffsetRecord
from kstore.log.names import TopicAndPartition


class Entry:
    """One commit. ``is_void``: something that stands later in the log has taken its place, or it was refused."""

    __slots__ = ("is_void", "record", "token")

    def __init__(self, record: OffsetRecord, token: int) -> None:
        self.record = record
        self.token = token
        self.is_void = False


class PendingTransactionalOffsets:
    """What one producer has committed since its last marker. ``is_committed`` is None until the next one."""

    __slots__ = ("awaited", "entries", "is_committed")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.awaited: set[int] = set()
        self.is_committed: bool | None = None


class OpenOffsets:
    """Those of one shard."""

    def __init__(self) -> None:
        self._transactions: dict[int, PendingTransactionalOffsets] = {}  # by producer id
        self._by_token: dict[int, PendingTransactionalOffsets] = {}
        self._at: dict[str, dict[TopicAndPartition, list[Entry]]] = {}  # by group

    def has(self, group_id: str, partition: TopicAndPartition) -> bool:
        """Whether a transaction that is open has an offset of this partition."""
        return partition in self._at.get(group_id, ())

    def partitions_of(self, group_id: str) -> list[TopicAndPartition]:
        """The partitions of which open transactions have offsets in a group."""
        return list(self._at.get(group_id, ()))

    def groups(self) -> list[str]:
        """Those with offsets in open transactions."""
        return list(self._at)

    def put(self, producer_id: int, record: OffsetRecord, token: int) -> None:
        """Take a commit that was read from the log, or (with a token) is on its way there."""
        transaction = self._transactions.setdefault(producer_id, PendingTransactionalOffsets())
        entry = Entry(record, token)
        transaction.entries.append(entry)
        partitions = self._at.setdefault(record.group_id, {})
        partitions.setdefault((record.topic, record.partition), []).append(entry)
        if token != READ:
            transaction.awaited.add(token)
            self._by_token[token] = transaction

    def settle(self, token: int, *, is_committed: bool) -> list[OffsetRecord]:
        """Take the outcome of an append. Returns the offsets that count from now on, if it ends its transaction."""
        transaction = self._by_token.pop(token)
        transaction.awaited.discard(token)
        if not is_committed:
            for entry in [each for each in transaction.entries if each.token == token]:
                transaction.entries.remove(entry)
                self._leave(entry)
        return self._end_if_settled(transaction)

    def end(self, producer_id: int, *, is_committed: bool) -> list[OffsetRecord]:
        """Take a marker. Returns the offsets that count from now on."""
        transaction = self._transactions.pop(producer_id, None)
        if transaction is None:
            return []
        transaction.is_committed = is_committed
        return self._end_if_settled(transaction)

    def supersede(self, record: OffsetRecord, token: int) -> None:
        """Take a commit outside of transactions, or a tombstone; the latter also ends the wait for earlier commits."""
        partitions = self._at.get(record.group_id, {})
        for entry in list(partitions.get((record.topic, record.partition), ())):
            if entry.token <= token:
                entry.is_void = True
                if record.committed is None:
                    self._leave(entry)

    def _end_if_settled(self, transaction: PendingTransactionalOffsets) -> list[OffsetRecord]:
        if transaction.is_committed is None or transaction.awaited:
            return []
        for entry in transaction.entries:
            self._leave(entry)
        return [each.record for each in transaction.entries if transaction.is_committed and not each.is_void]

    def _leave(self, entry: Entry) -> None:
        record = entry.record
        partitions = self._at.get(record.group_id, {})
        entries = partitions.get((record.topic, record.partition), [])
        if entry in entries:
            entries.remove(entry)
        if not entries:
            partitions.pop((record.topic, record.partition), None)
        if not partitions:
            self._at.pop(record.group_id, None)

    def check(self) -> None:
        """Assert what the file promises."""
        awaited = {token for each in self._by_token.values() for token in each.awaited}
        assert awaited == self._by_token.keys()
        for partitions in self._at.values():
            assert partitions, "a group has partitions"
            assert all(partitions.values()), "a partition has entries"
