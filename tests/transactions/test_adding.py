"""Partitions that join a transaction: who has to wait for that, how long, and what is answered then."""

from __future__ import annotations

import pytest
from transactions.machine import Machine

from actors.transactions.timers import WAITING, TransactionTimer
from kstore.errors import (
    ConcurrentTransactions,
    CoordinatorNotAvailable,
    NotCoordinator,
    NotEnoughReplicas,
    ProducerFenced,
)

A, B = ("t", 0), ("t", 1)


def begun() -> tuple[Machine, tuple[int, int]]:
    """A machine with a transaction that is open, and its producer."""
    machine = Machine()
    producer = machine.init()
    machine.add(producer, A, version=4)
    return machine, producer


def added_by(answer) -> set[tuple[str, int]]:
    (result,) = answer.results_by_transaction
    return {(topic.name, each.partition_index) for topic in result.topic_results for each in topic.results_by_partition}


def test_leaders_that_add_partitions_at_the_same_time_wait_for_each_other_and_clients_come_again() -> None:
    machine = Machine()
    producer = machine.init()
    machine.is_held = True
    for partition in (A, B, ("t", 2)):
        machine.add(producer, partition, version=4)
    assert machine.add(producer, ("t", 3), version=3) is ConcurrentTransactions
    assert machine.is_parked()
    machine.commit()
    assert added_by(machine.answer()) == {A}
    machine.commit()  # of all who waited
    assert [added_by(each) for each in machine.answers.pop("reply")] == [{B}, {("t", 2)}]
    assert machine.now().metadata.partitions == {A, B, ("t", 2)}
    assert not machine.held
    assert TransactionTimer(WAITING, "tx") not in machine.timers


@pytest.mark.parametrize("outcome", ["refuse", "overdue", "move", "late"])
def test_who_waits_to_add_partitions_is_told_what_becomes_of_the_append_before(outcome: str) -> None:
    machine = Machine()
    producer = machine.init()
    machine.is_held = True
    for partition in (A, B):
        machine.add(producer, partition, version=4)
    if outcome == "refuse":
        machine.refuse(NotEnoughReplicas())
        assert isinstance(machine.answer(), CoordinatorNotAvailable)
        machine.commit()  # the second one goes on: it is the first now
        assert machine.now().metadata.partitions == {B}
    elif outcome == "overdue":
        machine.overdue()
        assert isinstance(machine.answer(), CoordinatorNotAvailable)
        machine.commit()
        assert machine.is_parked()
        machine.commit()
        assert added_by(machine.answer()) == {B}
    elif outcome == "late":
        machine.pass_ms(99)
        assert machine.is_parked()
        machine.pass_ms(1)
        assert isinstance(machine.answer(), ConcurrentTransactions)
        machine.commit()
        assert added_by(machine.answer()) == {A}
    else:
        machine.move()
        assert [type(each) for each in machine.answers.pop("reply")] == [NotCoordinator] * 2


@pytest.mark.parametrize("commit", [True, False])
def test_leaders_that_add_partitions_wait_for_the_end_of_the_transaction_before(commit: bool) -> None:
    machine, producer = begun()
    producer = machine.end(producer, commit=commit)
    for partition in (A, B):
        assert machine.add(producer, partition, version=4) is None
    assert machine.add(producer, A, version=3) is ConcurrentTransactions
    machine.pass_ms(60)
    machine.is_held = True
    machine.mark_all()
    machine.commit()
    assert machine.is_parked()
    machine.commit()  # of both, in one append
    assert [added_by(each) for each in machine.answers.pop("reply")] == [{A}, {B}]
    assert machine.now().metadata.partitions == {A, B}


def test_who_waits_for_the_end_of_the_transaction_before_is_told_to_come_again_after_a_time() -> None:
    machine, producer = begun()
    producer = machine.end(producer, commit=True)
    machine.add(producer, A, version=4)
    machine.pass_ms(100)
    assert isinstance(machine.answer(), ConcurrentTransactions)
    machine.add(producer, A, version=4)
    machine.mark_all()
    assert added_by(machine.answer()) == {A}


def test_an_older_producer_that_waited_for_the_end_of_a_transaction_is_fenced() -> None:
    machine, producer = begun()
    machine.end(producer, commit=True)
    assert machine.add(producer, A, version=4) is None
    machine.mark_all()
    assert isinstance(machine.answer(), ProducerFenced)
