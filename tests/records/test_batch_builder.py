"""What the builder takes, refuses and promises; its bytes are compared in test_batch_against_model.py."""

import pytest

from kstore.records import BatchBuilder, parse_batches


def read(data: bytes) -> list[tuple[int, bytes | None, bytes | None]]:
    return [(record.timestamp, record.key, record.value) for record in parse_batches(data)[0].records()]


def test_a_record_that_is_refused_leaves_the_batch_as_it_was() -> None:
    builder = BatchBuilder()
    builder.append(1, None, b"a")
    for bad in (("text", b""), (b"", 7), (b"", b"", [("h", "text")]), (b"", b"", [(b"h", b"")]), (b"", b"", [1])):
        with pytest.raises((TypeError, ValueError)):
            builder.append(2, *bad)
    assert builder.count == 1
    assert read(builder.build()) == [(1, None, b"a")]


@pytest.mark.parametrize("compression", range(5))
def test_a_builder_builds_once(compression: int) -> None:
    builder = BatchBuilder(compression=compression)
    builder.append(1, None, b"a")
    builder.build()
    for again in (builder.build, lambda: builder.append(1, None, b"a")):
        with pytest.raises(ValueError, match="make a new one"):
            again()


def test_a_batch_without_records_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one record"):
        BatchBuilder().build()


def test_a_compression_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="compression 5"):
        BatchBuilder(compression=5)


def test_the_first_timestamp_is_the_base_unless_one_is_given() -> None:
    first, given = BatchBuilder(), BatchBuilder(base_timestamp=3)
    for builder in (first, given):
        builder.append(50, None, b"")
        builder.append(20, None, b"")
    batches = [parse_batches(builder.build())[0] for builder in (first, given)]
    assert [(batch.base_timestamp, batch.max_timestamp) for batch in batches] == [(50, 50), (3, 50)]
    assert [[record.timestamp for record in batch.records()] for batch in batches] == [[50, 20], [50, 20]]


def test_timestamps_at_both_ends_of_int64_survive() -> None:
    builder = BatchBuilder()
    ends = [2**63 - 1, -(2**63), -1, 0]
    for timestamp in ends:
        builder.append(timestamp, None, b"")
    assert [record.timestamp for record in parse_batches(builder.build())[0].records()] == ends


def test_a_batch_grows_with_records_of_any_size() -> None:
    builder = BatchBuilder()
    sizes = [1000, 1, 0, 100_000, 63, 64, 8191, 8192, 3_000_000]
    for size in sizes:
        builder.append(0, b"k" * size, b"v" * size)
    found = parse_batches(builder.build())[0].records()
    assert [(len(record.key or b""), len(record.value or b"")) for record in found] == [(size, size) for size in sizes]
