"""Each state of a transactional id, and each move between them, as Apache Kafka has them."""

import pytest
from transactions.machine import FIRST_ID, LEADER_EPOCH, TIMEOUT_MS, Machine

from actors.transactions.states import (
    COMPLETE_ABORT,
    COMPLETE_COMMIT,
    DEAD,
    EMPTY,
    ONGOING,
    PREPARE_ABORT,
    PREPARE_COMMIT,
    PREPARE_EPOCH_FENCE,
    PREVIOUS_STATES,
    TransactionState,
)
from kstore.errors import (
    ConcurrentTransactions,
    CoordinatorNotAvailable,
    InvalidProducerIdMapping,
    InvalidTxnState,
    NotEnoughReplicas,
    ProducerFenced,
    TransactionAbortable,
)

A, B = ("a", 0), ("b", 1)
FIRST, SECOND = 3, 5
"""Versions of EndTxn, by which a client speaks the first protocol or the second."""


@pytest.fixture(params=[FIRST, SECOND], ids=["the first protocol", "the second"])
def version(request) -> int:
    number: int = request.param
    return number


def in_state(state: TransactionState, *, version: int = SECOND) -> tuple[Machine, tuple[int, int]]:
    """A machine with an id in this state, and the producer as it knows itself."""
    machine = Machine(version=2 if version == SECOND else 0)
    producer = machine.init()
    if state is EMPTY:
        return machine, producer
    machine.add(producer, A)
    if state is ONGOING:
        return machine, producer
    ended = machine.end(producer, commit=state in (PREPARE_COMMIT, COMPLETE_COMMIT), version=version)
    producer = ended if version == SECOND else producer
    if state in (COMPLETE_COMMIT, COMPLETE_ABORT):
        machine.mark_all()
    assert machine.now().metadata.state is state
    return machine, producer


def test_a_new_id_is_empty_and_its_producer_has_the_first_epoch() -> None:
    machine = Machine()
    assert machine.init() == (FIRST_ID, 0)
    assert machine.state() == "Empty"
    assert machine.now().metadata.timeout_ms == TIMEOUT_MS


def test_another_producer_of_the_id_gets_the_next_epoch() -> None:
    machine = Machine()
    machine.init()
    assert machine.init() == (FIRST_ID, 1)
    assert machine.init("other") == (FIRST_ID + 1, 0)


@pytest.mark.parametrize("state", [EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT])
def test_the_first_partition_makes_an_id_at_rest_ongoing(state: TransactionState) -> None:
    machine, producer = in_state(state)
    machine.pass_ms(5)
    assert machine.add(producer, A) == {A: 0}
    assert machine.state() == "Ongoing"
    assert machine.now().metadata.started_at_ms == machine.now_ms


def test_further_partitions_join_an_ongoing_transaction_which_began_with_the_first() -> None:
    machine, producer = in_state(ONGOING)
    began = machine.now().metadata.started_at_ms
    machine.pass_ms(5)
    assert machine.add(producer, A, B) == {A: 0, B: 0}
    assert machine.now().metadata.partitions == {A, B}
    assert machine.now().metadata.started_at_ms == began


def test_a_partition_that_has_joined_already_needs_no_record() -> None:
    machine, producer = in_state(ONGOING)
    written = len(machine.log)
    assert machine.add(producer, A) == {A: 0}
    assert len(machine.log) == written


def test_a_commit_is_prepared_then_marked_then_complete(version: int) -> None:
    machine, producer = in_state(ONGOING, version=version)
    machine.add(producer, B)
    assert machine.end(producer, commit=True, version=version) is not None
    assert machine.state() == "PrepareCommit"
    assert [(partition, marker.is_commit) for partition, marker in machine.waiting_markers()] == [(A, True), (B, True)]
    machine.mark()
    assert machine.state() == "PrepareCommit"
    assert machine.now().partitions == {B}
    machine.mark()
    assert machine.state() == "CompleteCommit"
    assert machine.now().metadata.partitions == frozenset()
    assert machine.kinds_noted()[-4:] == [
        "TransactionDecided",
        "TransactionMarked",
        "TransactionMarked",
        "TransactionCompleted",
    ]


def test_an_abort_is_prepared_then_marked_then_complete(version: int) -> None:
    machine, producer = in_state(ONGOING, version=version)
    machine.end(producer, commit=False, version=version)
    assert machine.state() == "PrepareAbort"
    marker = machine.mark()
    assert (marker.is_commit, marker.coordinator_epoch) == (False, LEADER_EPOCH)
    assert machine.state() == "CompleteAbort"


def test_a_producer_is_answered_when_the_decision_is_in_the_log_not_before() -> None:
    machine, producer = in_state(ONGOING)
    machine.is_held = True
    assert machine.end(producer, commit=True) is None
    assert not machine.markers
    machine.commit()
    assert machine.answer().producer_epoch == 1
    assert machine.markers


def test_by_the_second_protocol_each_transaction_ends_with_a_new_epoch_which_its_markers_bear() -> None:
    machine, producer = in_state(ONGOING)
    assert machine.end(producer, commit=True) == (FIRST_ID, 1)
    marker = machine.mark()
    assert (marker.epoch, marker.transaction_version) == (1, 2)
    assert machine.add((FIRST_ID, 1), A) == {A: 0}
    assert machine.end((FIRST_ID, 1), commit=False) == (FIRST_ID, 2)


def test_by_the_first_protocol_the_epoch_stays() -> None:
    machine, producer = in_state(ONGOING, version=FIRST)
    machine.end(producer, commit=True, version=FIRST)
    marker = machine.mark()
    assert (marker.epoch, marker.transaction_version) == (0, 0)
    assert machine.now().metadata.epoch == 0


ANSWERS_OF_THE_FIRST = {
    (EMPTY, "commit"): InvalidTxnState,
    (EMPTY, "abort"): InvalidTxnState,
    (PREPARE_COMMIT, "commit"): ConcurrentTransactions,
    (PREPARE_COMMIT, "abort"): ConcurrentTransactions,
    (PREPARE_ABORT, "commit"): ConcurrentTransactions,
    (PREPARE_ABORT, "abort"): ConcurrentTransactions,
    (COMPLETE_COMMIT, "commit"): (FIRST_ID, 0),
    (COMPLETE_COMMIT, "abort"): InvalidTxnState,
    (COMPLETE_ABORT, "commit"): InvalidTxnState,
    (COMPLETE_ABORT, "abort"): (FIRST_ID, 0),
}


@pytest.mark.parametrize(("state", "what"), ANSWERS_OF_THE_FIRST, ids=lambda each: getattr(each, "value", each))
def test_by_the_first_protocol_a_request_that_is_repeated_is_done_and_one_that_contradicts_is_refused(
    state: TransactionState, what: str
) -> None:
    machine, producer = in_state(state, version=FIRST)
    assert machine.end(producer, commit=what == "commit", version=FIRST) == ANSWERS_OF_THE_FIRST[state, what]


ANSWERS_OF_THE_SECOND = {
    (EMPTY, "commit", "now"): InvalidTxnState,
    (EMPTY, "abort", "now"): (FIRST_ID, 1),
    (EMPTY, "commit", "retry"): ProducerFenced,
    (EMPTY, "abort", "retry"): ProducerFenced,
    (COMPLETE_COMMIT, "commit", "now"): InvalidTxnState,
    (COMPLETE_COMMIT, "abort", "now"): (FIRST_ID, 2),
    (COMPLETE_COMMIT, "commit", "retry"): (FIRST_ID, 1),
    (COMPLETE_COMMIT, "abort", "retry"): InvalidTxnState,
    (COMPLETE_ABORT, "commit", "now"): InvalidTxnState,
    (COMPLETE_ABORT, "abort", "now"): (FIRST_ID, 2),
    (COMPLETE_ABORT, "commit", "retry"): InvalidTxnState,
    (COMPLETE_ABORT, "abort", "retry"): (FIRST_ID, 1),
}


@pytest.mark.parametrize(
    ("state", "what", "when"), ANSWERS_OF_THE_SECOND, ids=lambda each: getattr(each, "value", each)
)
def test_by_the_second_protocol_the_epoch_tells_a_request_that_is_repeated_from_the_next_one(
    state: TransactionState, what: str, when: str
) -> None:
    machine, (producer_id, epoch) = in_state(state)
    asked = (producer_id, epoch - 1 if when == "retry" else epoch)
    assert machine.end(asked, commit=what == "commit") == ANSWERS_OF_THE_SECOND[state, what, when]


@pytest.mark.parametrize("state", [EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT])
def test_by_the_second_protocol_an_id_at_rest_may_be_aborted_without_a_partition(state: TransactionState) -> None:
    machine, producer = in_state(state)
    machine.is_held = True
    machine.end(producer, commit=False)
    machine.commit()
    assert machine.state() == "PrepareAbort"
    assert not machine.markers
    machine.commit()
    assert machine.state() == "CompleteAbort"


def test_until_the_markers_are_written_everything_else_has_to_wait(version: int) -> None:
    machine, producer = in_state(PREPARE_COMMIT, version=version)
    assert machine.init() is ConcurrentTransactions
    assert machine.add(producer, B) is ConcurrentTransactions
    assert machine.end(producer, commit=True, version=version) is ConcurrentTransactions
    machine.mark_all()
    assert machine.add(producer, B) == {B: 0}


def test_until_a_record_is_committed_everything_else_has_to_wait() -> None:
    machine, producer = in_state(EMPTY)
    machine.is_held = True
    assert machine.add(producer, A) is None
    for _ in range(2):
        assert machine.init() is ConcurrentTransactions
        assert machine.end(producer, commit=True) is ConcurrentTransactions
    machine.commit()
    assert machine.answer() is not None
    assert machine.state() == "Ongoing"


@pytest.mark.parametrize("level", [0, 1, 2])
def test_another_producer_has_an_ongoing_transaction_aborted_and_comes_again(level: int) -> None:
    machine = Machine(version=level)
    zombie = machine.init()
    machine.add(zombie, A)
    assert machine.init() is ConcurrentTransactions
    assert machine.state() == "PrepareAbort"
    assert machine.init() is ConcurrentTransactions
    marker = machine.mark()
    assert (marker.is_commit, marker.epoch) == (False, 1)
    assert machine.state() == "CompleteAbort"
    assert machine.init() == (FIRST_ID, 2)
    assert machine.add(zombie, A) is ProducerFenced
    assert machine.end(zombie, commit=True, version=FIRST) is ProducerFenced
    because = next(note.because for note in machine.notes if note.kind == "TransactionDecided")
    assert because == "abort: fenced by InitProducerId of client at /127.0.0.1"


def test_by_the_first_protocol_a_fence_that_failed_raises_the_epoch_once() -> None:
    machine = Machine(version=0)
    zombie = machine.init()
    machine.add(zombie, A)
    machine.is_held = True
    for _ in range(3):
        assert machine.init() is None
        machine.refuse(NotEnoughReplicas())
        assert isinstance(machine.answer(), CoordinatorNotAvailable)
        assert machine.now().metadata.epoch == 1
    assert machine.state() == "Ongoing"
    assert machine.end(zombie, commit=True, version=FIRST) is ProducerFenced


def test_by_the_second_protocol_a_fence_that_failed_changes_nothing() -> None:
    machine = Machine(version=2)
    producer = machine.init()
    machine.add(producer, A)
    machine.is_held = True
    assert machine.init() is None
    machine.refuse(NotEnoughReplicas())
    machine.is_held = False
    assert isinstance(machine.answer(), CoordinatorNotAvailable)
    assert machine.end(producer, commit=True) == (FIRST_ID, 1)


def test_prepare_epoch_fence_stands_between_ongoing_and_prepare_abort_in_the_table_and_is_never_written() -> None:
    assert PREVIOUS_STATES[PREPARE_EPOCH_FENCE] == {ONGOING}
    assert PREPARE_EPOCH_FENCE in PREVIOUS_STATES[PREPARE_ABORT]


@pytest.mark.parametrize("verify", [False, True], ids=["adds", "verifies"])
def test_partitions_are_only_for_the_producer_that_the_id_has(verify: bool) -> None:
    machine, (producer_id, epoch) = in_state(ONGOING)
    assert machine.add((producer_id + 1, epoch), A, verify=verify) is InvalidProducerIdMapping
    assert machine.add((producer_id, epoch + 1), A, verify=verify) is ProducerFenced
    assert machine.add((producer_id, epoch), A, name="nobody's", verify=verify) is InvalidProducerIdMapping


def test_a_leader_that_verifies_is_told_which_partitions_are_in_the_transaction() -> None:
    machine, producer = in_state(ONGOING)
    assert machine.add(producer, A, B, version=4, verify=True) == {A: 0, B: TransactionAbortable.code}
    assert machine.now().metadata.partitions == {A}


def test_a_leader_that_verifies_while_the_transaction_is_being_ended_has_to_come_again() -> None:
    machine, producer = in_state(PREPARE_COMMIT)
    assert machine.add(producer, A, version=4, verify=True) is ConcurrentTransactions


def test_a_leader_adds_partitions_for_a_producer_of_the_second_protocol() -> None:
    machine, producer = in_state(EMPTY)
    assert machine.add(producer, A, version=5) == {A: 0}
    assert machine.now().metadata.client_version == 2


def test_an_end_is_only_for_the_producer_that_the_id_has(version: int) -> None:
    machine, (producer_id, epoch) = in_state(ONGOING, version=version)
    assert machine.end((producer_id + 1, epoch), commit=True, version=version) is InvalidProducerIdMapping
    assert machine.end((producer_id, epoch + 1), commit=True, version=version) is ProducerFenced
    assert machine.end((producer_id, epoch), commit=True, name="nobody's") is InvalidProducerIdMapping


def test_dead_is_reached_from_the_states_at_rest_alone() -> None:
    assert PREVIOUS_STATES[DEAD] == {EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT}


@pytest.mark.parametrize("state", [EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT])
def test_an_id_at_rest_that_nobody_uses_goes(state: TransactionState) -> None:
    machine, _ = in_state(state)
    machine.pass_ms(machine.settings.transactional_id_expiration_ms - 1)
    assert len(machine.shard) == 1
    machine.pass_ms(machine.settings.transaction_remove_expired_transaction_cleanup_interval_ms)
    assert len(machine.shard) == 0
    assert machine.log[-1][1] is None
    assert machine.kinds_noted()[-1] == "TransactionalIdExpired"
    assert machine.init() == (FIRST_ID + 1, 0)


@pytest.mark.parametrize("state", [PREPARE_COMMIT, PREPARE_ABORT])
def test_an_id_whose_transaction_is_being_completed_stays(state: TransactionState) -> None:
    machine, _ = in_state(state)
    machine.pass_ms(2 * machine.settings.transactional_id_expiration_ms)
    assert machine.now().metadata.state is state


def test_a_tombstone_under_way_makes_an_id_busy_and_one_that_is_refused_leaves_it_as_it_was() -> None:
    machine, producer = in_state(EMPTY)
    machine.is_held = True
    machine.pass_ms(machine.settings.transactional_id_expiration_ms + 3_600_000)
    assert machine.add(producer, A) is ConcurrentTransactions
    machine.refuse(NotEnoughReplicas())
    machine.is_held = False
    assert machine.add(producer, A) == {A: 0}
