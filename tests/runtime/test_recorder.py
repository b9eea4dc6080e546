"""The flight recorder: a ring of rows that knows what it has forgotten, chains of causes, the hash of a run."""

import pytest

from actors.runtime.clock import Clock
from actors.runtime.recorder import Recorder, TraceRow
from actors.runtime.world import virtual_world
from kstore.schema.uuids import to_string


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


def test_a_note_has_a_word_on_what_it_is_about() -> None:
    _, rows = recorder()
    rows.note(0, "MemberLeft", 0, "g", 3, 1, "leave of a: the consumer is being closed")
    assert rows.recent()[0].subject == "leave of a: the consumer is being closed"


def test_names_that_come_and_go_do_not_add_up() -> None:
    _, rows = recorder(64)
    actor = rows.intern("broker-1#1/groups/0@0")
    for number in range(300_000):
        rows.note(actor, "MemberJoined", 0, "g", 1, 1, f"join of member-{number}")
    names = rows.copy()[1]
    assert len(names) < 100_000
    assert [row.subject for row in rows.recent(2)] == ["join of member-299998", "join of member-299999"]
    assert rows.recent(1)[0].actor == "broker-1#1/groups/0@0"
    assert rows.count("MemberJoined") == 300_000


def test_a_name_that_is_held_is_kept_and_one_that_is_let_go_of_is_not() -> None:
    _, rows = recorder(64)
    kept, dropped = rows.intern("kept"), rows.intern("dropped")
    rows.release(dropped)
    for number in range(100_000):
        rows.note(0, "Row", 0, f"topic-{number}-0")
    assert rows.copy()[1][kept] == "kept"
    assert "dropped" not in rows.copy()[1]


def test_forgetting_names_is_the_same_in_every_run() -> None:
    hashes = set()
    for _ in range(2):
        _, rows = recorder(64)
        for number in range(100_000):
            rows.note(0, "Row", 0, f"topic-{number}-0")
        hashes.add(rows.trace_hash())
    assert len(hashes) == 1


def spooled(capacity: int, count: int) -> tuple[Recorder, list[tuple[list[tuple[int, str]], bytes]]]:
    _, rows = recorder(capacity, hashing=False)
    rows.note(0, "Before", 0)
    given: list[tuple[list[tuple[int, str]], bytes]] = []
    rows.spool_to(lambda names, data: given.append((names, data)))
    for number in range(count):
        rows.note(0, "Row", 0, f"topic-{number % 7}", number)
    rows.flush()
    return rows, given


@pytest.mark.parametrize(("capacity", "count"), [(8, 3), (8, 1000), (2, 10), (65536, 10_000)])
def test_a_sink_is_given_every_row_once_and_every_name_before_it_is_used(capacity: int, count: int) -> None:
    rows, given = spooled(capacity, count)
    whole = b"".join(data for _, data in given)
    sequences = [int.from_bytes(whole[at : at + 8], "little") for at in range(0, len(whole), 64)]
    assert sequences == list(range(1, rows.next_sequence))
    known = {0}
    for names, data in given:
        known |= {number for number, _ in names}
        for at in range(0, len(data), 64):
            assert int.from_bytes(data[at + 28 : at + 32], "little") in known
            assert int.from_bytes(data[at + 32 : at + 36], "little") in known


def test_a_sink_is_given_rows_a_good_many_at_a_time() -> None:
    _, given = spooled(65536, 10_000)
    assert len(given) <= 6


def test_the_rows_are_copied_as_they_stand_in_the_ring_oldest_first() -> None:
    _, rows = recorder(8)
    for number in range(20):
        rows.note(0, "Row", 0, "", number)
    data, names = rows.copy()
    assert [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 64)] == list(range(13, 21))
    assert names[:2] == ["", "Row"]


def test_no_id_is_written_with_a_dash_at_its_beginning() -> None:
    world = virtual_world(3)
    ids = [world.uuid() for _ in range(2000)]
    assert not [each for each in ids if to_string(each).startswith("-")]
    assert len(set(ids)) == 2000
