"""The books of a partition: each invariant holds for what may be, and is broken by what must not be."""

import pytest

from actors.simulation.batch_entry import BatchEntry, entry_of
from actors.simulation.ledger import Book, Violation
from kstore.records import BatchBuilder, parse_batches


def entry(
    base: int, last: int, epoch: int = 0, *, crc: int = 1, producer: tuple[int, int, int] = (-1, -1, -1)
) -> BatchEntry:
    return BatchEntry(base, last, epoch, crc, *producer)


LOG = [entry(0, 1), entry(2, 2), entry(3, 5, 1)]


def book_of(*nodes: int, entries: list[BatchEntry] = LOG) -> Book:
    book = Book("orders-0")
    for node in nodes:
        book.recovered(node, f"broker-{node}#1", [])
        book.appended(node, entries)
    return book


def broken(invariant: str) -> pytest.RaisesExc[Violation]:
    return pytest.raises(Violation, match=f"^{invariant}: orders-0")


def test_an_entry_is_what_the_bytes_of_a_batch_say() -> None:
    builder = BatchBuilder(base_timestamp=0, producer_id=7, producer_epoch=2, base_sequence=5, base_offset=10)
    builder.append(0, None, b"a")
    builder.append(0, None, b"b")
    (batch,) = parse_batches(builder.build())
    found = entry_of(batch.stamped(10, 3))
    assert found == BatchEntry(10, 11, 3, batch.crc, 7, 2, 5, max_timestamp=0)


def test_offsets_that_fall_are_seen() -> None:
    for wrong in (entry(5, 7, 1), entry(7, 6, 1)):
        with broken("offsets rise along a log"):
            book_of(1).appended(1, [wrong])


GAPS = [*LOG, entry(9, 9, 1), entry(20, 21, 1)]


def test_gaps_that_every_log_has_are_no_loss() -> None:
    book = book_of(1, 2, entries=GAPS)
    book.commits(1, 22, [1, 2])
    assert (book.committed, book.committed_end) == (GAPS, 22)
    book.believes(2, 22)
    book.truncated(2, 22)
    book.recovered(2, "broker-2#2", GAPS)


def test_a_high_watermark_may_stand_in_a_gap_but_not_beyond_the_log() -> None:
    book = book_of(1, 2, entries=GAPS)
    book.commits(1, 8, [1, 2])
    assert (book.committed, book.committed_end) == (LOG, 8)
    with broken("high watermarks stand within the log"):
        book.commits(1, 23, [1, 2])


def test_a_gap_that_one_log_has_alone_is_a_lost_record() -> None:
    book = book_of(1, entries=GAPS)
    with broken("logs that share offset and epoch share all before"):
        book.appended(2, [*LOG, entry(20, 21, 1)])
    book = book_of(1, entries=GAPS)
    book.appended(2, LOG)
    book.appended(2, [entry(20, 21, 2)])
    with broken("committed records are the same everywhere"):
        book.commits(1, 22, [1, 2])


def test_a_leader_epoch_that_falls_is_seen() -> None:
    with broken("leader epochs never fall along a log"):
        book_of(1).appended(1, [entry(6, 6, 0)])


def test_a_producer_epoch_that_falls_is_seen_unless_what_was_newer_is_gone() -> None:
    book = book_of(1)
    book.appended(1, [entry(6, 6, 1, producer=(7, 2, 0))])
    with broken("a fenced epoch never appends"):
        book.appended(1, [entry(7, 7, 1, producer=(7, 1, 0))])
    book.truncated(1, 6)
    book.appended(1, [entry(6, 6, 2, producer=(7, 1, 0))])


def test_two_batches_at_one_offset_in_one_epoch_are_seen() -> None:
    book = book_of(1)
    with broken("logs that share offset and epoch share all before"):
        book.appended(2, [entry(0, 1, crc=2)])


def test_two_logs_that_meet_after_they_parted_are_seen() -> None:
    book = book_of(1)
    book.appended(2, [entry(0, 1), entry(2, 2, 0, crc=1), entry(3, 5, 1)])
    book.appended(3, [entry(0, 1)])
    with broken("logs that share offset and epoch share all before"):
        book.appended(3, [entry(2, 2, 1, crc=3), entry(3, 5, 1)])


def test_two_leaders_in_one_epoch_are_seen_and_another_incarnation_is_another() -> None:
    book = book_of()
    book.leads("broker-1#1", 4)
    book.leads("broker-1#1", 4)
    book.leads("broker-2#1", 5)
    with broken("no two leaders in one epoch"):
        book.leads("broker-1#2", 4)


def test_what_is_committed_must_be_on_every_member_of_the_in_sync_set() -> None:
    book = book_of(1, 2)
    book.appended(3, LOG[:2])
    book.commits(1, 3, [1, 2, 3])
    assert (book.committed, book.committed_end) == (LOG[:2], 3)
    with broken("committed records are on every in-sync member"):
        book.commits(1, 6, [1, 2, 3])


def test_a_member_that_has_something_else_is_seen() -> None:
    book = book_of(1)
    book.appended(2, [*LOG[:2], entry(3, 5, 2)])
    with broken("committed records are the same everywhere"):
        book.commits(1, 6, [1, 2])


def test_a_later_leader_can_not_commit_something_else() -> None:
    book = book_of(1)
    book.commits(1, 6, [1])
    book.appended(2, [*LOG[:2], entry(3, 5, 2)])
    with broken("committed records are the same everywhere"):
        book.commits(2, 6, [2])


def test_a_high_watermark_within_a_batch_is_seen() -> None:
    with broken("high watermarks stand between batches"):
        book_of(1).commits(1, 4, [1])


def test_a_follower_ahead_of_what_is_committed_is_seen() -> None:
    book = book_of(1, 2)
    book.commits(1, 3, [1, 2])
    book.believes(2, 3)
    with broken("nobody is ahead of what is committed"):
        book.believes(2, 6)


def test_a_committed_record_that_is_cut_off_is_seen_and_another_is_not() -> None:
    book = book_of(1, 2)
    book.commits(1, 3, [1, 2])
    book.truncated(2, 3)
    book.appended(2, [entry(3, 3, 2)])
    book.truncated(2, 3)
    with broken("a committed record stays"):
        book.truncated(2, 2)


def test_a_cut_within_a_batch_is_seen() -> None:
    with broken("logs are cut between batches"):
        book_of(1).truncated(1, 4)


def test_a_restart_that_loses_what_was_written_is_seen() -> None:
    book = book_of(1)
    book.recovered(1, "broker-1#2", LOG)
    with broken("a restart finds what was written"):
        book.recovered(1, "broker-1#3", LOG[:2])


def test_a_restart_after_a_cut_that_failed_half_way_finds_what_was_to_stay() -> None:
    for found in (LOG, LOG[:2], LOG[:1]):
        book = book_of(1)
        book.commits(1, 2, [1])
        book.shadow(1).floor = 2
        book.recovered(1, "broker-1#2", found)
        assert (book.shadow(1).entries, book.shadow(1).floor) == (found, None)
    book = book_of(1)
    book.shadow(1).floor = 3
    with broken("a restart finds what was written"):
        book.recovered(1, "broker-1#2", LOG[:1])


def test_a_restart_after_a_cut_of_a_committed_record_is_seen() -> None:
    book = book_of(1)
    book.commits(1, 6, [1])
    book.shadow(1).floor = 2
    with broken("a committed record stays"):
        book.recovered(1, "broker-1#2", LOG[:1])


def test_whoever_is_elected_must_have_all_that_was_committed() -> None:
    book = book_of(1)
    book.commits(1, 6, [1])
    book.appended(2, LOG[:2])
    with broken("committed records are on every in-sync member"):
        book.holds_all(2, "was elected")


def in_transaction(base: int, *, epoch: int = 0, ends: bool = False, outside: bool = False) -> BatchEntry:
    return entry(base, base, producer=(7, epoch, -1))._replace(is_transactional=not outside, is_control=ends)


def test_open_transactions_are_those_of_the_batches_also_after_a_cut() -> None:
    book = book_of(1, entries=[in_transaction(0), in_transaction(1), in_transaction(2, ends=True), in_transaction(3)])
    assert book.shadow(1).began == {7: 3}
    book.truncated(1, 2)
    assert book.shadow(1).began == {7: 0}


def test_a_record_outside_of_its_producers_open_transaction_is_seen() -> None:
    with broken("a producer with an open transaction writes in it"):
        book_of(1, entries=[in_transaction(0), in_transaction(1, outside=True)])


def test_an_epoch_that_a_marker_fenced_is_seen() -> None:
    with broken("a fenced epoch never appends"):
        book_of(1, entries=[in_transaction(0), in_transaction(1, epoch=1, ends=True), in_transaction(2)])


def test_a_record_that_joins_the_next_transaction_is_seen() -> None:
    late, next_one = in_transaction(2), in_transaction(3, epoch=1)
    book = book_of(1, entries=[in_transaction(0), in_transaction(1, ends=True), late, next_one])
    book.commits(1, 3, [1])
    with broken("a transaction has one epoch"):
        book.commits(1, 4, [1])


def test_a_transaction_begins_in_a_new_epoch_when_the_one_before_is_over() -> None:
    entries = [in_transaction(0), in_transaction(1, epoch=1, ends=True), in_transaction(2, epoch=1)]
    book = book_of(1, entries=entries)
    book.commits(1, 3, [1])
    assert book.open == {7: 1}


def test_what_a_leader_that_was_replaced_takes_is_no_part_of_a_transaction() -> None:
    book = book_of(1, entries=[in_transaction(0), in_transaction(1, epoch=1)])
    book.commits(1, 1, [1])
    assert book.open == {7: 0}
