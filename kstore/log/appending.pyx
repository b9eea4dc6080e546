"""Appends: a leader checks and stamps batches, a follower takes them as they are; both share one write.

A write collects batches of any number of groups. It is done at the end, or before a segment is rolled, and until it has
succeeded nothing in the log changes. Changes of producer states are staged meanwhile, so that a producer's second batch
in the same write finds its first.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t

from kstore.checked cimport is_on
from kstore.log.preparing cimport Prepared, checked, in_codec_of, wants_other_codec
from kstore.log.producers cimport ProducerStates, Written, marker_of
from kstore.log.tail cimport HotTail
from kstore.log.writing cimport chunks_of, note_batches
from kstore.records.batch cimport RecordBatch, last_offset_of
from kstore.records.layout cimport CONTROL_BIT

from kstore.errors import (
    CorruptMessage,
    FencedLeaderEpoch,
    InvalidRecord,
    KafkaError,
    KafkaStorageError,
    RecordListTooLarge,
)
from kstore.fs.interface import TornWriteError
from kstore.log.answers import AppendInfo

cdef int64_t RELATIVE_OFFSET_MAX = 0x7FFFFFFF
cdef int64_t HEADER_BYTES = 61


@cython.final
cdef class Write:
    """Batches that will be written together, at the end of the active segment.

    What decides on a roll is looked up once, and again after each roll, not for each batch.
    """

    cdef object log
    cdef object segment
    cdef list batches
    cdef bint keep_hot
    cdef bint indexes_full
    cdef readonly int64_t now_ms
    cdef int64_t nbytes
    cdef int64_t position            # where in the segment the waiting batches will begin
    cdef int64_t first_timestamp     # of the segment's first batch; -1 while it has none
    cdef int64_t segment_bytes
    cdef int64_t segment_ms

    def __cinit__(self, log, int64_t now_ms, *, bint keep_hot):
        config = log.config
        self.log = log
        self.now_ms = now_ms
        self.keep_hot = keep_hot
        self.segment_bytes = config.segment_bytes
        self.look_at_segment()

    cdef int look_at_segment(self) except -1:
        cdef object config = self.log.config
        self.segment = self.log.segments.active
        self.segment_ms = self.log.segment_ms
        self.batches = []
        self.nbytes = 0
        cdef object known
        self.position = self.segment.file.size
        self.first_timestamp = -1
        if self.position:
            known = self.segment.known_first_timestamp
            self.first_timestamp = self.segment.first_timestamp() if known is None else known
        # a batch makes one entry at most, and the time index has room for fewer than the offset index
        self.indexes_full = self.position // HEADER_BYTES >= <int64_t>config.time_index_entries_max - 1 and (
            len(self.segment.offset_index) >= config.index_entries_max
            or len(self.segment.time_index) >= config.time_index_entries_max
        )
        return 0

    cdef bint has_aged(self, int64_t max_timestamp):
        """Whether the segment is old enough to roll, as in Kafka: by its timestamps, or by the clock without any."""
        if not self.position + self.nbytes:
            return False
        if self.first_timestamp >= 0:
            return max_timestamp - self.first_timestamp > self.segment_ms
        return self.now_ms - <int64_t>self.segment.created_ms > self.segment_ms

    cdef int make_room(self, int64_t nbytes, int64_t max_timestamp, int64_t last_offset) except -1:
        """Roll if the active segment has no room for such a group behind what waits; raises OSError."""
        if (
            self.position + self.nbytes > self.segment_bytes - nbytes
            or last_offset - <int64_t>self.segment.base_offset > RELATIVE_OFFSET_MAX
            or self.indexes_full
            or self.has_aged(max_timestamp)
        ):
            self.commit()
            self.log.roll(self.now_ms)
            self.look_at_segment()
        return 0

    cdef void add(self, RecordBatch batch):
        if self.first_timestamp < 0 and not self.position + self.nbytes:
            self.first_timestamp = batch.max_timestamp
        self.batches.append(batch)
        self.nbytes += batch.size_bytes

    cdef int commit(self) except -1:
        """Write what waits, then note it in the log. When it raises OSError, the log is as before."""
        cdef list batches = self.batches
        cdef object log = self.log
        if not batches:
            return 0
        try:
            self.segment.file.append(chunks_of(batches, self.nbytes), self.nbytes)
        except TornWriteError as error:
            raise log.failed(f"{self.segment.file.path} is torn: {error}") from error
        if not self.position:
            self.segment.created_ms = self.now_ms
        self.note(batches)
        log.end_offset = last_offset_of(<RecordBatch>batches[len(batches) - 1]) + 1
        if is_on:
            log.check()
        self.position += self.nbytes
        self.batches = []
        self.nbytes = 0
        return 0

    cdef int note(self, list batches) except -1:
        """Note what was written in indexes, producer states and hot tail."""
        cdef ProducerStates producers = self.log.producers
        cdef HotTail hot = self.log.hot
        cdef RecordBatch batch
        cdef object aborted
        note_batches(self.segment, batches, self.position, self.log.config.index_interval_bytes)
        for batch in batches:
            if batch.producer_id >= 0:
                aborted = producers.add(batch)
                if aborted is not None:
                    self.segment.add_aborted(aborted)
            if self.keep_hot:
                hot.append(batch)
        return 0


@cython.final
cdef class LeaderAppend:
    """One call of ``Log.append_as_leader``."""

    cdef object log
    cdef object config
    cdef ProducerStates producers
    cdef Write write
    cdef dict staged             # producers as they will be when what waits is written
    cdef object options            # of the group being taken; None if it has no transactional batches
    cdef object error            # what every group fails with
    cdef bint from_client
    cdef int codec               # the log's own; -1 if batches keep theirs
    cdef int32_t epoch
    cdef int64_t now_ms
    cdef int64_t next_offset

    def __cinit__(self, log, int32_t leader_epoch, int64_t now_ms, bint from_client):
        self.log = log
        self.config = log.config
        self.producers = log.producers
        self.epoch = leader_epoch
        self.now_ms = now_ms
        self.from_client = from_client
        self.codec = self.config.compression_type
        self.next_offset = log.end_offset
        self.staged = {}

    def run(self, groups, options):
        """The outcome of each group: its AppendInfo or its error."""
        cdef list answers = []
        self.begin()
        for group in groups:
            if options is not None:
                self.options = options[len(answers)]
            answers.append(self.take(group) if self.error is None else self.error)
        if self.error is None:
            self.finish()
        if self.error is not None:
            self.take_back(answers)
        return answers

    cdef int begin(self) except -1:
        if self.log.failure is not None:
            self.error = KafkaStorageError(self.log.failure)
        elif self.epoch < <int32_t>self.log.epochs.latest:
            self.error = FencedLeaderEpoch(f"epoch {self.epoch} is older than the log's {self.log.epochs.latest}")
        else:
            try:
                self.write = Write(self.log, self.now_ms, keep_hot=True)
            except OSError as error:
                self.error = self.storage_error(error)
        return 0

    cdef object take(self, object group):
        """Accept a group into the write, or say why not."""
        cdef dict staged = self.staged
        if len(group) > 1:
            self.staged = staged.copy()
        try:
            return self.accept(group)
        except KafkaError as error:
            self.staged = staged
            if self.log.failure is not None:    # it failed while it made room for this group
                self.error = error
            return error
        except OSError as error:
            self.error = self.storage_error(error)
            return self.error

    cdef object accept(self, object group):
        cdef RecordBatch batch, ours
        cdef Written former
        cdef list stamped = []
        cdef bint several = len(group) > 1
        cdef int64_t offset = self.next_offset, nbytes = 0, newest = -1, append_time = -1
        if not group:
            raise InvalidRecord("there is no batch to append")
        for item in group:
            if type(item) is Prepared:
                valid = item
                batch = (<Prepared>item).batch
            else:
                batch = item
                valid = checked(batch, self.config, self.now_ms, self.from_client)
                if self.codec >= 0 and wants_other_codec(batch, self.codec):
                    batch = in_codec_of(self.config, batch, valid)
            if batch.producer_id >= 0:
                former = self.producers.check(batch, self.staged, self.from_client, self.config, self.options)
                if former is not None:
                    return AppendInfo(former.first_offset, former.last_offset, former.timestamp, -1, True, [])
            ours = batch.stamped(offset, self.epoch, valid.log_append_time, max_timestamp=valid.max_timestamp)
            if several and batch.producer_id >= 0:
                self.producers.stage(ours, self.staged)
            stamped.append(ours)
            offset = last_offset_of(ours) + 1
            nbytes += ours.size_bytes
            newest = max(newest, ours.max_timestamp)
            if valid.log_append_time is not None:
                append_time = valid.log_append_time
        if nbytes > self.write.segment_bytes:
            raise RecordListTooLarge(f"{nbytes} bytes don't fit into a segment of {self.write.segment_bytes}")
        if self.epoch > <int32_t>self.log.epochs.latest:
            self.log.epochs.assign(self.epoch, self.next_offset)
        self.write.make_room(nbytes, newest, offset - 1)
        for ours in stamped:
            self.write.add(ours)
        if not several and ours.producer_id >= 0:
            self.producers.stage(ours, self.staged)
        first_offset, self.next_offset = self.next_offset, offset
        return AppendInfo(first_offset, offset - 1, newest, append_time, False, stamped)

    cdef int finish(self) except -1:
        try:
            self.write.commit()
        except KafkaError as error:
            self.error = error
        except OSError as error:
            self.error = self.storage_error(error)
        return 0

    cdef object storage_error(self, object error):
        return self.log.failed(f"couldn't append to {self.log.path}: {error}")

    cdef int take_back(self, list answers) except -1:
        """Fail what was accepted but not written, and retries of it, with the error of the write."""
        for index, answer in enumerate(answers):
            if isinstance(answer, AppendInfo) and answer.last_offset >= self.log.end_offset:
                answers[index] = self.error
        return 0


@cython.final
cdef class FollowerAppend:
    """One call of ``Log.append_as_follower``."""

    cdef object log
    cdef int64_t now_ms

    def __cinit__(self, log, int64_t now_ms):
        self.log = log
        self.now_ms = now_ms

    def run(self, batches, bint verify):
        """Write them all, or raise and write none, except for those that went into a segment before it was rolled."""
        cdef int64_t next_offset = self.log.end_offset
        cdef int32_t latest = self.log.epochs.latest
        cdef RecordBatch batch
        cdef Write write
        log = self.log
        if log.failure is not None:
            raise KafkaStorageError(log.failure)
        try:
            write = Write(log, self.now_ms, keep_hot=False)
            for batch in batches:
                if batch.base_offset < next_offset or batch.last_offset_delta < 0:
                    raise CorruptMessage(
                        f"{log.path} continues at {next_offset}, not with offsets {batch.base_offset} to"
                        f" {last_offset_of(batch)}"
                    )
                if verify:
                    batch.verify_crc()
                if batch.producer_id >= 0 and batch.attributes & CONTROL_BIT:
                    marker_of(batch)    # raises for one that can't be read, while nothing is written yet
                if batch.leader_epoch > latest:
                    log.epochs.assign(batch.leader_epoch, batch.base_offset)
                    latest = batch.leader_epoch
                write.make_room(batch.size_bytes, batch.max_timestamp, last_offset_of(batch))
                write.add(batch)
                next_offset = last_offset_of(batch) + 1
            write.commit()
        except OSError as error:
            raise log.failed(f"couldn't append to {log.path}: {error}") from error
