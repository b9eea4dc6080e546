"""Decides an EndTxn request, in both protocols, as ``endTransaction`` of Kafka's ``TransactionCoordinator``.

In the first protocol a producer keeps its epoch, so a request of an older epoch is of a producer that was fenced, and a
request that is repeated can't be told from a new one. In the second (KIP-890) each transaction ends with a new epoch: a
request in the epoch before the present one repeats what was decided, and one in the present epoch ends what was begun
since. A producer that doesn't know whether its transaction was begun may abort it then, whatever there is.
"""

from enum import Enum

from actors.transactions.metadata import EPOCH_MAX, TransactionMetadata
from actors.transactions.states import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    EMPTY,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    TransactionState,
)
from actors.transactions.transaction import Transaction
from actors.transactions.transitions import SECOND_PROTOCOL
from kstore.errors import (
    ConcurrentTransactions,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    ProducerFenced,
)
from kstore.schema.messages.end_txn import EndTxnRequest


class Verdict(Enum):
    """What EndTxn comes to."""

    DECIDE = "append the decision"
    DONE = "it was decided so, and it is over"
    BUSY = "it was decided so, and it is being completed"
    INVALID = "it can't be decided so"


DECIDE, DONE, BUSY, INVALID = Verdict.DECIDE, Verdict.DONE, Verdict.BUSY, Verdict.INVALID
COMMIT, ABORT = True, False
RETRY, CURRENT = True, False

FIRST: dict[tuple[TransactionState, bool], Verdict] = {
    (EMPTY, COMMIT): INVALID,
    (EMPTY, ABORT): INVALID,
    (ONGOING, COMMIT): DECIDE,
    (ONGOING, ABORT): DECIDE,
    (PREPARE_COMMIT, COMMIT): BUSY,
    (PREPARE_COMMIT, ABORT): INVALID,
    (PREPARE_ABORT, COMMIT): INVALID,
    (PREPARE_ABORT, ABORT): BUSY,
    (COMPLETE_COMMIT, COMMIT): DONE,
    (COMPLETE_COMMIT, ABORT): INVALID,
    (COMPLETE_ABORT, COMMIT): INVALID,
    (COMPLETE_ABORT, ABORT): DONE,
}
"""By the first protocol: from a state, whether it is a commit."""

SECOND: dict[tuple[TransactionState, bool, bool], Verdict] = {
    (EMPTY, COMMIT, CURRENT): INVALID,
    (EMPTY, ABORT, CURRENT): DECIDE,
    (ONGOING, COMMIT, CURRENT): DECIDE,
    (ONGOING, ABORT, CURRENT): DECIDE,
    (PREPARE_COMMIT, COMMIT, RETRY): BUSY,
    (PREPARE_COMMIT, ABORT, RETRY): INVALID,
    (PREPARE_ABORT, COMMIT, RETRY): INVALID,
    (PREPARE_ABORT, ABORT, RETRY): BUSY,
    (COMPLETE_COMMIT, COMMIT, RETRY): DONE,
    (COMPLETE_COMMIT, COMMIT, CURRENT): INVALID,
    (COMPLETE_COMMIT, ABORT, RETRY): INVALID,
    (COMPLETE_COMMIT, ABORT, CURRENT): DECIDE,
    (COMPLETE_ABORT, COMMIT, RETRY): INVALID,
    (COMPLETE_ABORT, COMMIT, CURRENT): INVALID,
    (COMPLETE_ABORT, ABORT, RETRY): DONE,
    (COMPLETE_ABORT, ABORT, CURRENT): DECIDE,
}
"""By the second protocol: also whether it is in the epoch before the present one. What isn't here is a fenced epoch."""

ERRORS: dict[Verdict, type[KafkaError]] = {BUSY: ConcurrentTransactions, INVALID: InvalidTxnState}


def is_done(transaction: Transaction, request: EndTxnRequest, client_version: int) -> bool:
    """Whether what a producer asks for has been done already; if not, it is to be done.

    Raises:
        ConcurrentTransactions: something is under way; it is to be asked again.
        InvalidProducerIdMapping: the transactional id belongs to another producer id.
        ProducerFenced: the epoch isn't the producer's any more.
        InvalidTxnState: there is nothing to end, or it was decided otherwise.
    """
    judge = _by_second if client_version >= SECOND_PROTOCOL else _by_first
    verdict = judge(transaction, request)
    if verdict in ERRORS:
        raise ERRORS[verdict]()
    return verdict is DONE


def _by_first(transaction: Transaction, request: EndTxnRequest) -> Verdict:
    now = transaction.metadata
    if request.producer_id != now.producer_id:
        raise InvalidProducerIdMapping()
    if request.producer_epoch != now.epoch:
        raise ProducerFenced()
    transaction.check_free()
    return FIRST[now.state, request.committed]


def _by_second(transaction: Transaction, request: EndTxnRequest) -> Verdict:
    transaction.check_free()  # first: the producer may use what is pending already
    now = transaction.metadata
    overflowed = _is_repeated_over_a_new_id(now, request)
    if request.producer_id != now.producer_id and not overflowed:
        raise InvalidProducerIdMapping()
    is_retry = overflowed or request.producer_epoch + 1 == now.epoch
    if not is_retry and request.producer_epoch != now.epoch:
        raise ProducerFenced()
    verdict = SECOND.get((now.state, request.committed, is_retry))
    if verdict is None:
        raise ProducerFenced()
    return verdict


def _is_repeated_over_a_new_id(now: TransactionMetadata, request: EndTxnRequest) -> bool:
    """Whether it repeats the request with which the last epoch of the producer id was used up."""
    return (
        request.producer_id == now.previous_producer_id and request.producer_epoch == EPOCH_MAX - 1 and now.epoch == 0
    )
