"""The exactly-once story's state, picture and counts: what its processes say, without any process."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.pictures import drawn
from cli.stage import Clock, staged

from actors.cli.story.exactly_once.counts import Counts, invoices_in
from actors.cli.story.exactly_once.screen import picture
from actors.cli.story.exactly_once.state import InvoicingState
from kstore import Cluster


@pytest.fixture
def state() -> InvoicingState:
    """Three brokers, three partitions, and the workers A and B."""
    state = staged(InvoicingState, Clock())
    for name, partitions in (("A", [0, 1]), ("B", [2])):
        state.started(name, 100)
        state.note({"event": "ready", "worker": name})
        state.note({"event": "assigned", "worker": name, "partitions": partitions})
    return state


def seen(state: InvoicingState, level: str, *orders: int, upto: int) -> None:
    """A reader has seen invoices of P0, and reads on there."""
    invoices = [[order, "User1"] for order in orders]
    state.note({"event": "seen", "reader": level, "invoices": invoices, "next": {"0": upto}})


def test_only_workers_are_shown(state: InvoicingState) -> None:
    for name in ("producer", "read_committed", "read_uncommitted"):
        state.started(name, 1)
    assert list(state.workers) == ["A", "B"]


def test_work_is_shared_out_when_each_partition_has_one_worker_that_works(state: InvoicingState) -> None:
    assert state.shared_out()
    assert state.assignment_text() == "A reads 0 and 1, B reads 2"
    state.killed("A")
    assert not state.shared_out()
    state.started("A2", 101)
    state.note({"event": "ready", "worker": "A2"})
    state.note({"event": "assigned", "worker": "B", "partitions": [0, 1]})
    assert not state.shared_out()
    state.note({"event": "revoked", "worker": "B", "partitions": [0, 1]})
    state.note({"event": "assigned", "worker": "A2", "partitions": [0, 1]})
    assert state.shared_out()


def test_a_transaction_in_the_middle_then_committed(state: InvoicingState) -> None:
    state.note({"event": "uncommitted", "worker": "A", "invoices": 7})
    assert (state.workers["A"].state, state.workers["A"].uncommitted, state.transactions) == ("uncommitted", 7, 0)
    assert "uncommitted" in drawn(picture, state)
    state.note({"event": "committed", "worker": "A", "invoices": 7})
    assert (state.workers["A"].state, state.workers["A"].invoices, state.transactions) == ("working", 7, 1)


def test_what_a_killed_worker_said_before_is_not_taken_for_life(state: InvoicingState) -> None:
    state.killed("A")
    state.note({"event": "committed", "worker": "A", "invoices": 7})
    assert (state.workers["A"].state, state.workers["A"].invoices) == ("killed", 0)


def test_a_zombie_stays_fenced_when_it_closes(state: InvoicingState) -> None:
    state.frozen("B")
    state.note({"event": "fenced", "worker": "B", "error": "ProducerFenced"})
    state.note({"event": "closed", "worker": "B"})
    assert (state.workers["B"].state, state.fenced) == ("fenced", ["ProducerFenced"])


def test_all_is_invoiced_when_both_readers_have_come_to_the_end(state: InvoicingState) -> None:
    state.note({"event": "acknowledged", "order": 1})
    seen(state, "read_uncommitted", 1, 1, upto=4)
    assert not state.all_invoiced()
    seen(state, "read_committed", 1, upto=3)
    assert not state.all_invoiced()
    seen(state, "read_committed", upto=4)
    assert state.all_invoiced()


@pytest.mark.parametrize(("width", "height"), [(60, 20), (80, 24), (120, 40)])
def test_the_picture_fits_and_shows_what_is_held_back(state: InvoicingState, width: int, height: int) -> None:
    seen(state, "read_uncommitted", *range(9), upto=9)
    seen(state, "read_committed", *range(4), upto=4)
    state.killed("A")
    state.started("A2", 101)
    state.frozen("B")
    state.started("B2", 102)
    for number in range(30):
        state.say(f"line {number} " + "word " * 20)
    lines = drawn(picture, state, width, height).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    for words in ("kstore demo", "SIGKILL", "SIGSTOP", "held back", "read_committed", "line 29"):
        assert words in shown
    rows = [line.replace("│", " ").split() for line in lines]
    (held,) = [row[row.index("9") :] for row in rows if row[:1] == ["P0"]]
    assert held[:3] == ["9", "4", "5"]
    assert "…" not in shown


def test_the_counts_are_good_only_with_aborts_and_one_fenced_zombie() -> None:
    good = Counts(10, 0, 10, 3, 10, 13, 0, 0, 0, 0, 0, 4, 1)
    assert good.good
    assert "read_committed readers don't see them" in good.text()
    assert max(map(len, good.text(60).splitlines())) <= 60
    for wrong in ({"lost": 1}, {"doubled": 1}, {"misread": 1}, {"aborted": 0}, {"fenced": 0}, {"failed": 1}):
        assert not Counts(**(good.__dict__ | wrong)).good


def test_invoices_in_the_log_count_by_their_markers(tmp_path: Path) -> None:
    with Cluster(brokers=1, data_dir=str(tmp_path)) as cluster:
        cluster.create_topic("invoices")
        producer = cluster.producer(transactional_id="tx")
        producer.init_transactions()
        for order, commit in ((1, True), (2, False), (3, True)):
            producer.begin_transaction()
            producer.send("invoices", b'{"order": %d, "user": "u"}' % order)
            if commit:
                producer.commit_transaction()
            else:
                producer.flush()
                producer.abort_transaction()
        cluster.wait_for(lambda: cluster.trace.transaction("tx").took_us >= 0)
    found = invoices_in(str(tmp_path), 1, "invoices-0")
    assert (found.committed, found.aborted, len(found.batches)) == ([(1, "u"), (3, "u")], 1, 6)
