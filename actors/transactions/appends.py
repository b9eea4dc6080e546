"""The appends under way: what each one writes, and what is to be done when its outcome is known. All of it is data."""

from collections.abc import Callable
from typing import TypeAlias

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.coordinator.under_way import UnderWay
from actors.transactions.metadata import TransactionMetadata
from actors.transactions.records import Record, encode_entry
from actors.transactions.transaction import Transaction
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple


class Initialization(NamedTuple):
    """A producer has an id and an epoch."""

    caller: Caller


class Addition(NamedTuple):
    """Partitions are in the transaction; ``is_first``: it begins with them."""

    caller: Caller
    partitions: frozenset[TopicAndPartition]
    is_first: bool


class TransactionDecision(NamedTuple):
    """The transaction is to be committed or aborted: by its producer (``ended_by``), by another one that fences it,
    which has to come again (``fenced_by``), or by its timeout. ``is_ahead``: the epoch was raised before the append.
    """

    because: str
    ended_by: Caller | None = None
    fenced_by: Caller | None = None
    is_ahead: bool = False


class Completion(NamedTuple):
    """The transaction is over."""


class Expiration(NamedTuple):
    """Nobody has used these ids for long."""


Purpose: TypeAlias = Initialization | Addition | TransactionDecision | Completion | Expiration


class TransactionAppend:
    """``is_answered``: the request that caused it has its answer, maybe before the outcome was known."""

    __slots__ = ("is_answered", "purpose", "records", "transactions")

    def __init__(self, transactions: tuple[Transaction, ...], records: tuple[Record, ...], purpose: Purpose) -> None:
        self.transactions = transactions
        self.records = records
        self.purpose = purpose
        self.is_answered = False

    def take_caller(self) -> Caller | None:
        """Who is to be answered now; None if nobody is, or an answer has been given."""
        caller: Caller | None = None
        match self.purpose:
            case Initialization(caller) | Addition(caller):
                pass
            case TransactionDecision(_, ended_by, fenced_by):
                caller = ended_by or fenced_by
        if self.is_answered:
            return None
        self.is_answered = True
        return caller


class TransactionAppends(UnderWay[TransactionAppend]):
    """Those of one shard."""

    def __init__(self, transaction_version: Callable[[], int]) -> None:
        super().__init__()
        self._transaction_version = transaction_version
        self._by_id: dict[str, TransactionAppend] = {}

    def of(self, transactional_id: str) -> TransactionAppend | None:
        """The append that an id waits for."""
        return self._by_id.get(transactional_id)

    def end(self, token: int) -> TransactionAppend:
        append = super().end(token)
        for transaction in append.transactions:
            del self._by_id[transaction.transactional_id]
        return append

    def begin(self, transaction: Transaction, metadata: TransactionMetadata, purpose: Purpose, event: Event) -> None:
        """Have what is to be true of an id written; until then it is pending."""
        transaction.pending = metadata.state
        self._persist((transaction,), (Record(transaction.transactional_id, metadata),), purpose, event)

    def begin_tombstones(self, transactions: tuple[Transaction, ...], event: Event) -> None:
        """Have ids deleted, all or none; they are pending already."""
        records = tuple([Record(each.transactional_id, None) for each in transactions])
        self._persist(transactions, records, Expiration(), event)

    def _persist(
        self, transactions: tuple[Transaction, ...], records: tuple[Record, ...], purpose: Purpose, event: Event
    ) -> None:
        append = TransactionAppend(transactions, records, purpose)
        token = self._add(append)
        for transaction in transactions:
            assert transaction.transactional_id not in self._by_id, "one thing at a time is under way with an id"
            self._by_id[transaction.transactional_id] = append
        version = self._transaction_version()
        event.persist(token, tuple([encode_entry(record, version) for record in records]))
