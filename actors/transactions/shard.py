"""A partition of ``__transaction_state`` as a shard: its transactional ids, what producers ask, what time and the log
do.

It decides as Apache Kafka's ``TransactionCoordinator`` does. What is true of an id is what its last committed record
says; a record that is on its way makes the id busy (``Transaction.pending``), and what the append is for is kept with
it as data (``appends.py``). In two things memory is ahead of the log, as in Kafka: partitions that have their markers
are left out of what is told, and by the first protocol a producer is fenced before the abort that fences it is written.
"""

from collections.abc import Callable, Hashable, Sequence

from actors.coordinator.effects import Effect
from actors.coordinator.event import Event
from actors.coordinator.shard import Caller, Handler
from actors.coordinator.storage_errors import as_coordinator_error
from actors.transactions.adding import Adding, added_response
from actors.transactions.appends import (
    Addition,
    Completion,
    Expiration,
    Initialization,
    TransactionAppend,
    TransactionAppends,
    TransactionDecision,
)
from actors.transactions.completing import Completing
from actors.transactions.deciding import Deciding
from actors.transactions.expiring import Expiring
from actors.transactions.initializing import Initializing
from actors.transactions.metadata import TransactionMetadata
from actors.transactions.notes import label, named, note, time_limit
from actors.transactions.producer_ids import ProducerIdSource
from actors.transactions.records import decode_entry
from actors.transactions.reports import describe, listed
from actors.transactions.settings import TransactionSettings
from actors.transactions.states import AT_REST, COMPLETED, PREPARE_COMMIT
from actors.transactions.timers import EXPIRY, EXPIRY_GOES_ON, TIMEOUTS, WAITING, TransactionTimer
from actors.transactions.transactions import Transactions
from actors.transactions.transitions import completed
from kstore import checked, errors
from kstore.errors import NONE, KafkaError
from kstore.schema.messages.add_partitions_to_txn import AddPartitionsToTxnRequest
from kstore.schema.messages.describe_transactions import DescribeTransactionsRequest, DescribeTransactionsResponse
from kstore.schema.messages.end_txn import EndTxnRequest, EndTxnResponse
from kstore.schema.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from kstore.schema.messages.list_transactions import ListTransactionsRequest, ListTransactionsResponse
from kstore.schema.struct import Message

APPEND_TIMEOUT_MS = 30_000
"""As long as Kafka's clients wait for an answer by default."""


class TransactionShard:
    """``leader_epoch`` is that of the partition, which markers bear; ``transaction_version`` gives the level that the
    cluster has agreed on, ``marker_sender`` the actor that brings markers to partitions.
    """

    name = "transactions"
    append_timeout_ms = APPEND_TIMEOUT_MS

    def __init__(
        self,
        settings: TransactionSettings,
        leader_epoch: int,
        *,
        transaction_version: Callable[[], int],
        producer_ids: ProducerIdSource,
        marker_sender: Callable[[], object],
    ) -> None:
        self.transactions = Transactions()
        self._settings = settings
        self._appends = TransactionAppends(transaction_version)
        self._adding = Adding(self.transactions, self._appends, settings.add_partitions_to_txn_retry_backoff_max_ms)
        self._completing = Completing(self._appends, marker_sender, leader_epoch)
        self._deciding = Deciding(self.transactions, self._appends, producer_ids, settings, transaction_version)
        self._initializing = Initializing(self.transactions, self._appends, producer_ids, self._deciding)
        self._expiring = Expiring(self.transactions, self._appends, settings)
        self._handlers: dict[type[Message], Handler] = {
            InitProducerIdRequest: self._initializing.initialize,
            AddPartitionsToTxnRequest: self._adding.add,
            EndTxnRequest: self._deciding.end,
            DescribeTransactionsRequest: self._describe,
            ListTransactionsRequest: self._list,
        }

    def __len__(self) -> int:
        return len(self.transactions)

    def submit(self, request: Message, caller: Caller, now_ms: int) -> list[Effect]:
        event = Event(now_ms)
        self._handlers[type(request)](request, caller, event)
        return self._done(event)

    def _describe(self, request: DescribeTransactionsRequest, caller: Caller, event: Event) -> None:
        states = [describe(each, self.transactions.get(each)) for each in request.transactional_ids]
        event.respond(caller.reply, DescribeTransactionsResponse(transaction_states=states))

    def _list(self, request: ListTransactionsRequest, caller: Caller, event: Event) -> None:
        states = listed(self.transactions.values(), request, event.now_ms)
        event.respond(caller.reply, ListTransactionsResponse(transaction_states=states))

    def _done(self, event: Event) -> list[Effect]:
        if checked.on:
            self.check()
        return event.effects

    def replay(self, key: bytes, value: bytes | None, now_ms: int) -> None:
        record = decode_entry(key, value)
        if record is not None:
            self.transactions.apply(record)

    def replay_in_transaction(self, producer_id: int, key: bytes, value: bytes | None, now_ms: int) -> None:
        """Only coordinators write here, and never in a transaction; Kafka takes such a record as any other."""
        self.replay(key, value, now_ms)

    def transaction_ended(
        self, producer_id: int, producer_epoch: int, now_ms: int, *, is_committed: bool
    ) -> list[Effect]:
        """A marker says nothing here."""
        return []

    def persisted(self, token: int, error: KafkaError | None, now_ms: int) -> list[Effect]:
        """The records of ``Persist(token)`` are committed, or (with an error) may never be."""
        event = Event(now_ms)
        append = self._appends.end(token)
        if error is None:
            if isinstance(append.purpose, Completion | Expiration):
                self._note_over(append, event)
            for record in append.records:
                self.transactions.apply(record)
            self._committed(append, event)
        else:
            self._refused(append, as_coordinator_error(error), event)
        return self._done(event)

    def _committed(self, append: TransactionAppend, event: Event) -> None:
        """Go on from records that have been applied; who waits is answered."""
        transaction = append.transactions[0]
        name, now = transaction.transactional_id, transaction.metadata
        match append.purpose:
            case Initialization(caller):
                note(event, "ProducerInitialized", name, now, named(caller))
                self._answer(
                    append, InitProducerIdResponse(producer_id=now.producer_id, producer_epoch=now.epoch), event
                )
                self._expiring.watch(event)
            case Addition(added, is_first):
                if is_first:
                    note(event, "TransactionBegun", name, now, f"{named(added[0][0])}; {self._time_limit(now)}")
                for partition in sorted({partition for _, partitions in added for partition in partitions}):
                    note(event, "TransactionPartitionAdded", name, now, label(partition))
                if append.take_callers():
                    for caller, partitions in added:
                        event.respond(caller.reply, added_response(name, dict.fromkeys(partitions, NONE)))
                self._adding.go_on(name, event)
                self._deciding.watch(event)
            case TransactionDecision(because, ended_by):
                note(event, "TransactionDecided", name, now, because)
                self._completing.begin(transaction, event)
                if ended_by is None:
                    self._refuse(append, errors.ConcurrentTransactions(), event)
                else:
                    then = completed(now, event.now_ms)  # with the last epoch of a producer id: the next id
                    answer = EndTxnResponse(producer_id=then.producer_id, producer_epoch=then.epoch)
                    self._answer(append, answer, event)
            case Completion():
                self._adding.go_on(name, event)
            case Expiration():
                pass

    def _time_limit(self, now: TransactionMetadata) -> str:
        return time_limit(now, self._settings.transaction_abort_timed_out_transaction_cleanup_interval_ms)

    def _note_over(self, append: TransactionAppend, event: Event) -> None:
        """Ids as they were until now: they have their next producer's, or are gone."""
        for transaction in append.transactions:
            name, now = transaction.transactional_id, transaction.metadata
            if isinstance(append.purpose, Completion):
                note(
                    event, "TransactionCompleted", name, now, "committed" if now.state is PREPARE_COMMIT else "aborted"
                )
            else:
                note(event, "TransactionalIdExpired", name, now, now.state.value)

    def _refused(self, append: TransactionAppend, error: KafkaError, event: Event) -> None:
        """The records will never be in the log: nothing is under way, but for what is tried again."""
        for transaction in append.transactions:
            if isinstance(append.purpose, Completion):
                if not isinstance(error, errors.NotCoordinator):
                    self._completing.refused(transaction, event)
                continue
            transaction.pending = None
            if isinstance(append.purpose, TransactionDecision) and append.purpose.is_ahead:
                transaction.has_failed_fence = True
            if not transaction.is_written:
                self.transactions.forget(transaction.transactional_id)
        self._refuse(append, error, event)
        if isinstance(append.purpose, Addition):
            self._adding.go_on(append.transactions[0].transactional_id, event)

    def _answer(self, append: TransactionAppend, response: Message, event: Event) -> None:
        for caller in append.take_callers():
            event.respond(caller.reply, response)

    def _refuse(self, append: TransactionAppend, error: KafkaError, event: Event) -> None:
        for caller in append.take_callers():
            event.refuse(caller.reply, error)

    def overdue(self, token: int, now_ms: int) -> list[Effect]:
        """Those who wait are told; the ids stay busy until it is known what the log makes of the append."""
        event = Event(now_ms)
        self._refuse(self._appends.get(token), as_coordinator_error(errors.RequestTimedOut()), event)
        return self._done(event)

    def loaded(self, now_ms: int) -> list[Effect]:
        """Complete transactions that were decided on. It isn't known which markers are written, so all are sent."""
        event = Event(now_ms)
        for transaction in self.transactions.values():
            now = transaction.metadata
            if now.state not in AT_REST:
                since_ms = now_ms - now.started_at_ms
                because = f"{now.state.value}, begun {since_ms} ms before; {self._time_limit(now)}"
                note(event, "TransactionFound", transaction.transactional_id, now, because)
            if now.state in COMPLETED:
                self._completing.begin(transaction, event)
        self._deciding.watch(event)
        if len(self.transactions):
            self._expiring.watch(event)
        return self._done(event)

    def timer_fired(self, key: Hashable, now_ms: int) -> list[Effect]:
        event = Event(now_ms)
        assert isinstance(key, TransactionTimer)
        if key == TIMEOUTS:
            self._deciding.look(event)
        elif key == EXPIRY:
            self._expiring.look(event)
        elif key == EXPIRY_GOES_ON:
            self._expiring.go_on(event)
        elif key.kind == WAITING:
            self._adding.timer_fired(key.transactional_id, event)
        else:
            self._completing.timer_fired(key, self.transactions[key.transactional_id], event)
        return self._done(event)

    def topics_deleted(self, topics: Sequence[str], now_ms: int) -> list[Effect]:
        """Do nothing: deleted partitions stay in their transactions, whose end then finds that they are gone."""
        return []

    def unloaded(self, now_ms: int) -> list[Effect]:
        event = Event(now_ms)
        for append in self._appends.all():
            self._refuse(append, errors.NotCoordinator(), event)
        self._adding.unloaded(event)
        self.discard()
        return event.effects

    def discard(self) -> None:
        """Markers that wait aren't sent by this coordinator any more."""
        self._completing.cancellation.is_requested = True

    def check(self) -> None:
        """Assert what its parts promise."""
        self.transactions.check()
        self._adding.check()
