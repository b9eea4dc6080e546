"""A reader of committed records beside one of all: a log of 100 MB in fetches of 1 MB each, made into answers.

The log has no transactions, or 10,000 that were aborted among its records; it is read from its files, whose pages are
in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.partition.chunks import Chunks
from kstore.fs.posix import PosixFileSystem
from kstore.log import Log, LogConfig, LogRead
from kstore.records import BatchBuilder, EndTransactionMarker, RecordBatch, end_transaction_batch, parse_batches
from kstore.schema import frames
from kstore.schema.messages.fetch import AbortedTransaction, FetchableTopicResponse, FetchResponse, PartitionData

Measure = Callable[..., Any]

NOW_MS = 1_700_000_000_000
FETCH_BYTES = 1 << 20
BATCHES, BATCH_RECORDS = 10_000, 90
ABORTED = 10_000
VERSION = 12


def batch(records: int, producer_id: int = -1, sequence: int = -1) -> RecordBatch:
    is_transactional = producer_id >= 0
    builder = BatchBuilder(
        producer_id=producer_id,
        producer_epoch=0 if is_transactional else -1,
        base_sequence=sequence,
        transactional=is_transactional,
    )
    for _ in range(records):
        builder.append(NOW_MS, None, b"v" * 100)
    return parse_batches(builder.build())[0]


@pytest.fixture(params=[0, ABORTED], ids=["none aborted", "10,000 aborted"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    log = Log.open(PosixFileSystem(tmp_path), "orders-0", LogConfig(), now_ms=NOW_MS)
    plain = [batch(BATCH_RECORDS)]
    for number in range(BATCHES):
        log.append_as_leader([plain], 0, NOW_MS)
        if request.param:
            producer_id = number % 50
            log.append_as_leader([[batch(1, producer_id, number // 50)]], 0, NOW_MS)
            marker = end_transaction_batch(EndTransactionMarker(False, 0), NOW_MS, producer_id, 0)
            log.append_as_leader([parse_batches(marker)], 0, NOW_MS, from_client=False)
    log.advance_high_watermark(log.end_offset)
    log.flush()
    log.hot.clear()
    yield log
    log.close()


def answer(log: Log, read: LogRead) -> None:
    """Make what was read into the parts of an answer, and bring those that lie in the file into memory."""
    aborted = [
        AbortedTransaction(producer_id=each.producer_id, first_offset=each.first_offset) for each in read.aborted
    ]
    data = PartitionData(
        partition_index=0,
        high_watermark=log.high_watermark,
        last_stable_offset=log.last_stable_offset,
        log_start_offset=0,
        aborted_transactions=aborted,
        records=Chunks(read.chunks, read.batches),
    )
    response = FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=[data])])
    for part in frames.encode_response(response, VERSION, 1):
        if not isinstance(part, bytes | bytearray | memoryview):
            part.read(0, part.nbytes)


def read_all(log: Log) -> None:
    offset = 0
    while offset < log.end_offset:
        read = log.read(offset, FETCH_BYTES, up_to=log.high_watermark)
        answer(log, read)
        offset = read.next_offset


def read_committed(log: Log) -> None:
    offset = 0
    while offset < log.end_offset:
        read = log.read_committed(offset, FETCH_BYTES)
        answer(log, read)
        offset = read.next_offset


def test_all_records(measure: Measure, log: Log) -> None:
    measure(read_all, log, count=log.size_bytes, unit="bytes")


def test_committed_records(measure: Measure, log: Log) -> None:
    measure(read_committed, log, count=log.size_bytes, unit="bytes")
