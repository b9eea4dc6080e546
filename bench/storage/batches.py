"""Batches for the measurements, as a producer sends them."""

from kstore.records import BatchBuilder, parse_batches
from kstore.records.batch import RecordBatch

NOW_MS = 1_700_000_000_000
OVERHEAD_BYTES = 9
"""Of a record beside its value, about."""


def sent(record_bytes: int, batch_bytes: int, *, compression: int = 0) -> bytes:
    """One batch of records of a size, filled up to another."""
    builder = BatchBuilder(compression=compression)
    for number in range(batch_bytes // (record_bytes + OVERHEAD_BYTES)):
        builder.append(NOW_MS + number, None, b"%08d" % number + b"v" * (record_bytes - 8))
    return builder.build()


def stamped(data: bytes, count: int) -> list[RecordBatch]:
    """So many copies of a batch, with their places in a log."""
    (batch,) = parse_batches(data)
    return [batch.stamped(number * batch.count, 0) for number in range(count)]
