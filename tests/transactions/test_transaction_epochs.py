"""The epochs of a transactional id's producers: who gets which, who is fenced, and what comes after the last."""

from transactions.machine import FIRST_ID, Machine

from actors.transactions.metadata import EPOCH_MAX
from kstore.errors import ConcurrentTransactions, ProducerFenced

A = ("a", 0)
FIRST, SECOND = 0, 2
"""Levels of the feature, and so the protocols."""


def ongoing(version: int = SECOND) -> Machine:
    machine = Machine(version=version)
    machine.add(machine.init(), A)
    return machine


def test_a_producer_that_brings_its_epoch_gets_the_next_one_and_the_same_once_more_if_it_repeats() -> None:
    machine = Machine()
    producer = machine.init()
    assert machine.init(known=producer) == (FIRST_ID, 1)
    assert machine.init(known=producer) == (FIRST_ID, 1)
    assert machine.init(known=(FIRST_ID, 1)) == (FIRST_ID, 2)


def test_a_producer_that_brings_an_older_epoch_or_another_id_is_fenced() -> None:
    machine = Machine()
    producer = machine.init()
    machine.init()
    assert machine.init(known=producer) is ProducerFenced
    assert machine.init(known=(FIRST_ID + 5, 1)) is ProducerFenced


def test_a_producer_whose_id_has_expired_gets_a_new_one() -> None:
    machine = Machine()
    assert machine.init(known=(77, 5)) == (FIRST_ID, 0)


LAST = EPOCH_MAX - 1


def test_when_the_epochs_are_used_up_the_next_producer_gets_a_new_id() -> None:
    machine = Machine()
    machine.init()
    machine.at_epoch(LAST)
    assert machine.init() == (FIRST_ID + 1, 0)
    assert machine.now().metadata.previous_producer_id == FIRST_ID


def test_one_that_brings_the_last_epoch_gets_a_new_id_and_the_same_when_it_repeats() -> None:
    machine = Machine()
    machine.init()
    machine.at_epoch(LAST)
    assert machine.init(known=(FIRST_ID, LAST)) == (FIRST_ID + 1, 0)
    assert machine.init(known=(FIRST_ID, LAST)) == (FIRST_ID + 1, 0)


def test_a_transaction_that_ends_in_the_last_epoch_gives_its_producer_a_new_id() -> None:
    machine = ongoing()
    machine.at_epoch(LAST)
    assert machine.end((FIRST_ID, LAST), commit=True) == (FIRST_ID + 1, 0)
    marker = machine.mark()
    assert (marker.producer_id, marker.epoch) == (FIRST_ID, EPOCH_MAX)
    now = machine.now().metadata
    assert (now.producer_id, now.epoch, now.previous_producer_id) == (FIRST_ID + 1, 0, FIRST_ID)
    assert machine.end((FIRST_ID, LAST), commit=True) == (FIRST_ID + 1, 0)  # repeated
    assert machine.add((FIRST_ID + 1, 0), A) == {A: 0}


def test_a_fence_in_the_last_epoch_leaves_the_next_producer_a_new_id() -> None:
    machine = ongoing()
    machine.at_epoch(LAST)
    assert machine.init() is ConcurrentTransactions
    machine.mark_all()
    assert machine.init() == (FIRST_ID + 1, 1)


def test_by_the_first_protocol_a_fence_uses_the_epoch_that_no_producer_is_given() -> None:
    machine = ongoing(FIRST)
    machine.at_epoch(LAST)
    assert machine.init() is ConcurrentTransactions
    assert machine.mark().epoch == EPOCH_MAX
    assert machine.init() == (FIRST_ID + 1, 0)
