"""Decisions: a transaction is ended by its producer, or aborted because another one fences it or its time is up."""

from collections.abc import Callable
from functools import partial

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.transactions.appends import TransactionAppends, TransactionDecision
from actors.transactions.ending import is_done
from actors.transactions.metadata import EPOCH_MAX, NO_EPOCH, NO_PRODUCER_ID, WITHOUT_TIMEOUT, TransactionMetadata
from actors.transactions.notes import named, note, note_refused
from actors.transactions.producer_ids import ProducerIdSource
from actors.transactions.settings import TransactionSettings
from actors.transactions.states import ONGOING
from actors.transactions.timers import TIMEOUTS
from actors.transactions.transaction import Transaction
from actors.transactions.transactions import Transactions
from actors.transactions.transitions import SECOND_PROTOCOL, decided
from kstore.errors import ConcurrentTransactions, InvalidProducerIdMapping, KafkaError
from kstore.schema.messages.end_txn import EndTxnRequest, EndTxnResponse

SECOND_PROTOCOL_FROM = 5
"""From this version of EndTxn on a client knows the second protocol."""


class Deciding:
    """Decides on the transactions of a shard: by request, for others, and by time."""

    def __init__(
        self,
        transactions: Transactions,
        appends: TransactionAppends,
        producer_ids: ProducerIdSource,
        settings: TransactionSettings,
        transaction_version: Callable[[], int],
    ) -> None:
        self._transactions = transactions
        self._appends = appends
        self._producer_ids = producer_ids
        self._interval_ms = settings.transaction_abort_timed_out_transaction_cleanup_interval_ms
        self._transaction_version = transaction_version
        self._is_watching = False

    def end(self, request: EndTxnRequest, caller: Caller, event: Event, next_producer_id: int = NO_PRODUCER_ID) -> None:
        """Its producer commits or aborts."""
        transaction = self._transactions.get(request.transactional_id)
        version = SECOND_PROTOCOL if caller.version >= SECOND_PROTOCOL_FROM else 0
        try:
            if transaction is None:
                raise InvalidProducerIdMapping()
            was_done = is_done(transaction, request, version)
        except KafkaError as error:
            note_refused(event, request, request.transactional_id, caller, error)
            event.refuse(caller.reply, error)
            return
        now = transaction.metadata
        if was_done:
            event.respond(caller.reply, EndTxnResponse(producer_id=now.producer_id, producer_epoch=now.epoch))
        elif version >= SECOND_PROTOCOL and now.is_exhausted and next_producer_id == NO_PRODUCER_ID:
            then = partial(self._end_with_new_id, request, caller)
            self._producer_ids.take(event, then, caller)
        else:
            what = "commit" if request.committed else "abort"
            decision = TransactionDecision(f"{what} by {named(caller)}", ended_by=caller)
            then_is = decided(now, request.committed, version, event.now_ms, next_producer_id)
            self._decide(transaction, then_is, decision, event)

    def _decide(
        self, transaction: Transaction, then_is: TransactionMetadata, decision: TransactionDecision, event: Event
    ) -> None:
        note(event, "TransactionEnding", transaction.transactional_id, transaction.metadata, decision.because)
        self._appends.begin(transaction, then_is, decision, event)

    def _end_with_new_id(self, request: EndTxnRequest, caller: Caller, producer_id: int, event: Event) -> None:
        self.end(request, caller, event, producer_id)

    def fence(
        self,
        transaction: Transaction,
        because: str,
        caller: Caller | None,
        event: Event,
        next_producer_id: int = NO_PRODUCER_ID,
    ) -> None:
        """Abort a transaction in a newer epoch, so that its producer can't go on. ``caller``, who wants the id, is told
        to come again.
        """
        version = self._transaction_version()
        now = transaction.metadata
        assert now.state is ONGOING, "there is a transaction"
        assert transaction.pending is None, "nothing is under way"
        if version < SECOND_PROTOCOL:
            raised = now.epoch if transaction.has_failed_fence else min(now.epoch + 1, EPOCH_MAX)
            now = transaction.metadata = now._replace(epoch=raised, last_epoch=NO_EPOCH)
            version = 0
        elif now.is_exhausted and next_producer_id == NO_PRODUCER_ID:
            then = partial(self._fence_with_new_id, transaction.transactional_id, because, caller)
            self._producer_ids.take(event, then, caller)
            return
        decision = TransactionDecision(because, fenced_by=caller, is_ahead=version < SECOND_PROTOCOL)
        then_is = decided(now, False, version, event.now_ms, next_producer_id)
        self._decide(transaction, then_is, decision, event)

    def _fence_with_new_id(
        self, transactional_id: str, because: str, caller: Caller | None, producer_id: int, event: Event
    ) -> None:
        transaction = self._transactions.get(transactional_id)
        if transaction is not None and transaction.metadata.state is ONGOING and transaction.pending is None:
            self.fence(transaction, because, caller, event, producer_id)
        elif caller is not None:  # it was ended meanwhile
            event.refuse(caller.reply, ConcurrentTransactions())

    def watch(self, event: Event) -> None:
        """Set the timer that looks at transactions, as there are some."""
        if not self._is_watching and self._transactions.ongoing:
            self._is_watching = True
            event.set_timer(TIMEOUTS, self._interval_ms)

    def look(self, event: Event) -> None:
        """Abort the transactions that have taken longer than their producers allow."""
        for name in list(self._transactions.ongoing):
            transaction = self._transactions[name]
            now = transaction.metadata
            if (
                transaction.pending is None
                and now.timeout_ms != WITHOUT_TIMEOUT
                and now.started_at_ms + now.timeout_ms < event.now_ms
            ):
                self.fence(transaction, f"abort: timed out after {now.timeout_ms} ms", None, event)
        self._is_watching = False
        self.watch(event)
