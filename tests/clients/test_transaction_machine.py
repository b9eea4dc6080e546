"""The machine of a transactional producer: each transition, each step, and what each error makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from actors.clients.errors import CommitFailed, TransactionAborted
from actors.clients.producer.idempotence import Identity
from actors.clients.producer.transactions.machine import TransactionMachine
from actors.clients.producer.transactions.states import (
    ABORTABLE_ERROR,
    ABORTING,
    COMMITTING,
    FATAL_ERROR,
    IN_TRANSACTION,
    INITIALIZING,
    READY,
    STATES,
    TRANSITIONS,
    UNINITIALIZED,
)
from actors.clients.producer.transactions.steps import (
    ABORT,
    AGAIN,
    ELSEWHERE,
    LOST,
    AddOffsets,
    AddPartitions,
    CommitOffsets,
    End,
    Initialize,
    Step,
    meaning,
)
from actors.clients.structs import GroupMetadata, OffsetAndMetadata, TopicPartition
from kstore import errors
from kstore.errors import KafkaError

FIRST = ("t", 0)
SECOND = ("t", 1)
GROUP = GroupMetadata("g", 3, "m")
OFFSETS = {TopicPartition("in", 0): OffsetAndMetadata(5)}
CLASSIC, LATER = 1, 2
"""Levels of transaction.version."""


def machine(level: int = LATER, state: str = READY) -> TransactionMachine:
    """In a state, with a partition in its transaction if it has one."""
    made = TransactionMachine("tx", 60_000)
    made.agreed(1, level)
    if state == UNINITIALIZED:
        return made
    made.initialize()
    if state == INITIALIZING:
        return made
    asked(made, Initialize)
    made.answered(Initialize(Identity()), Identity(7, 0))
    made.seen()
    if state == READY:
        return made
    made.begin()
    add(made, FIRST)
    if state in (COMMITTING, ABORTING):
        made.commit() if state == COMMITTING else made.abort()
    elif state == ABORTABLE_ERROR:
        made.batch_failed(errors.MessageTooLarge())
    elif state == FATAL_ERROR:
        made.batch_failed(errors.ProducerFenced())
    assert made.state == state
    return made


def asked(made: TransactionMachine, kind: type, *, incomplete: bool = False) -> Any:
    step = made.next_step(incomplete=incomplete)
    assert isinstance(step, kind), step
    return step


def add(made: TransactionMachine, *partitions: tuple[str, int]) -> None:
    for each in partitions:
        made.add(each)
    if not made.uses_second_protocol:
        made.answered(asked(made, AddPartitions))


@pytest.mark.parametrize("event", TRANSITIONS)
def test_what_happens_in_a_state_that_the_table_does_not_have_is_a_defect(event: str) -> None:
    for state in STATES:
        made = TransactionMachine("tx", 60_000)
        made.state = state
        after = TRANSITIONS[event].get(state)
        if after is None:
            with pytest.raises(AssertionError, match="never"):
                made._move(event)
        else:
            made._move(event)
            assert made.state == after


def test_one_that_was_made_asks_nothing_before_init_transactions() -> None:
    made = machine(state=UNINITIALIZED)
    assert made.next_step(incomplete=False) is None
    with pytest.raises(ValueError, match="begins with init_transactions"):
        made.begin()


def test_init_transactions_asks_for_an_id_and_makes_it_ready() -> None:
    made = machine(state=INITIALIZING)
    assert asked(made, Initialize).identity == Identity()
    made.answered(Initialize(Identity()), Identity(7, 0))
    made.seen()
    assert (made.state, made.identity) == (READY, Identity(7, 0))
    with pytest.raises(ValueError, match="called once"):
        made.initialize()


@pytest.mark.parametrize("level", [CLASSIC, LATER])
def test_begin_transaction_takes_records_and_a_second_one_has_to_wait(level: int) -> None:
    made = machine(level)
    assert not made.takes_records
    made.begin()
    assert made.takes_records
    assert made.state == IN_TRANSACTION
    with pytest.raises(ValueError, match="a transaction is open"):
        made.begin()


@pytest.mark.parametrize("call", ["commit", "abort", "refuse_record"])
def test_without_a_transaction_nothing_is_sent_committed_or_aborted(call: str) -> None:
    with pytest.raises(ValueError, match=r"call begin_transaction\(\) first"):
        getattr(machine(), call)()


def test_by_the_second_protocol_a_partition_may_be_sent_to_at_once() -> None:
    made = machine(LATER)
    made.begin()
    made.add(FIRST)
    assert made.may_send(FIRST)
    assert made.next_step(incomplete=True) is None


def test_by_the_classic_protocol_a_partition_is_added_before_it_is_sent_to() -> None:
    made = machine(CLASSIC)
    made.begin()
    made.add(FIRST)
    made.add(SECOND)
    assert not made.may_send(FIRST)
    step = asked(made, AddPartitions, incomplete=True)
    assert step.partitions == (FIRST, SECOND)
    made.answered(step)
    assert made.may_send(FIRST)
    assert made.may_send(SECOND)
    made.add(FIRST)
    assert made.next_step(incomplete=True) is None


def test_which_protocol_is_decided_between_transactions_by_the_latest_of_the_features() -> None:
    made = machine(CLASSIC)
    made.begin()
    made.agreed(2, LATER)
    made.agreed(1, CLASSIC)  # from a broker that is behind
    assert not made.uses_second_protocol
    made.commit()
    assert made.next_step(incomplete=False) is None  # nobody knows of it
    made.seen()
    made.begin()
    assert made.uses_second_protocol


@pytest.mark.parametrize("level", [CLASSIC, LATER])
@pytest.mark.parametrize("commits", [True, False])
def test_the_transaction_ends_when_nothing_that_was_sent_is_without_an_answer(level: int, commits: bool) -> None:
    made = machine(level, COMMITTING if commits else ABORTING)
    assert not made.takes_records
    assert made.next_step(incomplete=True) is None
    assert asked(made, End) == End(committed=commits)


@pytest.mark.parametrize("state", [COMMITTING, ABORTING])
def test_by_the_second_protocol_the_end_brings_the_next_epoch(state: str) -> None:
    made = machine(LATER, state)
    made.answered(asked(made, End), Identity(7, 1))
    assert (made.state, made.identity) == (READY, Identity(7, 1))
    assert not made.may_send(FIRST)


@pytest.mark.parametrize("state", [COMMITTING, ABORTING])
def test_by_the_classic_protocol_the_epoch_stays_when_nothing_went_wrong(state: str) -> None:
    made = machine(CLASSIC, state)
    made.answered(asked(made, End))
    assert (made.state, made.identity) == (READY, Identity(7, 0))


def test_by_the_classic_protocol_an_abort_after_an_error_goes_on_to_the_next_epoch() -> None:
    made = machine(CLASSIC, ABORTABLE_ERROR)
    made.abort()
    made.answered(asked(made, End))
    assert made.state == INITIALIZING
    step = asked(made, Initialize)
    assert step.identity == Identity(7, 0)
    made.answered(step, Identity(7, 1))
    made.seen()
    made.begin()
    assert made.identity == Identity(7, 1)


def test_what_no_coordinator_knows_of_ends_without_one() -> None:
    made = machine(LATER)
    made.begin()
    made.commit()
    assert made.next_step(incomplete=False) is None
    assert made.state == READY


def test_an_abort_drops_what_a_coordinator_was_not_asked_yet() -> None:
    made = machine(CLASSIC)
    made.begin()
    made.add(FIRST)
    made.abort()
    assert made.next_step(incomplete=False) is None
    assert made.state == READY


def test_by_the_second_protocol_offsets_are_committed_at_once() -> None:
    made = machine(LATER)
    made.begin()
    commit = made.commit_offsets(OFFSETS, GROUP)
    assert asked(made, CommitOffsets) is commit
    made.answered(commit)
    assert not made.offsets
    made.commit()
    assert asked(made, End).committed


def test_by_the_classic_protocol_the_group_is_added_before_its_offsets() -> None:
    made = machine(CLASSIC)
    made.begin()
    commit = made.commit_offsets(OFFSETS, GROUP)
    step = asked(made, AddOffsets)
    assert step.commit is commit
    made.answered(step)
    assert asked(made, CommitOffsets) is commit


def test_offsets_are_committed_before_the_transaction_ends() -> None:
    made = machine(LATER, IN_TRANSACTION)
    commit = made.commit_offsets(OFFSETS, GROUP)
    made.commit()
    assert asked(made, CommitOffsets) is commit


@pytest.mark.parametrize("state", [IN_TRANSACTION, COMMITTING])
def test_a_record_that_is_lost_leaves_the_transaction_to_be_aborted(state: str) -> None:
    made = machine(LATER, state)
    made.batch_failed(errors.MessageTooLarge("of 2 MB"))
    made.seen()
    assert made.state == ABORTABLE_ERROR
    assert made.is_doomed
    for call in (made.commit, made.begin, lambda: made.commit_offsets(OFFSETS, GROUP), made.refuse_record):
        with pytest.raises(errors.TransactionAbortable, match=r"of 2 MB.*call abort_transaction\(\)"):
            call()
    made.abort()
    assert made.state == ABORTING


def test_a_record_that_is_refused_leaves_the_transaction_to_be_aborted() -> None:
    made = machine(LATER, IN_TRANSACTION)
    made.record_refused(errors.MessageTooLarge())
    assert made.state == ABORTABLE_ERROR


def test_the_first_error_is_the_one_that_is_told() -> None:
    made = machine(LATER, IN_TRANSACTION)
    made.batch_failed(errors.MessageTooLarge("the first"))
    made.batch_failed(errors.OutOfOrderSequenceNumber("the second"))
    with pytest.raises(errors.TransactionAbortable, match="the first"):
        made.check()


def test_records_that_an_abort_drops_do_not_disturb_it() -> None:
    made = machine(LATER, ABORTING)
    made.batch_failed(TransactionAborted())
    assert made.state == ABORTING


def test_a_fence_is_fatal_in_every_state_and_says_what_to_do() -> None:
    for state in (IN_TRANSACTION, COMMITTING, ABORTING, ABORTABLE_ERROR):
        made = machine(LATER, state)
        made.batch_failed(errors.ProducerFenced())
        made.seen()
        assert made.state == FATAL_ERROR
        assert made.next_step(incomplete=False) is None
        for call in (made.begin, made.commit, made.abort, made.check):
            with pytest.raises(errors.ProducerFenced, match="another producer has transactional id 'tx'"):
                call()


def test_an_old_epoch_in_an_answer_to_produce_leaves_the_abort_to_tell_why() -> None:
    made = machine(LATER, IN_TRANSACTION)
    made.batch_failed(errors.InvalidProducerEpoch())
    with pytest.raises(errors.InvalidProducerEpoch, match="another has it"):
        made.commit()
    made.abort()
    assert made.refused(asked(made, End), errors.InvalidProducerEpoch()) == LOST
    with pytest.raises(errors.ProducerFenced):
        made.check()


def test_a_member_that_its_group_has_lost_is_told_to_abort_and_poll() -> None:
    made = machine(LATER)
    made.begin()
    commit = made.commit_offsets(OFFSETS, GROUP)
    assert made.refused(commit, errors.StaleMemberEpoch()) == ABORT
    assert not made.offsets
    assert not made.wants(commit)
    with pytest.raises(CommitFailed, match=r"abort_transaction\(\), .* and poll\(\)"):
        made.check()


def test_a_call_that_timed_out_can_be_made_again_and_no_other() -> None:
    made = machine(LATER, COMMITTING)
    with pytest.raises(ValueError, match=r"commit_transaction\(\) is not over: call it again before abort_trans"):
        made.abort()
    with pytest.raises(ValueError, match="commit_transaction"):
        made.begin()
    made.commit()
    made.answered(asked(made, End), Identity(7, 1))
    made.commit()  # it is over meanwhile
    made.seen()
    made.begin()
    assert made.state == IN_TRANSACTION


def test_a_timeout_that_brokers_do_not_allow_is_named() -> None:
    made = machine(state=INITIALIZING)
    assert made.refused(asked(made, Initialize), errors.InvalidTransactionTimeout()) == LOST
    with pytest.raises(errors.InvalidTransactionTimeout, match=r"transaction_timeout_ms \(60000\)"):
        made.check()


def test_an_abort_that_is_refused_for_good_ends_the_producer() -> None:
    made = machine(LATER, ABORTING)
    assert made.refused(asked(made, End), errors.TransactionAbortable()) == LOST
    assert made.state == FATAL_ERROR


def test_an_initialization_that_was_refused_as_abortable_is_made_anew_by_an_abort() -> None:
    made = machine(state=INITIALIZING)
    assert made.refused(asked(made, Initialize), errors.TransactionAbortable()) == ABORT
    made.seen()
    made.abort()
    assert made.next_step(incomplete=False) == Initialize(Identity())


STEPS: dict[str, Step] = {
    "InitProducerId": Initialize(Identity()),
    "AddPartitionsToTxn": AddPartitions((FIRST,)),
    "AddOffsetsToTxn": AddOffsets(CommitOffsets(OFFSETS, GROUP)),
    "TxnOffsetCommit": CommitOffsets(OFFSETS, GROUP),
    "EndTxn": End(committed=True),
}
ALWAYS: dict[type[KafkaError], str] = {
    errors.NotCoordinator: ELSEWHERE,
    errors.CoordinatorNotAvailable: ELSEWHERE,
    errors.NetworkException: ELSEWHERE,
    errors.CoordinatorLoadInProgress: AGAIN,
    errors.ConcurrentTransactions: AGAIN,
    errors.TransactionAbortable: ABORT,
    errors.ProducerFenced: LOST,
    errors.InvalidProducerEpoch: LOST,
    errors.InvalidProducerIdMapping: LOST,
    errors.TransactionalIdAuthorizationFailed: LOST,
}
BY_STEP: dict[str, dict[type[KafkaError], str]] = {
    "InitProducerId": {errors.ClusterAuthorizationFailed: LOST},
    "AddPartitionsToTxn": {
        errors.TopicAuthorizationFailed: ABORT,
        errors.OperationNotAttempted: ABORT,
        errors.UnknownTopicOrPartition: AGAIN,
        errors.InvalidTxnState: LOST,
    },
    "AddOffsetsToTxn": {errors.GroupAuthorizationFailed: ABORT, errors.InvalidTxnState: LOST},
    "TxnOffsetCommit": {
        errors.GroupAuthorizationFailed: ABORT,
        errors.FencedInstanceId: ABORT,
        errors.UnknownMemberId: ABORT,
        **dict.fromkeys((errors.IllegalGeneration, errors.GroupIdNotFound, errors.StaleMemberEpoch), ABORT),
        errors.RequestTimedOut: ELSEWHERE,
        errors.UnknownTopicOrPartition: AGAIN,
    },
    "EndTxn": {errors.InvalidTxnState: LOST},
}


@pytest.mark.parametrize("name", STEPS)
def test_each_error_of_a_coordinator_means_what_it_means_to_the_java_client(name: str) -> None:
    for kind, expected in {**ALWAYS, **BY_STEP[name]}.items():
        assert meaning(STEPS[name], kind()) == expected, kind
