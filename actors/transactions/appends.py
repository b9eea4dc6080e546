"""The appends under way: what each one writes, and what is to be done when its outcome is known. All of it is data."""

from collections.abc import Callable
from typing import TypeAlias

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.coordinator.under_way import UnderWay
from actors.transactions.metadata import TransactionMetadata
from actors.transactions.records import TransactionRecord, encode_entry
from actors.transactions.transaction import Transaction
from kstore.log.names import TopicAndPartition
from kstore.named import NamedTuple


class Initialization(NamedTuple):
    """A producer has an id and an epoch."""

    caller: Caller


class Addition(NamedTuple):
    """Partitions are in the transaction, each caller's; ``is_first``: it begins with them."""

    partitions: tuple[tuple[Caller, frozenset[TopicAndPartition]], ...]
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

    def __init__(
        self, transactions: tuple[Transaction, ...], records: tuple[TransactionRecord, ...], purpose: Purpose
    ) -> None:
        self.transactions = transactions
        self.records = records
        self.purpose = purpose
        self.is_answered = False

    def take_callers(self) -> tuple[Caller, ...]:
        """Those who are to be answered now; none if an answer has been given."""
        callers: tuple[Caller, ...] = ()
        match self.purpose:
            case Initialization(caller):
                callers = (caller,)
            case Addition(partitions):
                callers = tuple([caller for caller, _ in partitions])
            case TransactionDecision(_, ended_by, fenced_by):
                callers = tuple([each for each in (ended_by, fenced_by) if each is not None])
        if self.is_answered:
            return ()
        self.is_answered = True
        return callers


class TransactionAppends(UnderWay[TransactionAppend]):
    """Those of one shard."""

    def __init__(self, transaction_version: Callable[[], int]) -> None:
        super().__init__()
        self._transaction_version = transaction_version

    def begin(self, transaction: Transaction, metadata: TransactionMetadata, purpose: Purpose, event: Event) -> None:
        """Have what is to be true of an id written; until then it is pending."""
        transaction.pending = metadata.state
        self._persist((transaction,), (TransactionRecord(transaction.transactional_id, metadata),), purpose, event)

    def begin_tombstones(self, transactions: tuple[Transaction, ...], event: Event) -> None:
        """Have ids deleted, all or none; they are pending already."""
        records = tuple([TransactionRecord(each.transactional_id, None) for each in transactions])
        self._persist(transactions, records, Expiration(), event)

    def _persist(
        self,
        transactions: tuple[Transaction, ...],
        records: tuple[TransactionRecord, ...],
        purpose: Purpose,
        event: Event,
    ) -> None:
        token = self._add(TransactionAppend(transactions, records, purpose))
        version = self._transaction_version()
        event.persist(token, tuple([encode_entry(record, version) for record in records]))
