"""InitProducerId: a producer gets the producer id of its transactional id, in an epoch that no other producer has had.

A transaction that an earlier producer left open is aborted first, and the request has to be repeated. A request that
brings an id and an epoch (KIP-360) must bring those that were given out last: ``prepareInitProducerIdTransit`` of
Kafka.
"""

from functools import partial

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.transactions.appends import Initialization, TransactionAppends
from actors.transactions.deciding import Deciding
from actors.transactions.metadata import NO_EPOCH, NO_PRODUCER_ID, is_exhausted, new
from actors.transactions.notes import named, note_refused
from actors.transactions.producer_ids import ProducerIdSource
from actors.transactions.states import COMPLETED, ONGOING
from actors.transactions.transaction import Transaction
from actors.transactions.transactions import Transactions
from actors.transactions.transitions import initialized, rotated
from kstore.errors import ConcurrentTransactions, KafkaError, ProducerFenced
from kstore.schema.messages.init_producer_id import InitProducerIdRequest


class Initializing:
    """Takes InitProducerId for the ids of a shard."""

    def __init__(
        self,
        transactions: Transactions,
        appends: TransactionAppends,
        producer_ids: ProducerIdSource,
        deciding: Deciding,
    ) -> None:
        self._transactions = transactions
        self._appends = appends
        self._producer_ids = producer_ids
        self._deciding = deciding

    def initialize(
        self, request: InitProducerIdRequest, caller: Caller, event: Event, new_producer_id: int = NO_PRODUCER_ID
    ) -> None:
        """The request's timeout and its transactional id have been checked."""
        name = request.transactional_id
        assert name, "it has a transactional id"
        transaction = self._transactions.get(name)
        if transaction is None and new_producer_id != NO_PRODUCER_ID:
            transaction = Transaction(name, new(new_producer_id, request.transaction_timeout_ms, event.now_ms))
            self._transactions.admit(transaction)
        try:
            is_begun = transaction is not None and self._begin(transaction, request, caller, event, new_producer_id)
        except KafkaError as error:
            note_refused(event, request, name, caller, error)
            event.refuse(caller.reply, error)
            return
        if not is_begun:
            self._producer_ids.take(event, partial(self._with_new_id, request, caller), caller)

    def _with_new_id(self, request: InitProducerIdRequest, caller: Caller, producer_id: int, event: Event) -> None:
        self.initialize(request, caller, event, producer_id)

    def _begin(
        self,
        transaction: Transaction,
        request: InitProducerIdRequest,
        caller: Caller,
        event: Event,
        new_producer_id: int,
    ) -> bool:
        """Whether it could be done without a new producer id, or with the one that is given."""
        transaction.check_free()
        _check_expected(transaction, request)
        now, timeout_ms = transaction.metadata, request.transaction_timeout_ms
        if now.state in COMPLETED:
            raise ConcurrentTransactions()
        if now.state is ONGOING:
            self._deciding.fence(transaction, f"abort: fenced by InitProducerId of {named(caller)}", caller, event)
            return True
        expected_epoch = request.producer_epoch if request.producer_epoch != NO_EPOCH else None
        if now.is_exhausted and expected_epoch in (None, now.epoch):
            if new_producer_id == NO_PRODUCER_ID:
                return False
            then = rotated(now, new_producer_id, expected_epoch is not None, timeout_ms, event.now_ms)
        else:
            then = initialized(now, expected_epoch, timeout_ms, event.now_ms)
        self._appends.begin(transaction, then, Initialization(caller), event)
        return True


def _check_expected(transaction: Transaction, request: InitProducerIdRequest) -> None:
    """Raise ProducerFenced for a producer whose id isn't this one's any more.

    One that brings the former id may repeat the request that used up its epochs, whose answer was lost; and any may
    when nothing is known of the transactional id, which has expired meanwhile.
    """
    now = transaction.metadata
    if (
        request.producer_id not in (NO_PRODUCER_ID, now.producer_id)
        and now.epoch != NO_EPOCH
        and not (request.producer_id == now.previous_producer_id and is_exhausted(request.producer_epoch))
    ):
        raise ProducerFenced()
