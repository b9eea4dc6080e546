"""The messages of errors for users of transactions: what has happened, and what to do. Pure."""

from __future__ import annotations

from actors.clients.errors import CommitFailed
from kstore.errors import (
    ErrorCategory,
    FencedInstanceId,
    GroupIdNotFound,
    IllegalGeneration,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTransactionTimeout,
    InvalidTxnState,
    KafkaError,
    MessageTooLarge,
    ProducerFenced,
    RecordListTooLarge,
    StaleMemberEpoch,
    TransactionAbortable,
    TransactionalIdAuthorizationFailed,
    UnknownMemberId,
    UnsupportedVersion,
)

ANEW = "close this producer, make another one and call its init_transactions()"


ABORT = "call abort_transaction(), which a with block has done already"


def none_open(name: str, *, is_initialized: bool) -> ValueError:
    """What a call is told that needs an open transaction."""
    first = (
        "call begin_transaction() first"
        if is_initialized
        else "a transactional producer begins with init_transactions()"
    )
    return ValueError(f"{name}() needs an open transaction: {first}")


def ended_inside() -> ValueError:
    """What a ``with`` block is told whose transaction the program has ended itself."""
    return ValueError(
        "the transaction of this with block was ended inside it: leave the commit or the abort to the block"
    )


def must_abort(timeout_ms: int, error: KafkaError) -> KafkaError:
    """Why a transaction can't be committed."""
    return _sorted(_must_abort(timeout_ms, error), ErrorCategory.ABORTABLE)


def fatal(transactional_id: str, timeout_ms: int, error: KafkaError) -> KafkaError:
    """Why a producer can't be used any more."""
    told = _fatal(transactional_id, timeout_ms, error)
    return told if told is error else _sorted(told, told.category or ErrorCategory.APPLICATION_RECOVERABLE)


def _sorted(error: KafkaError, category: ErrorCategory) -> KafkaError:
    """The error in the category of what it tells to do, which can be another one than that of its class."""
    error.category = category
    return error


def _must_abort(timeout_ms: int, error: KafkaError) -> KafkaError:
    if isinstance(error, InvalidProducerEpoch):
        return InvalidProducerEpoch(
            f"brokers have ended the transaction: it took longer than transaction_timeout_ms ({timeout_ms}), or another"
            f" producer has its transactional id: {ABORT}. If that succeeds, do the work again; if not, another has it"
        )
    if isinstance(error, (FencedInstanceId, GroupIdNotFound, IllegalGeneration, StaleMemberEpoch, UnknownMemberId)):
        return CommitFailed(
            f"the consumer's group has moved on without it ({error.name}): {ABORT}, and poll(). The records of this"
            " transaction are read again, here or by another member"
        )
    lasts = error.category is ErrorCategory.INVALID_CONFIGURATION or isinstance(
        error, (MessageTooLarge, RecordListTooLarge)
    )
    then = "change what is wrong before the work is done again" if lasts else "do the work again"
    return TransactionAbortable(
        f"the transaction can't be committed ({error.name}: {error.message.rstrip('.')}): {ABORT}, and {then}"
    )


def _fatal(transactional_id: str, timeout_ms: int, error: KafkaError) -> KafkaError:
    kind = type(error)
    if isinstance(error, ProducerFenced):
        return kind(
            f"another producer has transactional id {transactional_id!r}, or the transaction took longer than"
            f" transaction_timeout_ms ({timeout_ms}); what was open is aborted: close this producer. To go on with the"
            " id, make another one and call its init_transactions()"
        )
    if isinstance(error, InvalidTxnState):
        return kind(
            f"brokers have aborted the transaction: it took longer than transaction_timeout_ms ({timeout_ms}), or"
            f" another producer has transactional id {transactional_id!r}: {ANEW}, and do the work again"
        )
    if isinstance(error, InvalidProducerIdMapping):
        return kind(
            f"transactional id {transactional_id!r} isn't this producer's any more: another producer has it, or brokers"
            f" have forgotten it, as it wasn't used for transactional.id.expiration.ms: {ANEW}"
        )
    if isinstance(error, InvalidTransactionTimeout):
        told = kind(
            f"transaction_timeout_ms ({timeout_ms}) is more than the brokers' transaction.max.timeout.ms: close"
            " this producer, and make another one with a smaller transaction_timeout_ms"
        )
        return _sorted(told, ErrorCategory.INVALID_CONFIGURATION)
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return kind(f"transactional id {transactional_id!r} isn't allowed: have it allowed, then {ANEW}")
    if isinstance(error, UnsupportedVersion):
        return kind(f"the brokers don't serve transactions ({error.message}): use brokers that do")
    said = error.message.rstrip(".")
    return kind(f"transactions of {transactional_id!r} can't go on ({said}): {ANEW}") if kind.code >= 0 else error
