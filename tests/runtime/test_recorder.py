"""The flight recorder: a ring of rows that knows what it has forgotten, chains of causes, the hash of a run."""

import pytest

from actors.runtime.clock import Clock
from actors.runtime.recorder import Recorder, TraceRow
from actors.runtime.world import virtual_world


def recorder(capacity: int = 8, hashing: bool = True) -> tuple[Clock, Recorder]:
    clock = Clock(True)
    return clock, Recorder(clock, capacity, hashing)


def test_a_row_says_what_happened_where_when_and_why() -> None:
    clock, rows = recorder()
    actor = rows.intern("broker-1#1/leader/orders-0")
    cause = rows.note(0, "UserCall", 0)
    clock.advance_to(1234)
    rows.note(actor, "BatchAppended", cause, "orders-0", 10, 19)
    assert rows.recent() == [
        TraceRow(1, 0, 0, "", "UserCall", "", -1, -1),
        TraceRow(2, 1234, 1, "broker-1#1/leader/orders-0", "BatchAppended", "orders-0", 10, 19),
    ]


def test_a_message_class_is_known_by_its_name() -> None:
    _, rows = recorder()
    rows.note(0, TraceRow, 0)
    assert rows.recent()[0].kind == "TraceRow"
    assert rows.intern(TraceRow) == rows.intern(TraceRow)


def test_the_ring_keeps_the_last_rows_and_never_mistakes_an_old_for_a_new_one() -> None:
    _, rows = recorder(8)
    for number in range(1, 21):
        rows.note(0, "Row", number - 1, "", number)
    assert [row.sequence for row in rows.recent()] == list(range(14, 21))
    assert [row.sequence for row in rows.recent(3)] == [18, 19, 20]
    assert rows.next_sequence == 21


def test_a_chain_ends_at_what_came_from_outside_or_was_overwritten() -> None:
    _, rows = recorder(8)
    for number in range(1, 6):
        rows.note(0, "Row", number - 1)
    assert [row.sequence for row in rows.chain(5)] == [5, 4, 3, 2, 1]
    for number in range(6, 21):
        rows.note(0, "Row", number - 1)
    assert [row.sequence for row in rows.chain(20)] == list(range(20, 13, -1))
    assert rows.chain(3) == []
    assert rows.chain(0) == []
    assert rows.chain(21) == []


@pytest.mark.parametrize("capacity", [0, 1, 3, 100])
def test_a_capacity_that_is_no_power_of_two_is_refused(capacity: int) -> None:
    with pytest.raises(ValueError):
        Recorder(Clock(True), capacity)


def fingerprint(capacity: int, *, rows: int = 50, changed: int = -1) -> str:
    clock, made = recorder(capacity)
    for number in range(rows):
        clock.advance_to(number * 10)
        made.note(made.intern(f"actor-{number % 3}"), "Row", number, "orders-0", 1 if number == changed else 0)
    return made.trace_hash()


def test_the_hash_of_a_run_does_not_depend_on_how_much_the_ring_keeps() -> None:
    assert len({fingerprint(capacity) for capacity in (2, 4, 64, 1024)}) == 1


def test_the_hash_of_a_run_sees_every_row() -> None:
    hashes = [fingerprint(4, changed=number) for number in range(-1, 50)]
    assert len(set(hashes)) == 51
    assert fingerprint(4, rows=49) not in hashes


def test_asking_for_the_hash_on_the_way_changes_nothing() -> None:
    _, one = recorder(4)
    _, other = recorder(4)
    for number in range(20):
        one.note(0, "Row", number)
        other.note(0, "Row", number)
        other.trace_hash()
    assert one.trace_hash() == other.trace_hash()


def test_names_are_part_of_the_hash() -> None:
    hashes = set()
    for name in ("orders-0", "orders-1"):
        _, rows = recorder()
        rows.note(0, "Row", 0, name)
        hashes.add(rows.trace_hash())
    assert len(hashes) == 2


def test_only_a_hashing_recorder_has_a_hash() -> None:
    _, rows = recorder(hashing=False)
    with pytest.raises(AssertionError):
        rows.trace_hash()


def test_ids_drawn_from_a_seed_are_the_same_again_and_are_uuids() -> None:
    ids = [virtual_world(5).uuid(), virtual_world(5).uuid(), virtual_world(6).uuid()]
    assert ids[0] == ids[1] != ids[2]
    assert {(len(each), each[6] >> 4, each[8] >> 6) for each in ids} == {(16, 4, 2)}


def test_rows_of_a_kind_are_counted_whether_or_not_the_ring_still_has_them() -> None:
    _, rows = recorder(4)
    for number in range(3000):
        rows.note(rows.intern(f"actor-{number}"), "Odd" if number % 2 else "Even", 0)
    assert (rows.count("Odd"), rows.count("Even"), rows.count("Never")) == (1500, 1500, 0)
