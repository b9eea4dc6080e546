"""What a reader of committed records leaves out, batch by batch; in records and in columns."""

from __future__ import annotations

from actors.clients.consumer.columns import ColumnReader
from actors.clients.consumer.isolation import aborted_places
from actors.clients.consumer.records import PartitionRecords
from kstore import TopicPartition
from kstore.records import RecordBatch, parse_batches
from kstore.records.builder import BatchBuilder
from kstore.records.control import EndTransactionMarker, end_transaction_batch
from kstore.schema.messages.fetch import AbortedTransaction

PLACE = TopicPartition("t", 0)


def written(offset: int, producer_id: int, *values: bytes, transactional: bool = True) -> bytes:
    """A batch of a producer's."""
    builder = BatchBuilder(
        transactional=transactional, producer_id=producer_id, producer_epoch=0, base_sequence=0, base_offset=offset
    )
    for value in values:
        builder.append(0, None, value)
    return builder.build()


def marker(offset: int, producer_id: int, *, commits: bool) -> bytes:
    return end_transaction_batch(EndTransactionMarker(commits, 0), 0, producer_id, 0, base_offset=offset)


def aborted(producer_id: int, first_offset: int) -> AbortedTransaction:
    return AbortedTransaction(producer_id=producer_id, first_offset=first_offset)


def parsed(*batches: bytes) -> list[RecordBatch]:
    return parse_batches(b"".join(batches))


TWO_PRODUCERS = (
    written(0, 1, b"a1"),
    written(1, 2, b"b1", b"b2"),
    written(3, 1, b"a2"),
    marker(4, 1, commits=False),
    written(5, 1, b"a3"),
    marker(6, 2, commits=True),
    marker(7, 1, commits=True),
    written(8, -1, b"outside", transactional=False),
)


def test_what_a_producer_wrote_up_to_its_abort_is_left_out_and_nothing_else() -> None:
    batches = parsed(*TWO_PRODUCERS)
    assert set(aborted_places(batches, [aborted(1, 0)])) == {0, 2}
    records = PartitionRecords(PLACE, batches, 0, aborted={0, 2})
    assert [each.value for each in records.take(100)] == [b"b1", b"b2", b"a3", b"outside"]
    assert records.next_offset == 9


def test_columns_leave_out_the_same() -> None:
    records = PartitionRecords(PLACE, parsed(*TWO_PRODUCERS), 0, aborted={0, 2})
    columns = ColumnReader().take(records, 100)
    assert columns is not None
    assert columns.values.to_list() == [b"b1", b"b2", b"a3", b"outside"]
    assert columns.offsets.tolist() == [1, 2, 5, 8]


def test_a_transaction_that_began_before_what_was_fetched_is_left_out_as_well() -> None:
    batches = parsed(*TWO_PRODUCERS[2:])
    assert set(aborted_places(batches, [aborted(1, 0)])) == {0}


def test_a_producer_whose_transactions_were_aborted_one_after_the_other() -> None:
    batches = parsed(
        written(0, 1, b"x"),
        marker(1, 1, commits=False),
        written(2, 1, b"y"),
        marker(3, 1, commits=True),
        written(4, 1, b"z"),
        marker(5, 1, commits=False),
    )
    assert set(aborted_places(batches, [aborted(1, 4), aborted(1, 0)])) == {0, 4}


def test_what_was_written_outside_of_transactions_is_never_left_out() -> None:
    batches = parsed(written(0, 1, b"x"), written(1, 1, b"idempotent", transactional=False))
    assert set(aborted_places(batches, [aborted(1, 0)])) == {0}


def test_when_everything_was_aborted_the_position_is_behind_it() -> None:
    records = PartitionRecords(PLACE, parsed(written(0, 1, b"x"), marker(1, 1, commits=False)), 0, aborted={0})
    assert records.take(10) == []
    assert records.next_offset == 2
