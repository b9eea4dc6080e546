"""Batches as clients send them, and logs to put them into."""

from typing import Any

from kstore.fs import FileSlice
from kstore.log import AppendInfo, Log, LogConfig, LogRead
from kstore.records import BatchBuilder, RecordBatch, parse_batches

NOW_MS = 1_700_000_000_000


def batch(
    count: int = 1,
    *,
    size: int = 20,
    timestamp: int = NOW_MS,
    producer: int = -1,
    epoch: int = 0,
    sequence: int = 0,
    compression: int = 0,
    transactional: bool = False,
    fill: bytes = b"v",
) -> RecordBatch:
    with_producer = producer >= 0
    builder = BatchBuilder(
        compression=compression,
        producer_id=producer,
        producer_epoch=epoch if with_producer else -1,
        base_sequence=sequence if with_producer else -1,
        transactional=transactional,
    )
    for index in range(count):
        builder.append(timestamp + index, b"key", fill * size)
    return parse_batches(builder.build())[0]


def stamped(offset: int, count: int = 1, *, leader_epoch: int = 0, **rest: Any) -> RecordBatch:
    return batch(count, **rest).stamped(offset, leader_epoch)


def append(log: Log, *batches: RecordBatch, leader_epoch: int = 0, now_ms: int = NOW_MS) -> AppendInfo:
    """Append one group; what became of it, or its error raised."""
    (answer,) = log.append_as_leader([list(batches)], leader_epoch, now_ms)
    if not isinstance(answer, AppendInfo):
        raise answer
    return answer


def content(read: LogRead) -> bytes:
    """What a reader would be sent."""
    return b"".join(c.read(0, c.nbytes) if isinstance(c, FileSlice) else bytes(c) for c in read.chunks)


def everything(log: Log) -> list[bytes]:
    return [each.to_bytes() for each in log.batches(log.start_offset)]


def small_config(**changes: Any) -> LogConfig:
    """Segments of a few batches, and an index entry for nearly each."""
    return LogConfig(**{"segment_bytes": 500, "index_interval_bytes": 100, **changes})
