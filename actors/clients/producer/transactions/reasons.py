"""What users of transactions are told when they can't go on: what has happened, and the way out. Pure."""

from __future__ import annotations

from actors.clients.errors import CommitFailed
from kstore.errors import (
    ErrorCategory,
    FencedInstanceId,
    IllegalGeneration,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTransactionTimeout,
    KafkaError,
    ProducerFenced,
    TransactionAbortable,
    TransactionalIdAuthorizationFailed,
    UnknownMemberId,
    UnsupportedVersion,
)

ANEW = "close this producer, make another one and call its init_transactions()"


def none_open(name: str) -> ValueError:
    """What a call is told that needs an open transaction."""
    return ValueError(f"{name}() needs an open transaction: call begin_transaction() first")


def must_abort(error: KafkaError) -> KafkaError:
    """Why a transaction can't be committed."""
    return _sorted(_must_abort(error), ErrorCategory.ABORTABLE)


def fatal(transactional_id: str, timeout_ms: int, error: KafkaError) -> KafkaError:
    """Why a producer can't be used any more."""
    told = _fatal(transactional_id, timeout_ms, error)
    return told if told is error else _sorted(told, told.category or ErrorCategory.APPLICATION_RECOVERABLE)


def _sorted(error: KafkaError, category: ErrorCategory) -> KafkaError:
    """The error in the category of what it tells to do, which can be another one than that of its class."""
    error.category = category
    return error


def _must_abort(error: KafkaError) -> KafkaError:
    if isinstance(error, InvalidProducerEpoch):
        return InvalidProducerEpoch(
            "the transaction is over for brokers: it took longer than transaction_timeout_ms, or another producer has"
            " its transactional id: call abort_transaction(), which tells which of the two, and do its work again"
        )
    if isinstance(error, (FencedInstanceId, IllegalGeneration, UnknownMemberId)):
        return CommitFailed(
            f"the consumer's group has moved on without it ({error.name}): call abort_transaction() and poll(); others"
            " read what the transaction has read"
        )
    return TransactionAbortable(
        f"the transaction can't be committed ({error.name}: {error.message}): call abort_transaction(), and do its work"
        " again"
    )


def _fatal(transactional_id: str, timeout_ms: int, error: KafkaError) -> KafkaError:
    kind = type(error)
    if isinstance(error, ProducerFenced):
        return kind(
            f"another producer has transactional id {transactional_id!r}, and what this one had open is aborted: close"
            " this one; if it is the one that should go on, make another and call its init_transactions()"
        )
    if isinstance(error, InvalidProducerIdMapping):
        return kind(
            f"brokers don't know transactional id {transactional_id!r} any more; they forget one that isn't used for"
            f" transactional.id.expiration.ms: {ANEW}"
        )
    if isinstance(error, InvalidTransactionTimeout):
        told = kind(
            f"transaction_timeout_ms ({timeout_ms}) is more than the brokers' transaction.max.timeout.ms: {ANEW}, with"
            " a lesser one"
        )
        return _sorted(told, ErrorCategory.INVALID_CONFIGURATION)
    if isinstance(error, TransactionalIdAuthorizationFailed):
        return kind(f"transactional id {transactional_id!r} isn't allowed: have it allowed, then {ANEW}")
    if isinstance(error, UnsupportedVersion):
        return kind(f"the brokers don't serve transactions ({error.message}): use brokers that do")
    said = error.message.rstrip(".")
    return kind(f"transactions of {transactional_id!r} can't go on ({said}): {ANEW}") if kind.code >= 0 else error
