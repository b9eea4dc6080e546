"""Record batches from and to Python objects, the leader's walk, and what one small batch costs."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from kstore.records import BatchBuilder, RecordBatch, parse_batches, validate_for_append

Measure = Callable[..., Any]

NOW = 1_700_000_000_000
SHAPES = [(100, 10_000), (1_000, 1_000), (10_000, 100)]
by_shape = pytest.mark.parametrize(("size", "count"), SHAPES, ids=[f"{size}B" for size, _ in SHAPES])


def values_of(size: int, count: int) -> list[bytes]:
    noise = random.Random(1)
    return [noise.randbytes(size // 2).ljust(size, b".") for _ in range(count)]


def one_by_one(values: list[bytes]) -> bytes:
    builder = BatchBuilder()
    append = builder.append
    for value in values:
        append(NOW, b"User123", value)
    return builder.build()


def batch_of(values: list[bytes], compression: int = 0) -> RecordBatch:
    builder = BatchBuilder(compression=compression)
    for value in values:
        builder.append(NOW, None, value)
    return parse_batches(builder.build())[0]


@by_shape
def test_encode_by_single_calls(measure: Measure, size: int, count: int) -> None:
    measure(one_by_one, values_of(size, count), count=count, unit="records", goal=3e6 if size == 100 else None)


@by_shape
def test_decode_to_record_objects(measure: Measure, size: int, count: int) -> None:
    batch = parse_batches(one_by_one(values_of(size, count)))[0]
    measure(batch.records, count=count, unit="records", goal=3e6 if size == 100 else None)


@by_shape
@pytest.mark.parametrize("compression", range(5), ids=["none", "gzip", "snappy", "lz4", "zstd"])
def test_validate_for_append(measure: Measure, size: int, count: int, compression: int) -> None:
    goal = {100: 20e6, 1_000: 1e6}.get(size) if compression == 0 else None
    batch = batch_of(values_of(size, count), compression)
    measure(validate_for_append, batch, count=count, unit="records", goal=goal)


def test_one_record_parsed_validated_and_stamped(measure: Measure) -> None:
    data = batch_of(values_of(100, 1)).to_bytes()

    def through_the_leader() -> RecordBatch:
        batch = parse_batches(data)[0]
        validate_for_append(batch, now_ms=NOW)
        return batch.stamped(77, 3)

    measure(through_the_leader, unit="batches")


def test_one_record_built(measure: Measure) -> None:
    def built() -> bytes:
        builder = BatchBuilder(producer_id=1, producer_epoch=0, base_sequence=0)
        builder.append(NOW, b"User1", b"order")
        return builder.build()

    measure(built, unit="batches")
