"""The books of a partition whose records may go: what retention, deletion and compaction allow, and nothing else."""

import pytest

from actors.simulation.batch_entry import BatchEntry, entry_of
from actors.simulation.committed_records import CommittedRecord, CommittedRecords
from actors.simulation.ledger import Book, Retention, Violation
from kstore.records import BatchBuilder, parse_batches

KEEPS = Retention(0, False)
OLD_MS = 100


def entry(base: int, last: int | None = None, *, at_ms: int = OLD_MS) -> BatchEntry:
    return BatchEntry(base, base if last is None else last, 0, 1, -1, -1, -1, max_timestamp=at_ms)


def in_transaction(base: int, *, commits: bool | None = None) -> BatchEntry:
    is_control = commits is not None
    return entry(base)._replace(
        producer_id=7, producer_epoch=0, is_transactional=True, is_control=is_control, commits=commits
    )


def book_of(*entries: BatchEntry, keys: str = "", compacts: bool = False) -> Book:
    """The books of a partition with one record of a key at each offset, all of which is committed."""
    book = Book("orders-0")
    book.records.compacts = compacts
    for each in entries:
        offsets = range(each.base_offset, each.last_offset + 1) if not each.is_control else ()
        records = [CommittedRecord(offset, keys[offset : offset + 1].encode(), b"value") for offset in offsets]
        book.appended_records[each.base_offset, 0] = records
    for node in (1, 2):
        book.recovered(node, f"broker-{node}#1", [])
        book.appended(node, entries)
    book.commits(1, entries[-1].last_offset + 1, [1, 2])
    return book


def broken(invariant: str) -> pytest.RaisesExc[Violation]:
    return pytest.raises(Violation, match=f"^{invariant}: orders-0")


LOG = [entry(0, 1), entry(2), entry(3, 5)]


def test_a_log_may_begin_where_clients_have_asked_for_it() -> None:
    book = book_of(*LOG)
    book.deleted_to = 2
    book.starts(1, 2, KEEPS)
    book.starts(2, 1, KEEPS)
    with broken("records stay as long as retention says"):
        book.starts(1, 3, KEEPS)


def test_a_log_may_begin_after_what_is_too_old_or_too_much() -> None:
    book = book_of(*LOG, entry(6, at_ms=OLD_MS + 1))
    book.starts(1, 6, Retention(OLD_MS + 1, False))
    assert book.records.start == 6
    book.starts(2, 6, KEEPS)
    with broken("records stay as long as retention says"):
        book.starts(1, 7, Retention(OLD_MS + 1, False))
    book.starts(1, 7, Retention(OLD_MS + 1, True))


def test_a_log_that_begins_beyond_what_is_committed_is_seen() -> None:
    book = book_of(*LOG)
    book.appended(1, [entry(6)])
    with broken("nothing is deleted that isn't committed"):
        book.starts(1, 7, Retention(1_000, True))


def test_a_follower_that_begins_anew_where_its_leader_does_needs_nothing_before() -> None:
    book = book_of(*LOG)
    book.starts(1, 3, Retention(OLD_MS + 1, False))
    book.shadow(2).begins_anew(3)
    book.appended(2, [LOG[2]])
    book.holds_all(2, "is in sync")
    book.shadow(2).begins_anew(3)
    with broken("committed records are on every in-sync member"):
        book.holds_all(2, "is in sync")


def test_a_start_that_was_not_on_the_disk_may_come_back() -> None:
    book = book_of(*LOG)
    book.starts(1, 3, Retention(OLD_MS + 1, False))
    book.recovered(1, "broker-1#2", LOG[1:], 2)
    assert book.shadow(1).start_offset == 2
    with broken("a restart finds what was written"):
        book.recovered(1, "broker-1#3", [LOG[2]], 2)


def test_compaction_may_remove_a_value_that_a_later_one_replaces() -> None:
    book = book_of(*LOG, keys="abacbd", compacts=True)
    book.compacted(1, [LOG[0]._replace(crc=2, kept=()), LOG[1], LOG[2]], 0)
    book.compacted(1, LOG[1:], 0)
    book.holds_all(1, "is in sync")


@pytest.mark.parametrize("left", [LOG[1:], [LOG[0]._replace(crc=2, kept=(0,)), *LOG[1:]]], ids=["whole", "in part"])
def test_the_last_value_of_a_key_must_stay(left: list[BatchEntry]) -> None:
    book = book_of(*LOG, keys="abacad", compacts=True)
    with broken("the last value of a key stays"):
        book.compacted(1, left, 0)


def test_a_log_that_is_not_compacted_loses_nothing_within() -> None:
    book = book_of(*LOG, keys="aaaaaa")
    with broken("the last value of a key stays"):
        book.compacted(1, LOG[1:], 0)


def test_compaction_makes_no_other_records() -> None:
    book = book_of(*LOG, keys="abacbd", compacts=True)
    for wrong in ([*LOG, entry(6)], [LOG[0]._replace(crc=2), *LOG[1:]]):
        with broken("compaction only removes"):
            book.compacted(1, wrong, 0)


def test_what_is_behind_an_open_transaction_is_not_compacted() -> None:
    log = [entry(0), in_transaction(1), entry(2), entry(3)]
    book = book_of(*log, keys="aaaa", compacts=True)
    with broken("the last value of a key stays"):
        book.compacted(1, [log[0]._replace(crc=2, kept=()), *log[1:]], 0)
    log.append(in_transaction(4, commits=False))
    book = book_of(*log, keys="aaaa", compacts=True)
    book.compacted(1, log[3:], 0)


def test_a_marker_stays_while_a_batch_of_its_transaction_does_and_as_long_as_it_is_young() -> None:
    log = [in_transaction(0), in_transaction(1, commits=False), entry(2), entry(3)]
    book = book_of(*log, keys="axab", compacts=True)
    with broken("a marker stays as long as its transaction"):
        book.compacted(1, log[2:], 0)
    book.tombstones_until_ms = OLD_MS + 1
    with broken("a marker stays as long as its transaction"):
        book.compacted(1, [log[0], *log[2:]], 0)
    book.compacted(1, log[2:], 0)


def test_a_follower_of_a_compacted_leader_has_what_must_be_there() -> None:
    book = book_of(*LOG, keys="abacbd", compacts=True)
    for had, is_enough in (([LOG[1], LOG[2]], True), ([LOG[2]], False)):
        book.appended(3, had)
        if is_enough:
            book.holds_all(3, "was elected")
        book.shadow(3).begins_anew(0)
    book.appended(3, [LOG[0], LOG[2]._replace(crc=2, kept=(3, 5))])
    with broken("the last value of a key stays"):
        book.holds_all(3, "was elected")


def test_readers_must_find_what_is_stable_and_neither_deleted_nor_replaced() -> None:
    records = CommittedRecords()
    records.compacts = True
    for each, key in ((in_transaction(0), b"a"), (entry(1), b"a"), (entry(2), b"b"), (in_transaction(3), b"b")):
        records.add(each, [CommittedRecord(each.base_offset, key, b"%d" % each.base_offset)])
    assert records.stable_end == 0
    assert records.contents(aborted=False) == ([], [])
    assert [offset for offset, _ in records.contents(aborted=True).ever] == [0, 1, 2, 3]
    records.add(in_transaction(4, commits=False), [])
    assert records.stable_end == 5
    assert records.contents(aborted=False) == ([(1, b"1"), (2, b"2")], [(1, b"1"), (2, b"2")])
    records.begins_at(2)
    assert records.contents(aborted=False).kept == [(2, b"2")]


def test_a_transaction_whose_records_were_all_deleted_holds_nothing_back() -> None:
    records = CommittedRecords()
    records.add(in_transaction(0), [CommittedRecord(0, b"a", b"0")])
    records.add(entry(1), [CommittedRecord(1, b"b", b"1")])
    records.begins_at(1)
    assert records.stable_end == 2


def test_an_entry_says_which_records_compaction_has_left() -> None:
    def batch(*values: bytes):
        builder = BatchBuilder(base_timestamp=0)
        for value in values:
            builder.append(0, b"key", value)
        (made,) = parse_batches(builder.build())
        return made.stamped(10, 3)

    original = entry_of(batch(b"a", b"b"))
    assert entry_of(batch(b"a", b"b"), original).kept is None
    cleaned = entry_of(batch(b"a", b"c"), original)
    assert cleaned.kept == (10, 11)
    assert cleaned.stands_for(original)
    assert not original.stands_for(original)


def test_a_power_loss_may_take_what_was_not_durable_from_a_log_that_is_not_in_sync() -> None:
    for found, is_member, invariant in (
        (LOG[:1], False, ""),
        (LOG, True, ""),
        (LOG[:2], True, "committed records are on every in-sync member"),
        ([], False, "what was synced survives"),
    ):
        book = book_of(*LOG)
        book.shadow(2).durable_to, book.shadow(2).has_lost_power = 2, True
        if not invariant:
            book.lost_power(2, "broker-2#2", found, 0, is_member=is_member)
            assert (book.shadow(2).entries, book.shadow(2).has_lost_power) == (found, False)
            continue
        with broken(invariant):
            book.lost_power(2, "broker-2#2", found, 0, is_member=is_member)


def test_what_was_cut_off_and_comes_back_with_a_power_loss_is_what_it_was() -> None:
    book = book_of(*LOG)
    cut = entry(6)
    book.appended(2, [cut])
    book.truncated(2, 6)
    book.lost_power(2, "broker-2#2", [*LOG, cut], 0, is_member=True)
    assert book.shadow(2).end_offset == 7
    with broken("logs that share offset and epoch share all before"):
        book.lost_power(2, "broker-2#3", [*LOG, cut._replace(crc=2)], 0, is_member=True)
