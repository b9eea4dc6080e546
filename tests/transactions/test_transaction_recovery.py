"""What a shard knows is what is in the log, so another coordinator goes on where one ended; and what time does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transactions.machine import FIRST_ID, LEADER_EPOCH, TIMEOUT_MS, Machine

from actors.transactions.markers import MarkerWritten
from actors.transactions.metadata import NO_EPOCH, TransactionMetadata
from actors.transactions.records import TransactionRecord, decode_entry, encode_entry
from actors.transactions.states import BY_CODE, CODES, PREPARE_ABORT
from kstore import checked
from kstore.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    CorruptMessage,
    InvalidProducerEpoch,
    NotCoordinator,
    NotEnoughReplicas,
    NotLeaderOrFollower,
    ProducerFenced,
    TransactionCoordinatorFenced,
)
from kstore.schema.envelopes import prefix_of

A, B = ("a", 0), ("b", 1)
INTERVAL_MS = 10_000


def begun(*partitions: tuple[str, int], version: int = 2) -> tuple[Machine, tuple[int, int]]:
    machine = Machine(version=version)
    producer = machine.init()
    machine.add(producer, *partitions)
    return machine, producer


def test_a_transaction_under_way_goes_on_with_the_next_coordinator() -> None:
    machine, producer = begun(A)
    machine.move()
    assert machine.add(producer, B) == {B: 0}
    assert machine.end(producer, commit=True) == (FIRST_ID, 1)
    assert [partition for partition, _ in machine.waiting_markers()] == [A, B]


@pytest.mark.parametrize("commit", [True, False])
def test_a_decision_is_carried_out_by_the_next_coordinator_which_sends_all_markers_in_its_own_epoch(
    commit: bool,
) -> None:
    machine, producer = begun(A, B)
    machine.end(producer, commit=commit)
    machine.mark()
    cancellation = machine.markers[0].message.cancellation  # type: ignore[attr-defined]
    machine.move()
    assert cancellation.is_requested  # what waits isn't sent by the former one
    assert [(partition, each.is_commit, each.coordinator_epoch) for partition, each in machine.waiting_markers()] == [
        (A, commit, LEADER_EPOCH + 1),
        (B, commit, LEADER_EPOCH + 1),
    ]
    machine.mark_all()
    assert machine.state() == ("CompleteCommit" if commit else "CompleteAbort")


def test_who_waits_for_a_coordinator_that_resigns_is_told_to_look_for_another() -> None:
    machine, producer = begun(A)
    machine.is_held = True
    machine.end(producer, commit=True)
    machine.move()
    assert isinstance(machine.answer(), NotCoordinator)
    assert machine.state() == "Ongoing"


def test_a_repeated_init_is_fenced_after_a_move_as_the_log_has_no_former_epoch() -> None:
    machine = Machine()
    producer = machine.init()
    assert machine.init(known=producer) == (FIRST_ID, 1)
    machine.move()
    assert machine.init(known=producer) is ProducerFenced


@pytest.mark.parametrize(
    ("error", "answer"), [(NotEnoughReplicas(), CoordinatorNotAvailable), (NotLeaderOrFollower(), NotCoordinator)]
)
def test_a_record_that_is_refused_changes_nothing(error, answer) -> None:
    machine, producer = begun(A)
    machine.is_held = True
    machine.add(producer, B)
    machine.refuse(error)
    assert isinstance(machine.answer(), answer)
    assert machine.now().metadata.partitions == {A}
    assert machine.now().pending is None


def test_an_id_whose_first_record_is_refused_is_not_there() -> None:
    machine = Machine()
    machine.is_held = True
    machine.init()
    assert len(machine.shard) == 1
    machine.refuse(NotEnoughReplicas())
    assert isinstance(machine.answer(), CoordinatorNotAvailable)
    assert len(machine.shard) == 0


def test_without_a_producer_id_a_producer_is_told_to_come_again() -> None:
    machine = Machine()
    machine.id_error = CoordinatorLoadInProgress()
    assert machine.init() is CoordinatorLoadInProgress
    assert len(machine.shard) == 0


def test_one_who_waits_too_long_is_told_and_the_id_stays_busy_until_the_outcome_is_known() -> None:
    machine, producer = begun(A)
    machine.is_held = True
    machine.end(producer, commit=True)
    machine.overdue()
    assert isinstance(machine.answer(), CoordinatorNotAvailable)
    assert machine.end(producer, commit=True) is ConcurrentTransactions
    machine.commit()
    assert machine.state() == "PrepareCommit"
    assert machine.is_parked()  # it was answered already


def test_an_append_that_ends_after_its_coordinator_has_resigned_is_not_answered_again() -> None:
    machine, producer = begun(A)
    machine.is_held = True
    machine.end(producer, commit=True)
    machine.move()
    assert isinstance(machine.answer(), NotCoordinator)  # exactly one


def test_a_completion_that_is_refused_is_tried_again() -> None:
    machine, producer = begun(A)
    machine.end(producer, commit=True)
    machine.is_held = True
    machine.mark()
    machine.refuse(NotEnoughReplicas())
    assert machine.init() is ConcurrentTransactions
    machine.is_held = False
    machine.pass_ms(100)
    assert machine.state() == "CompleteCommit"


def test_a_completion_that_another_coordinator_has_to_write_is_left_to_it() -> None:
    machine, producer = begun(A)
    machine.end(producer, commit=True)
    machine.is_held = True
    machine.mark()
    machine.refuse(NotLeaderOrFollower())
    machine.pass_ms(TIMEOUT_MS)
    assert not machine.held


def test_a_partition_that_is_gone_needs_no_marker() -> None:
    machine, producer = begun(A)
    machine.end(producer, commit=True)
    machine.mark(MarkerWritten(False))
    assert machine.state() == "CompleteCommit"
    assert "TransactionMarkerDropped" in machine.kinds_noted()


@pytest.mark.parametrize("error", [InvalidProducerEpoch(), TransactionCoordinatorFenced()])
def test_a_marker_that_is_refused_for_good_leaves_the_transaction_to_another_coordinator(error) -> None:
    machine, producer = begun(A, B)
    machine.end(producer, commit=True)
    machine.mark(error)
    machine.mark_all()
    assert machine.state() == "PrepareCommit"
    assert machine.init() is ConcurrentTransactions
    assert "TransactionMarkerRefused" in machine.kinds_noted()


def test_a_marker_is_sent_again_when_the_sender_has_failed() -> None:
    machine, producer = begun(A)
    machine.end(producer, commit=True)
    machine.mark(RuntimeError("stopped"))
    assert not machine.markers
    machine.pass_ms(100)
    machine.mark()
    assert machine.state() == "CompleteCommit"


@pytest.mark.parametrize("version", [0, 2])
def test_a_transaction_that_takes_longer_than_its_producer_wanted_is_aborted_in_a_newer_epoch(version: int) -> None:
    machine, producer = begun(A, version=version)
    machine.pass_ms(TIMEOUT_MS)
    assert machine.state() == "Ongoing"
    machine.pass_ms(INTERVAL_MS)
    assert machine.state() == "PrepareAbort"
    machine.mark_all()
    assert machine.state() == "CompleteAbort"
    assert machine.now().metadata.epoch == 1
    because = next(note.because for note in machine.notes if note.kind == "TransactionDecided")
    assert because == "abort: timed out after 60000 ms"
    assert machine.end(producer, commit=True, version=3) is ProducerFenced


def test_a_timeout_counts_from_the_first_partition_also_for_the_next_coordinator() -> None:
    machine, _ = begun(A)
    machine.pass_ms(TIMEOUT_MS - 5_000)
    machine.move()
    machine.pass_ms(INTERVAL_MS)
    assert machine.state() == "PrepareAbort"


def test_nothing_is_looked_at_while_no_transaction_is_under_way() -> None:
    machine, producer = begun(A)
    machine.end(producer, commit=True)
    machine.mark_all()
    machine.pass_ms(INTERVAL_MS)
    assert [key.kind for key in machine.timers] == ["expiry"]  # type: ignore[attr-defined]


def test_a_transaction_in_two_phases_as_kafkas_log_may_have_one_has_no_timeout() -> None:
    machine = Machine()
    producer = machine.init(timeout_ms=2**31 - 1)
    machine.add(producer, A)
    machine.pass_ms(10 * 24 * 3_600_000)
    assert machine.state() == "Ongoing"


def test_many_ids_expire_in_portions() -> None:
    machine = Machine()
    for number in range(2_500):
        machine.init(f"tx-{number}")
    before = len(machine.log)
    machine.pass_ms(machine.settings.transactional_id_expiration_ms + 3_600_000)
    assert len(machine.shard) == 0
    assert len(machine.log) == before + 2_500


metadata = st.builds(
    TransactionMetadata,
    producer_id=st.integers(0, 2**63 - 1),
    previous_producer_id=st.integers(-1, 2**63 - 1),
    next_producer_id=st.integers(-1, 2**63 - 1),
    epoch=st.integers(0, 2**15 - 1),
    last_epoch=st.just(NO_EPOCH),
    timeout_ms=st.integers(0, 2**31 - 1),
    state=st.sampled_from([BY_CODE[code] for code in range(1, 6)]),
    partitions=st.frozensets(st.tuples(st.text(min_size=1), st.integers(0, 2**31 - 1))),
    started_at_ms=st.integers(-1, 2**63 - 1),
    updated_at_ms=st.integers(-1, 2**63 - 1),
    client_version=st.sampled_from([0, 2]),
)


@given(st.text(), metadata)
def test_a_record_is_read_as_it_was_written(name: str, written: TransactionMetadata) -> None:
    record = TransactionRecord(name, written)
    assert decode_entry(*encode_entry(record, 2)) == record
    flat = written._replace(previous_producer_id=-1, next_producer_id=-1, client_version=0)
    assert decode_entry(*encode_entry(record, 0)) == TransactionRecord(name, flat)
    assert decode_entry(encode_entry(record, 2)[0], None) == TransactionRecord(name, None)


def test_records_are_flexible_from_the_first_level_of_the_feature_on() -> None:
    for level, version in ((0, 0), (1, 1), (2, 1)):
        machine = Machine(version=level)
        machine.init()
        assert prefix_of(machine.log[-1][1] or b"") == version


def test_records_of_other_types_and_versions_are_passed_over_as_by_kafka() -> None:
    machine = Machine()
    machine.init()
    (key, value) = machine.log[-1]
    assert value is not None
    assert decode_entry(b"\0\1" + key[2:], value) is None
    assert decode_entry(key, b"\0\2" + value[2:]) is None


def test_a_record_in_a_state_that_there_is_not_is_refused() -> None:
    machine = Machine(version=0)
    machine.init()
    (key, value) = machine.log[-1]
    assert value is not None
    at = 2 + 8 + 2 + 4
    assert value[at] == CODES[machine.now().metadata.state]
    with pytest.raises(CorruptMessage):
        decode_entry(key, value[:at] + b"\x09" + value[at + 1 :])


NAMES = ("x", "y")
STEP = st.tuples(
    st.sampled_from("init known add add end end end2 mark mark hold store store refuse late time day move".split()),
    st.sampled_from(NAMES),
    st.integers(0, 3),
    st.booleans(),
)


class Life:
    """Two ids, and producers that each go on with what they were last given."""

    def __init__(self, version: int) -> None:
        self.machine = Machine(version=version)
        self.producers = dict.fromkeys(NAMES, (0, 0))
        self.given: dict[str, list[tuple[int, int]]] = {name: [] for name in NAMES}

    def step(self, what: str, name: str, number: int, flag: bool) -> None:
        machine, producer = self.machine, self.producers[name]
        answer = None
        match what:
            case "init":
                answer = machine.init(name)
            case "known":
                answer = machine.init(name, known=producer)
            case "add":
                machine.add(producer, ("t", number), name=name, version=5 if flag else 3)
            case "end":
                machine.end(producer, commit=flag, name=name, version=3)
            case "end2":
                answer = machine.end(producer, commit=flag, name=name)
            case "mark" if machine.markers:
                machine.mark()
            case "hold":
                machine.is_held = not machine.is_held
                while machine.held and not machine.is_held:
                    machine.commit()
            case "store" if machine.held:
                machine.commit()
            case "refuse" if machine.held:
                machine.refuse(NotEnoughReplicas())
            case "late" if machine.held:
                machine.overdue()
            case "time":
                machine.pass_ms(TIMEOUT_MS)
            case "day":
                machine.pass_ms(8 * 24 * 3_600_000)
            case "move":
                machine.move()
        machine.answers.clear()
        if isinstance(answer, tuple):
            self.producers[name] = answer
            if what == "init":
                self.given[name].append(answer)


def in_the_log(metadata: TransactionMetadata, version: int) -> TransactionMetadata:
    """The part of it that records of this version have."""
    kept = metadata._replace(last_epoch=NO_EPOCH)
    return kept if version else kept._replace(previous_producer_id=-1, next_producer_id=-1, client_version=0)


@given(st.lists(STEP, max_size=60), st.sampled_from([0, 1, 2]))
def test_at_every_moment_a_shard_knows_what_another_one_reads_from_the_log(
    steps: list[tuple[str, str, int, bool]], version: int
) -> None:
    with checked.turned_on():
        life = Life(version)
        for step in steps:
            life.step(*step)
            known = life.machine.shard.transactions
            read = Machine(log=life.machine.log, version=version).shard.transactions
            assert {name for name in known if known[name].is_written} == set(read)
            for name in read:
                is_fenced_before = known[name].has_failed_fence or known[name].pending is PREPARE_ABORT
                if version == 2 or not is_fenced_before:
                    assert in_the_log(known[name].metadata, version) == in_the_log(read[name].metadata, version)
            for given_to in life.given.values():  # no two producers ever have the same id and epoch
                assert len(set(given_to)) == len(given_to)
