"""The checks on what transactions did and what committed readers got, each by a history that breaks it."""

import pytest

from actors.cluster import Cluster
from actors.coordinator.routing import partition_for
from actors.simulation.batch_entry import BatchEntry
from actors.simulation.client import Workload
from actors.simulation.committed_records import Contents
from actors.simulation.history import History
from actors.simulation.ledger import Book, KnownProducers, Violation
from actors.simulation.transaction_history import (
    SimulatedTransaction,
    TransactionHistory,
    TransactionOutcome,
    missing_outputs,
    output,
)
from actors.simulation.transactor import COORDINATORS, TIMEOUT_MS, Transactor
from kstore.errors import InvalidProducerIdMapping, InvalidTxnState

INPUTS, OUTPUTS = "orders", "invoices"
IN, OUT = (INPUTS, 0), (OUTPUTS, 0)
GROUP, BEGAN_US = "workers", 1_000


def history_of(*values: bytes, outcome: TransactionOutcome) -> tuple[TransactionHistory, SimulatedTransaction]:
    history = TransactionHistory(History())
    transaction = history.begun("t", BEGAN_US)
    for value in values:
        history.wrote(transaction, value, OUT)
    transaction.outcome = outcome
    return history, transaction


def kept(*values: bytes) -> Contents:
    """A partition that has these, from offset 0 on, and had no others."""
    return Contents([*enumerate(values)], [*enumerate(values)])


def found(history: TransactionHistory) -> list[str]:
    return [finding.invariant for finding in history.plain.findings]


@pytest.mark.parametrize(
    ("outcome", "invariants"),
    [
        (TransactionOutcome.OPEN, ["read before commit"]),
        (TransactionOutcome.ABORTED, ["aborted read"]),
        (TransactionOutcome.ASKED, []),
        (TransactionOutcome.COMMITTED, []),
    ],
)
def test_a_committed_reader_gets_what_was_to_be_committed(outcome: TransactionOutcome, invariants: list[str]) -> None:
    history, _ = history_of(b"a", outcome=outcome)
    history.read("reader", OUT, 3, 4, [(3, b"a")])
    assert found(history) == invariants


def test_a_value_that_nobody_sent_there_is_seen() -> None:
    history, _ = history_of(b"a", outcome=TransactionOutcome.COMMITTED)
    history.read("reader", IN, 0, 1, [(0, b"a")])
    history.read("reader", IN, 1, 2, [(1, b"b")])
    assert found(history) == ["unsent", "unsent"]


def test_a_read_outside_of_its_stretch_is_seen() -> None:
    history, _ = history_of(b"a", b"b", outcome=TransactionOutcome.COMMITTED)
    history.read("reader", OUT, 5, 7, [(5, b"a"), (4, b"b")])
    assert found(history) == ["committed read out of order"]


@pytest.mark.parametrize(
    ("outcome", "there", "is_wrong"),
    [
        (TransactionOutcome.COMMITTED, [b"a", b"b"], False),
        (TransactionOutcome.COMMITTED, [b"a"], True),
        (TransactionOutcome.ASKED, [b"a", b"b"], False),
        (TransactionOutcome.ASKED, [], False),
        (TransactionOutcome.ASKED, [b"b"], True),
        (TransactionOutcome.ABORTED, [], False),
        (TransactionOutcome.ABORTED, [b"a", b"b"], True),
        (TransactionOutcome.OPEN, [b"a"], True),
    ],
)
def test_a_transaction_is_there_as_a_whole_or_not_at_all(
    outcome: TransactionOutcome, there: list[bytes], is_wrong: bool
) -> None:
    history, _ = history_of(b"a", b"b", outcome=outcome)
    history.judge_the_whole({IN: kept(), OUT: kept(*there)}, INPUTS, OUTPUTS, GROUP)
    assert found(history) == ["all or nothing"] * is_wrong


def test_a_reader_that_has_skipped_a_committed_value_is_seen() -> None:
    history, _ = history_of(b"a", b"b", outcome=TransactionOutcome.COMMITTED)
    history.read("reader", OUT, 0, 2, [(1, b"b")])
    history.judge_the_whole({IN: kept(), OUT: kept(b"a", b"b")}, INPUTS, OUTPUTS, GROUP)
    assert found(history) == ["read once"]


def test_a_reader_gets_what_must_be_there_and_may_get_what_is_gone_since() -> None:
    history, _ = history_of(b"a", b"b", outcome=TransactionOutcome.COMMITTED)
    log = {IN: kept(), OUT: Contents([(0, b"a"), (1, b"b")], [(1, b"b")])}
    history.read("early", OUT, 0, 2, [(0, b"a"), (1, b"b")])
    history.read("late", OUT, 0, 2, [(1, b"b")])
    history.judge_the_whole(log, INPUTS, OUTPUTS, GROUP)
    assert found(history) == []
    history.read("wrong", OUT, 0, 2, [(0, b"a")])
    history.judge_the_whole(log, INPUTS, OUTPUTS, GROUP)
    assert found(history) == ["read once"]


def test_a_read_of_what_is_not_stable_is_seen() -> None:
    history, _ = history_of(b"a", outcome=TransactionOutcome.ASKED)
    history.stable_end = lambda _: 4
    history.read("reader", OUT, 3, 4, [(3, b"a")])
    assert found(history) == []
    history.read("reader", OUT, 4, 5, [(4, b"a")])
    assert found(history) == ["served before it was stable"]


def test_an_input_that_was_deleted_needs_no_output_and_may_have_one() -> None:
    for outputs in ((), (output("w", 0, b"a"),)):
        history, _ = history_of(*outputs, outcome=TransactionOutcome.COMMITTED)
        log = {IN: Contents([(0, b"a")], []), OUT: kept(*outputs)}
        history.judge_the_whole(log, INPUTS, OUTPUTS, GROUP)
        assert found(history) == []
        assert not missing_outputs(log, INPUTS, OUTPUTS)


def test_an_acknowledged_value_that_no_committed_reader_gets_is_lost() -> None:
    history = TransactionHistory(History())
    history.plain.sent("p", 0, [b"a"], certain=True)
    history.plain.acknowledged(0, [b"a"], 7)
    history.judge_the_whole({IN: kept(), OUT: kept()}, INPUTS, OUTPUTS, GROUP)
    assert found(history) == ["lost write"]


def test_an_input_may_have_two_outputs_where_a_replaced_coordinator_tells_old_offsets() -> None:
    outputs = [output("w", number, b"a") for number in range(2)]
    for last_turn_us, invariants in ((BEGAN_US, []), (BEGAN_US - 1, ["each input has one output"])):
        history, _ = history_of(*outputs, outcome=TransactionOutcome.COMMITTED)
        history.plain.ownership.outdated_us = {f"groups/{partition_for(GROUP, COORDINATORS)}": last_turn_us}
        history.judge_the_whole({IN: kept(b"a"), OUT: kept(*outputs)}, INPUTS, OUTPUTS, GROUP)
        assert found(history) == invariants


@pytest.mark.parametrize("made", [[], [b"a", b"a"], [b"a", b"b"]], ids=["none", "two", "of nothing"])
def test_each_input_has_one_output(made: list[bytes]) -> None:
    outputs = [output("w", number, value) for number, value in enumerate(made)]
    history, _ = history_of(*outputs, outcome=TransactionOutcome.COMMITTED)
    committed = {IN: kept(b"a"), OUT: kept(*outputs)}
    history.judge_the_whole(committed, INPUTS, OUTPUTS, GROUP)
    assert set(found(history)) == {"each input has one output"}
    assert missing_outputs(committed, INPUTS, OUTPUTS) == (not made)


def entry(offset: int, epoch: int, *, commits: bool | None = None) -> BatchEntry:
    return BatchEntry(
        offset, offset, 0, 0, 7, epoch, -1, is_transactional=True, is_control=commits is not None, commits=commits
    )


def test_markers_of_one_transaction_that_say_different_things_are_seen() -> None:
    producers = KnownProducers()
    Book("a-0", producers).appended(1, [entry(0, 3), entry(1, 4, commits=True)])
    with pytest.raises(Violation, match="a transaction ends one way"):
        Book("b-0", producers).appended(1, [entry(0, 3), entry(1, 4, commits=False)])


def test_a_record_of_a_fenced_epoch_that_is_committed_is_seen() -> None:
    producers = KnownProducers()
    producers.fenced[7] = 5
    book = Book("a-0", producers)
    book.appended(1, [entry(0, 5), entry(1, 6, commits=True)])
    book.commits(1, 2, [1])
    late = Book("b-0", producers)
    late.appended(1, [entry(0, 4)])
    with pytest.raises(Violation, match="a fenced epoch never appends"):
        late.commits(1, 1, [1])


def test_a_log_that_was_given_up_is_copied_anew() -> None:
    book = Book("a-0")
    book.appended(1, [entry(0, 5), entry(1, 5)])
    book.shadow(1).given_up(1)
    assert book.shadow(1).entries == [entry(0, 5)]
    book.appended(1, [entry(1, 5)])
    book.shadow(1).given_up(0)
    book.appended(1, [entry(0, 5)])
    assert book.shadow(1).end_offset == 1


def test_a_transaction_that_no_coordinator_knows_has_a_reason() -> None:
    """One of three: it took too long, another producer has asked for the id, an outdated coordinator has had a turn."""
    with Cluster.unstarted(node_ids=(1,), seed=1) as cluster:
        workload = Workload(History(), (1,), INPUTS, OUTPUTS, 1, wire=False)
        history, name = workload.transactions, "transactor-0"
        transactor = Transactor(cluster, workload, "t1", name)
        transactor.claim = history.claims[name] = history.granted[name] = 1
        now_us = cluster.world.clock.now_us()
        assert not transactor.is_explained(InvalidTxnState(), now_us)
        assert transactor.is_explained(InvalidTxnState(), now_us - 1_000 * TIMEOUT_MS)
        history.claims[name] = 2
        assert transactor.is_explained(InvalidTxnState(), now_us), "it is being asked for"
        history.granted[name] = 2
        assert transactor.is_explained(InvalidTxnState(), now_us), "another one has it"
        transactor.claim = 2
        assert not transactor.is_explained(InvalidTxnState(), now_us)
        of_both = [f"transactions/{number}" for number in range(COORDINATORS)]
        history.outdated_us = dict.fromkeys(of_both, now_us - 1)
        assert not transactor.is_explained(InvalidTxnState(), now_us), "that was before"
        history.outdated_us = dict.fromkeys(of_both, now_us)
        assert transactor.is_explained(InvalidTxnState(), now_us)


def test_another_producer_id_has_a_reason_only_where_epochs_are_used_up() -> None:
    with Cluster.unstarted(node_ids=(1,), seed=1) as cluster:
        workload = Workload(History(), (1,), INPUTS, OUTPUTS, 1, wire=False)
        history, name = workload.transactions, "transactor-0"
        transactor = Transactor(cluster, workload, "t1", name)
        transactor.claim, history.claims[name], history.granted[name] = 1, 2, 2
        now_us = cluster.world.clock.now_us()
        assert not transactor.is_explained(InvalidProducerIdMapping(), now_us)
        history.is_worn = True
        assert transactor.is_explained(InvalidProducerIdMapping(), now_us)
        transactor.claim = 2
        assert not transactor.is_explained(InvalidProducerIdMapping(), now_us), "nobody else has asked for the id"
