"""What must hold of a log that was recovered after a crash, whatever the crash left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from log.crash_node import Entry, Ledger

from kstore.log import Log
from kstore.log.producers import ProducerEntry, ProducerStates
from kstore.log.segment import Segment
from kstore.named import NamedTuple
from kstore.records import RecordBatch, parse_batches

Values = list[tuple[int, bytes | None, bytes | None]]


def batches(log: Log) -> list[RecordBatch]:
    """All in its segments, also below its start."""
    return [each for segment in log.segments for each in segment.batches(0)]


def records(found: Sequence[RecordBatch]) -> Values:
    return [(each.offset, each.key, each.value) for batch in found if not batch.is_control for each in batch.records()]


def newest(found: Values) -> dict[bytes | None, int]:
    """The offset of each key's last record, if it has a value."""
    last = {key: (offset, value) for offset, key, value in found}
    return {key: offset for key, (offset, value) in last.items() if value is not None}


def parsed(entries: Sequence[Entry]) -> list[RecordBatch]:
    return [parse_batches(each.data)[0] for each in entries]


def sequences(producer: ProducerEntry) -> list[tuple[int, int, int, int]]:
    """The offsets and sequences of its last batches; of their times a snapshot has only that of the producer."""
    return [(each.first_offset, each.last_offset, each.first_sequence, each.last_sequence) for each in producer.window]


class Abort(NamedTuple):
    """A transaction that was aborted, with the offsets of its records."""

    producer: int
    first: int
    last: int
    offsets: tuple[int, ...]


def aborts(history: Sequence[Entry]) -> list[Abort]:
    """The aborted transactions that a replay finds."""
    replayed, found = ProducerStates(), []
    batches = parsed(history)
    for batch in batches:
        end = replayed.add(batch) if batch.producer_id >= 0 else None
        if end is not None:
            its = [each for each in batches if each.producer_id == end.producer_id and not each.is_control]
            within = [each for each in its if end.first_offset <= each.base_offset <= end.last_offset]
            offsets = tuple(record.offset for each in within for record in each.records())
            found.append(Abort(end.producer_id, end.first_offset, end.last_offset, offsets))
    return found


def assert_is_sound(log: Log, ledger: Ledger, *, killed: bool = False) -> list[Entry]:
    """All that was promised is there, nothing else than what was appended, and what is derived from it is right.

    Returns all that the log has held, up to its end, also what was deleted at its start.
    """
    found = batches(log)
    log.check()
    assert log.start_offset <= max(ledger.start, log.segments.first.base_offset)
    if ledger.compacts:
        history = _compacted_from(log, found, ledger)
    else:
        history = _taken_from(log, found, ledger)
    if killed:
        assert log.end_offset >= ledger.written, f"the log ends at {log.end_offset}, and not at {ledger.written}"
    _assert_epochs(log, found, ledger)
    _assert_producers(log, history, ledger)
    for segment in log.segments:
        _assert_indexes(segment)
    _assert_aborted(log, history)
    return history


def _taken_from(log: Log, found: list[RecordBatch], ledger: Ledger) -> list[Entry]:
    """The batches are a piece of what the log has held at one time; that, up to the log's end."""
    entries = [Entry.of(each) for each in found]
    there = set(entries)
    lacking = [each for each in ledger.promised if each not in there]
    assert not lacking, f"what was durable is gone: {[each[:3] for each in lacking]} of {[e[:3] for e in entries]}"
    versions = [ledger.now, *ledger.before]
    if not entries:  # what is known of producers may still be that of the records before
        return [each for each in versions[-1] if each.last < log.end_offset]
    for version in versions:
        if entries[0] in version:
            first = version.index(entries[0])
            if version[first : first + len(entries)] == entries:
                return version[: first + len(entries)]
    raise AssertionError(f"the log never held {[each[:3] for each in entries]}: it held {[e[:3] for e in ledger.now]}")


def _compacted_from(log: Log, found: list[RecordBatch], ledger: Ledger) -> list[Entry]:
    """Each key has its last value, up to the log's end, and no record is another than it was."""
    end = log.end_offset
    assert end >= ledger.durable, f"the log ends at {end}, and was durable up to {ledger.durable}"
    history = [each for each in ledger.now if each.last < end]
    was, now = records(parsed(history)), records(found)
    assert set(now) <= set(was), "records are there that were never appended"
    aborted = {each for abort in aborts(history) for each in abort.offsets}
    was, now = ([each for each in these if each[0] not in aborted] for these in (was, now))
    assert newest(now) == newest(was), f"the last records of keys are those at {newest(now)}, not at {newest(was)}"
    return history


def _assert_epochs(log: Log, found: list[RecordBatch], ledger: Ledger) -> None:
    entries = log.epochs.entries
    for batch in found:
        if batch.base_offset >= log.start_offset:
            assert log.epoch_at(batch.base_offset) == batch.leader_epoch, f"{entries} at {batch.base_offset}"
    known = ledger.epochs | {(each.leader_epoch, each.base_offset) for each in found}
    for epoch, start in entries:
        assert (epoch, start) in known or start <= log.start_offset or ledger.compacts, (
            f"{epoch} never began at {start}"
        )
        assert start <= log.end_offset, f"epoch {epoch} begins at {start}, beyond the end"


def _assert_producers(log: Log, history: Sequence[Entry], ledger: Ledger) -> None:
    replayed = ProducerStates()
    for batch in parsed(history):
        if batch.producer_id >= 0:
            replayed.add(batch)
    whole = not ledger.start and not ledger.compacts
    if whole:
        assert {each.producer_id for each in log.producers} == {each.producer_id for each in replayed}
    for entry in log.producers:
        expected = replayed.get(entry.producer_id)
        assert expected is not None, f"nothing of producer {entry.producer_id} was ever in this log"
        assert entry.epoch == expected.epoch, (
            f"producer {entry.producer_id}: {entry.snapshot()}, not {expected.snapshot()}"
        )
        if expected.transaction_first_offset >= log.segments.first.base_offset or whole:
            assert entry.transaction_first_offset == expected.transaction_first_offset
        found, window = sequences(entry), sequences(expected)
        if whole:
            assert found == window, f"{found}, not {window}"
        if ledger.compacts:  # of batches before the last, the cleaner may have left none
            assert not found or found[-1] == window[-1], f"{found}, not {window}"
        else:
            assert found == window[len(window) - len(found) :], f"{found}, not the last of {window}"
    if not ledger.start:  # else one may have been deleted with its records
        assert {each.producer_id for each in replayed if each.window} <= {each.producer_id for each in log.producers}


def _assert_indexes(segment: Segment) -> None:
    """Each entry is right, and a look-up finds what a walk over the batches finds."""
    at, position = {}, 0
    found = list(segment.batches(0))
    for batch in found:
        at[batch.last_offset - segment.base_offset] = position
        position += batch.size_bytes
    offsets = [segment.offset_index.entry(number) for number in range(len(segment.offset_index))]
    assert all(at.get(relative) == place for relative, place in offsets), f"{offsets} of {at}"
    times = [segment.time_index.entry(number) for number in range(len(segment.time_index))]
    assert all(one < other for one, other in pairwise(offsets))
    assert all(one[0] < other[0] and one[1] <= other[1] for one, other in pairwise(times)), times
    for timestamp, relative in times:
        newest = max(each.max_timestamp for each in found if each.base_offset <= segment.base_offset + relative)
        assert newest == timestamp, f"up to {relative} the newest is {newest}, not {timestamp}"
    newest = max((each.max_timestamp for each in found), default=-1)
    assert segment.max_timestamp == newest, f"{segment}: its newest timestamp is {newest}, not {segment.max_timestamp}"
    for batch in found:
        place = segment.find(batch.base_offset)
        expected = (at[batch.last_offset - segment.base_offset], batch.base_offset)
        assert place == expected, f"{batch} is at {expected}, not {place}"


def _assert_aborted(log: Log, history: Sequence[Entry]) -> None:
    """The transaction indexes have what a replay finds, of the markers that are there."""
    expected = [each for each in aborts(history) if each.last >= log.segments.first.base_offset]
    found = log.segments.aborted(log.segments.first.base_offset, log.end_offset)
    there = {(each.producer_id, each.first_offset, each.last_offset) for each in found}
    ends = {(each.producer, each.last) for each in expected if each.first < log.segments.first.base_offset}
    surplus = {each for each in there - {each[:3] for each in expected} if (each[0], each[2]) not in ends}
    assert not surplus, f"{surplus} were never aborted, but {expected}"
    left = {record[0] for record in records(batches(log))}
    for each in expected:
        assert each[:3] in there or (each.producer, each.last) in ends or left.isdisjoint(each.offsets), (
            f"{each} isn't in the index"
        )
