"""Answers of a log to what Apache Kafka's own consumer asked of the same one: see ``oracle/consumer/Ask.java``.

Which records belong to aborted transactions is told by the log, and they are left out here as a consumer does it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from log.batching import content

from kstore.log import Log
from kstore.log.answers import AbortedTransaction
from kstore.records import Record, RecordBatch, parse_batches

READ_BYTES = 1 << 20


def by_topic(lines: Iterable[str]) -> dict[str, list[list[str]]]:
    """What was said of each topic, in words."""
    found: dict[str, list[list[str]]] = {}
    for line in lines:
        topic, *words = line.split()
        found.setdefault(topic, []).append(words)
    return found


def answers(log: Log, asked: Iterable[list[str]]) -> list[list[str]]:
    """The same questions, with this log's answers."""
    log.advance_high_watermark(log.end_offset)
    return [_answer(log, *words) for words in asked]


def _answer(log: Log, what: str, *words: str) -> list[str]:
    match what:
        case "begin":
            return [what, str(log.start_offset)]
        case "end":
            return [what, str(log.end_offset)]
        case "stable":
            return [what, str(log.last_stable_offset)]
        case "read":
            isolation, offset = words[:2]
            record = next(_records(log, int(offset), isolation == "read_committed"), None)
            if record is None:
                return [what, isolation, offset, "-1", "-1", "0"]
            crc = zlib.crc32(record.value or b"")
            return [what, isolation, offset, str(record.offset), str(record.timestamp), str(crc)]
    isolation, timestamp = words[:2]
    found = log.offset_for_timestamp(int(timestamp))
    if found is None or (isolation == "read_committed" and found.offset >= log.last_stable_offset):
        return [what, isolation, timestamp, "-1", "-1"]
    return [what, isolation, timestamp, str(found.offset), str(found.timestamp)]


def _records(log: Log, offset: int, committed: bool) -> Iterator[Record]:
    end = log.last_stable_offset if committed else log.end_offset
    while offset < end:
        read = log.read_committed(offset, READ_BYTES) if committed else log.read(offset, READ_BYTES)
        batches = parse_batches(content(read), allow_partial=True)
        for batch in batches:
            for record in () if batch.is_control else batch.records():
                if record.offset >= offset and not (committed and _is_aborted(batch, record, read.aborted)):
                    yield record
        offset = read.next_offset


def _is_aborted(batch: RecordBatch, record: Record, aborted: Iterable[AbortedTransaction]) -> bool:
    return batch.is_transactional and any(
        each.producer_id == batch.producer_id and each.first_offset <= record.offset <= each.last_offset
        for each in aborted
    )
