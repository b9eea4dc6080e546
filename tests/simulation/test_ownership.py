"""Who owns what, as members are told: what may be is passed, and what must not be is found."""

import pytest

from actors.simulation.ownership import Ownership


class Found(list[str]):
    """The invariants that were broken."""

    def find(self, invariant: str, detail: str) -> None:
        self.append(invariant)


@pytest.fixture
def found() -> Found:
    return Found()


@pytest.fixture
def ownership(found: Found) -> Ownership:
    return Ownership(found.find)


TOPIC = b"t" * 16


def each(*partitions: int) -> list[tuple[bytes, int]]:
    return [(TOPIC, partition) for partition in partitions]


def has(ownership: Ownership, member_id: str, epoch: int, *partitions: int) -> None:
    """A member is told in an epoch that it has some partitions, and takes them."""
    ownership.told("g", member_id, epoch, each(*partitions))
    ownership.owned("g", epoch, member_id, each(*partitions))
    ownership.holds("g", member_id, epoch, each(*partitions))


def beats(ownership: Ownership, member_id: str, epoch: int, began_us: int = 0) -> None:
    """A heartbeat of a member is answered without an error."""
    ownership.answered("g", member_id, epoch, ownership.taken_from("g", member_id), began_us)


def test_a_partition_that_is_given_up_before_another_gets_it_is_no_finding(ownership: Ownership, found: Found) -> None:
    has(ownership, "a", 2, 0, 1)
    ownership.gave_up("g", "a", each(1))
    has(ownership, "b", 3, 1)
    beats(ownership, "a", 3)
    beats(ownership, "b", 3)
    assert found == []


def test_two_owners_in_an_epoch_are_found(ownership: Ownership, found: Found) -> None:
    has(ownership, "a", 2, 0)
    ownership.owned("g", 2, "b", each(0))
    assert found == ["partition owned twice"]


def test_a_member_that_stays_while_another_has_what_it_holds_is_found(ownership: Ownership, found: Found) -> None:
    has(ownership, "a", 2, 0)
    sent_before = ownership.taken_from("g", "a")
    has(ownership, "b", 3, 0)
    ownership.answered("g", "a", 2, sent_before, 0)
    assert found == [], "it was asked before the other was told"
    beats(ownership, "a", 2)
    assert found == ["a revocation is awaited"]


def test_one_that_was_removed_may_hold_what_another_has_until_it_learns_of_it(
    ownership: Ownership, found: Found
) -> None:
    has(ownership, "a", 2, 0)
    has(ownership, "b", 3, 0)
    ownership.gave_up("g", "a", each(0))  # it was refused, and begins anew
    beats(ownership, "a", 4)
    assert found == []


def test_what_a_replaced_coordinator_answers_is_not_judged(ownership: Ownership, found: Found) -> None:
    has(ownership, "a", 2, 0)
    has(ownership, "b", 3, 0)
    coordinators = {f"groups/{number}": 50 for number in range(2)}
    ownership.outdated_us = coordinators
    beats(ownership, "a", 2, began_us=40)
    assert found == []
    beats(ownership, "a", 2, began_us=60)
    assert found == ["a revocation is awaited"]


def test_an_epoch_that_falls_is_found(ownership: Ownership, found: Found) -> None:
    for epoch in (2, 2, 5):
        beats(ownership, "a", epoch)
    assert found == []
    beats(ownership, "a", 4)
    assert found == ["a member epoch never falls"]


def test_the_group_has_moved_on_once_another_was_told(ownership: Ownership) -> None:
    has(ownership, "a", 2, 0)
    assert not ownership.has_moved_on("g", "a", 2, (TOPIC, 0))
    has(ownership, "b", 3, 0)
    assert ownership.has_moved_on("g", "a", 2, (TOPIC, 0))
    has(ownership, "a", 2, 0)
    assert ownership.has_moved_on("g", "a", 2, (TOPIC, 0)), "an outdated coordinator has told it so"
    assert not ownership.has_moved_on("g", "b", 3, (TOPIC, 0))


def test_a_group_that_was_deleted_begins_anew(ownership: Ownership, found: Found) -> None:
    has(ownership, "a", 5, 0)
    beats(ownership, "a", 5)
    ownership.generations["g"] = 5
    ownership.forget("g")
    has(ownership, "b", 2, 0)
    beats(ownership, "a", 2)
    assert not ownership.has_moved_on("g", "b", 2, (TOPIC, 0))
    assert (ownership.generations, found) == ({}, [])
