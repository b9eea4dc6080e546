"""What a transactional producer raises: each error is in the category of what its message tells to do (KIP-1050)."""

from __future__ import annotations

import pytest
from clients.targets import Target

from actors.clients.errors import CommitFailed
from actors.clients.producer.transactions.reasons import fatal, must_abort
from kstore import KafkaTimeout, NoBrokersAvailable, errors
from kstore.errors import ErrorCategory, KafkaError

ABORTING = "call abort_transaction()"
ANEW = "make another"
CHANGE, REPEAT = "and change what is wrong before the work is done again", "and do the work again"


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidProducerEpoch(),
        errors.MessageTooLarge(),
        errors.TransactionAbortable(),
        errors.IllegalGeneration(),
        errors.GroupIdNotFound(),
        errors.StaleMemberEpoch(),
        errors.UnknownMemberId(),
        errors.FencedInstanceId(),
        errors.GroupAuthorizationFailed(),
        errors.TopicAuthorizationFailed(),
    ],
    ids=lambda error: error.name,
)
def test_what_leaves_a_transaction_to_be_aborted_is_abortable_and_says_so(error: KafkaError) -> None:
    told = must_abort(60_000, error)
    assert told.category is ErrorCategory.ABORTABLE
    assert ABORTING in told.message
    assert type(error)().category != ErrorCategory.ABORTABLE or isinstance(error, errors.TransactionAbortable)


@pytest.mark.parametrize(
    ("error", "way_out"),
    [
        (errors.MessageTooLarge(), CHANGE),
        (errors.TopicAuthorizationFailed(), CHANGE),
        (errors.InvalidTopic(), CHANGE),
        (errors.GroupAuthorizationFailed(), CHANGE),
        (errors.TransactionAbortable(), REPEAT),
        (errors.RequestTimedOut(), REPEAT),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_work_that_fails_each_time_isn_t_to_be_done_again_as_it_is(error: KafkaError, way_out: str) -> None:
    assert must_abort(60_000, error).message.endswith(way_out)


@pytest.mark.parametrize(
    ("error", "category", "way_out"),
    [
        (errors.ProducerFenced(), ErrorCategory.APPLICATION_RECOVERABLE, ANEW),
        (errors.InvalidProducerEpoch(), ErrorCategory.APPLICATION_RECOVERABLE, ANEW),
        (errors.InvalidProducerIdMapping(), ErrorCategory.APPLICATION_RECOVERABLE, ANEW),
        (errors.InvalidTxnState(), ErrorCategory.APPLICATION_RECOVERABLE, ANEW),
        (errors.OutOfOrderSequence(), ErrorCategory.APPLICATION_RECOVERABLE, ANEW),
        (errors.InvalidTransactionTimeout(), ErrorCategory.INVALID_CONFIGURATION, "a smaller transaction_timeout_ms"),
        (errors.TransactionalIdAuthorizationFailed(), ErrorCategory.INVALID_CONFIGURATION, "have it allowed"),
        (errors.ClusterAuthorizationFailed(), ErrorCategory.INVALID_CONFIGURATION, ANEW),
        (errors.UnsupportedVersion("InitProducerId"), ErrorCategory.INVALID_CONFIGURATION, "use brokers that do"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_ends_a_producer_says_whether_another_one_or_another_configuration_helps(
    error: KafkaError, category: ErrorCategory, way_out: str
) -> None:
    told = fatal("tx", 60_000, error)
    assert (type(told), told.category) == (type(error), category)
    assert way_out in told.message


def test_a_transactional_id_with_another_producer_id_is_another_producer_s_or_forgotten() -> None:
    """A coordinator answers so also to a producer whose id was taken over as its epochs were used up."""
    told = fatal("tx", 60_000, errors.InvalidProducerIdMapping()).message
    assert "another producer has it" in told
    assert "transactional.id.expiration.ms" in told


def test_what_passes_is_retriable_also_when_no_broker_said_it() -> None:
    for kind in (KafkaTimeout, NoBrokersAvailable):
        assert (kind.category, kind.retriable) == (ErrorCategory.RETRIABLE, True)
    assert (CommitFailed.category, CommitFailed.retriable) == (None, False)


def test_a_fenced_producer_is_recoverable_and_a_refused_record_abortable(target: Target) -> None:
    topic, name = target.topic(max_message_bytes="1000"), target.fresh("tx")
    first = target.producer(transactional_id=name)
    first.init_transactions()
    first.begin_transaction()
    first.send(topic, bytes(3000))
    with pytest.raises(errors.TransactionAbortable) as refused:
        first.commit_transaction()
    assert refused.value.category == "abortable"
    first.abort_transaction()
    target.admin().fence_producers([name])
    with pytest.raises(errors.ProducerFenced) as fenced, first.transaction():
        first.send(topic, b"late")
    assert fenced.value.category == "application-recoverable"
