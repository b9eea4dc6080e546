"""A reader of committed records gets nothing that was aborted, whether what it reads is in memory or in the file."""

from log.batching import NOW_MS, content
from log.compacted import compact, end_transaction, opened, put, roll

from kstore.fs import FileSystem
from kstore.log import Log
from kstore.records import parse_batches


def committed(log: Log) -> list[bytes | None]:
    """The values that a committed reader gets from the beginning on, as a client leaves out aborted ones."""
    values: list[bytes | None] = []
    offset = log.start_offset
    while (read := log.read_committed(offset, 1 << 20)).size_bytes:
        aborted = {(each.producer_id, each.first_offset, each.last_offset) for each in read.aborted}
        for batch in parse_batches(content(read)):
            gone = any(
                batch.producer_id == producer and first <= batch.base_offset <= last
                for producer, first, last in aborted
            )
            if not gone and not batch.is_control:
                values += [record.value for record in batch.records() if record.offset >= offset]
        offset = read.next_offset
    return values


def test_what_was_appended_last_is_read_from_the_compacted_file(fs: FileSystem) -> None:
    log = opened(fs, hot_tail_bytes=1 << 20)
    for number in range(4):
        put(log, (b"a", b"%d" % number), producer=number, transactional=True)
        end_transaction(log, number, commits=number % 2 == 0)
    for number in range(4):  # so that the batches above aren't the last of their producers
        put(log, (b"b", b"%d" % number), producer=number, sequence=1, timestamp=NOW_MS)
    roll(log)
    assert committed(log) == [b"0", b"2", b"0", b"1", b"2", b"3"]
    for _ in range(2):  # the second one finds nothing left of the transactions that were aborted
        compact(log)
    assert not log.segments.aborted(0, log.end_offset)
    assert committed(log) == [b"2", b"3"]
