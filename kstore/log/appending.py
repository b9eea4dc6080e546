"""Appending: what a leader checks and stamps, what a follower takes as it is, and the one write of both.

A write is put together from any number of groups and happens at the end, or before a segment is rolled. Until it has
succeeded nothing of the log changes; what its groups do to their producers is staged meanwhile, so that a producer's
second batch in the same write finds its first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kstore.errors import (
    CorruptMessage,
    FencedLeaderEpoch,
    InvalidRecord,
    KafkaError,
    KafkaStorageError,
    RecordListTooLarge,
)
from kstore.fs import Buffer, TornWriteError
from kstore.log.answers import AppendInfo
from kstore.log.producers import ProducerEntry
from kstore.records import RecordBatch, validate_for_append

if TYPE_CHECKING:
    from kstore.log.log import Log

RELATIVE_OFFSET_MAX = (1 << 31) - 1


class _Write:
    """Batches that will be written together, at the end of the active segment."""

    __slots__ = ("_batches", "_keep_hot", "_log", "_nbytes", "now_ms")

    def __init__(self, log: Log, now_ms: int, *, keep_hot: bool) -> None:
        self._log = log
        self._keep_hot = keep_hot
        self.now_ms = now_ms
        self._batches: list[RecordBatch] = []
        self._nbytes = 0

    def make_room(self, nbytes: int, max_timestamp: int, last_offset: int) -> None:
        """Roll if the active segment can't take a group like this behind what waits; raises OSError."""
        config = self._log.config
        active = self._log.segments.active
        size = active.size_bytes + self._nbytes
        full = (
            size > config.segment_bytes - nbytes
            or last_offset - active.base_offset > RELATIVE_OFFSET_MAX
            or len(active.offset_index) >= config.index_entries_max
            or len(active.time_index) >= config.time_index_entries_max
            or self._has_aged(max_timestamp, size)
        )
        if full:
            self.commit()
            self._log.roll(self.now_ms)

    def _has_aged(self, max_timestamp: int, size: int) -> bool:
        """As Apache Kafka: by the records' own times, or by the clock when they have none."""
        if not size:
            return False
        active = self._log.segments.active
        first = active.first_timestamp() if active.size_bytes else self._batches[0].max_timestamp
        waited_ms = max_timestamp - first if first >= 0 else self.now_ms - active.created_ms
        return waited_ms > self._log.config.segment_ms

    def add(self, batch: RecordBatch) -> None:
        self._batches.append(batch)
        self._nbytes += batch.size_bytes

    def commit(self) -> None:
        """Write what waits, then let the log know of it; raises OSError, and the log is as before."""
        batches, nbytes = self._batches, self._nbytes
        if not batches:
            return
        self._batches, self._nbytes = [], 0
        log = self._log
        segment = log.segments.active
        position = segment.size_bytes
        chunks: list[Buffer] = []
        for batch in batches:
            chunks.append(batch.header)
            chunks.append(batch.payload)
        try:
            segment.file.append(chunks, nbytes)
        except TornWriteError as error:
            raise log.failed(f"{segment.file.path} is torn: {error}") from error
        if not position:
            segment.created_ms = self.now_ms
        interval = log.config.index_interval_bytes
        producers = log.producers
        hot = log.hot
        for batch in batches:
            segment.note(batch, position, interval)
            position += batch.size_bytes
            if batch.producer_id >= 0:
                producers.add(batch)
            if self._keep_hot:
                hot.append(batch)
        log.end_offset = batches[-1].last_offset + 1


class LeaderAppend:
    """One call of ``Log.append_as_leader``."""

    __slots__ = ("_epoch", "_error", "_from_client", "_log", "_next_offset", "_staged", "_write")

    def __init__(self, log: Log, leader_epoch: int, now_ms: int, from_client: bool) -> None:
        self._log = log
        self._epoch = leader_epoch
        self._from_client = from_client
        self._write = _Write(log, now_ms, keep_hot=True)
        self._next_offset = log.end_offset
        self._staged: dict[int, ProducerEntry] = {}
        self._error: KafkaError | None = None

    def run(self, groups: Sequence[Sequence[RecordBatch]]) -> list[AppendInfo | KafkaError]:
        log = self._log
        if log.failure is not None:
            self._error = KafkaStorageError(log.failure)
        elif self._epoch < log.epochs.latest:
            self._error = FencedLeaderEpoch(f"epoch {self._epoch} is older than the log's {log.epochs.latest}")
        answers = [self._error if self._error is not None else self._take(group) for group in groups]
        if self._error is None:
            self._guarded_commit()
        if self._error is not None:
            self._take_back(answers)
        return answers

    def _take(self, group: Sequence[RecordBatch]) -> AppendInfo | KafkaError:
        """Accept a group into the write, or say why not."""
        staged = self._staged.copy() if self._staged and len(group) > 1 else self._staged
        try:
            return self._accept(group)
        except KafkaError as error:
            self._staged = staged if len(group) > 1 else self._staged
            return error
        except OSError as error:
            self._error = KafkaStorageError(f"couldn't append to {self._log.path}: {error}")
            return self._error

    def _accept(self, group: Sequence[RecordBatch]) -> AppendInfo | KafkaError:
        if not group:
            raise InvalidRecord("there is no batch to append")
        log = self._log
        config = log.config
        now_ms = self._write.now_ms
        offset = self._next_offset
        stamped: list[RecordBatch] = []
        nbytes = 0
        newest = append_time = -1
        for batch in group:
            valid = validate_for_append(
                batch,
                topic_compacted=config.compacted,
                timestamp_type=config.message_timestamp_type,
                now_ms=now_ms,
                before_max_ms=config.message_timestamp_before_max_ms,
                after_max_ms=config.message_timestamp_after_max_ms,
                max_batch_bytes=config.max_message_bytes,
                max_decompressed_bytes=config.max_decompressed_bytes,
                from_client=self._from_client,
            )
            if batch.producer_id >= 0:
                former = log.producers.check(batch, self._staged, from_client=self._from_client)
                if former is not None:
                    return AppendInfo(former.first_offset, former.last_offset, former.timestamp, -1, True, [])
            ours = batch.stamped(offset, self._epoch, valid.log_append_time, max_timestamp=valid.max_timestamp)
            if batch.producer_id >= 0:
                log.producers.stage(ours, self._staged)
            stamped.append(ours)
            offset = ours.last_offset + 1
            nbytes += ours.size_bytes
            newest = max(newest, valid.max_timestamp)
            if valid.log_append_time is not None:
                append_time = valid.log_append_time
        if nbytes > config.segment_bytes:
            raise RecordListTooLarge(f"{nbytes} bytes don't fit into a segment of {config.segment_bytes}")
        if self._epoch > log.epochs.latest:
            log.epochs.assign(self._epoch, self._next_offset)
        self._write.make_room(nbytes, newest, offset - 1)
        for ours in stamped:
            self._write.add(ours)
        first_offset, self._next_offset = self._next_offset, offset
        return AppendInfo(first_offset, offset - 1, newest, append_time, False, stamped)

    def _guarded_commit(self) -> None:
        try:
            self._write.commit()
        except KafkaError as error:
            self._error = error
        except OSError as error:
            self._error = KafkaStorageError(f"couldn't append to {self._log.path}: {error}")

    def _take_back(self, answers: list[AppendInfo | KafkaError]) -> None:
        """What was accepted but never written has failed with the write, and so have its retries."""
        assert self._error is not None
        for place, answer in enumerate(answers):
            if isinstance(answer, AppendInfo) and answer.last_offset >= self._log.end_offset:
                answers[place] = self._error


class FollowerAppend:
    """One call of ``Log.append_as_follower``."""

    __slots__ = ("_log", "_write")

    def __init__(self, log: Log, now_ms: int) -> None:
        self._log = log
        self._write = _Write(log, now_ms, keep_hot=False)

    def run(self, batches: Sequence[RecordBatch], verify: bool) -> None:
        log = self._log
        if log.failure is not None:
            raise KafkaStorageError(log.failure)
        next_offset = log.end_offset
        try:
            for batch in batches:
                last_offset = batch.last_offset
                if batch.base_offset < next_offset or last_offset < batch.base_offset:
                    raise CorruptMessage(
                        f"{log.path} continues at {next_offset}, not with offsets {batch.base_offset} to {last_offset}"
                    )
                if verify:
                    batch.verify_crc()
                if batch.leader_epoch > log.epochs.latest:
                    log.epochs.assign(batch.leader_epoch, batch.base_offset)
                self._write.make_room(batch.size_bytes, batch.max_timestamp, last_offset)
                self._write.add(batch)
                next_offset = last_offset + 1
            self._write.commit()
        except OSError as error:
            raise KafkaStorageError(f"couldn't append to {log.path}: {error}") from error
