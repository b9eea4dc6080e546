"""The consumer's record, and the fetched batches of one partition that records are read from.

``PartitionRecords`` is a position in what one answer to Fetch brought for one partition. It is read in the user's own
``poll()``: batch after batch is opened (checksum, decompression under a cap), and records are made as they are asked
for, or whole columns filled without an object a record. An error stays at its offset: a batch that can't be read, or
a record that can't be deserialized, raises at each attempt until the user seeks past it.

Control batches are passed over, and records below the offset that was asked for (a batch is fetched whole). When only
committed records are read, batches of aborted transactions are passed over as well.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int32_t, int64_t, uint8_t

from actors.clients.consumer.filling cimport NO_ROOM, BatchPosition, Filling, fill_columns
from kstore.codec.cursor cimport Cursor, cursor_over
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch, last_offset_of
from kstore.records.walk cimport WALK_OK, HeaderFields, RecordFields, next_header, next_record, walk_failure

from actors.clients.consumer.deserializing import Deserialize
from actors.clients.errors import SerializationFailed
from kstore.errors import CorruptMessage, InvalidRecord, KafkaError
from kstore.errors.arguments import LONG_MAX as _LONG_MAX
from kstore.errors.arguments import text, whole

CREATE_TIME = 0
DECOMPRESSED_BYTES_MAX = layout.DECOMPRESSED_BYTES_LIMIT
cdef tuple NO_HEADERS = ()


@cython.final
@cython.no_gc
@cython.auto_pickle(False)
@cython.freelist(4096)
cdef class ConsumerRecord:
    """One record, as a consumer hands it out; it never changes.

    ``timestamp`` is in milliseconds since 1970, given by the producer when ``timestamp_type`` is 0, by the broker when
    it is 1. ``key`` and ``value`` are bytes or None, or what the deserializers made of the bytes; ``headers`` are pairs
    of a name and a value, which may be None. ``leader_epoch`` is that of the leader that appended it, -1 when it isn't
    known. Serialized sizes are in bytes, -1 for None.

    >>> ConsumerRecord("orders", 0, 42, key=b"order123").offset
    42
    """

    def __init__(self, topic, partition, offset, *, timestamp=-1, int timestamp_type=CREATE_TIME, key=None, value=None,
                 headers=(), int32_t leader_epoch=-1, int32_t serialized_key_size=-1, int32_t serialized_value_size=-1):
        self.topic = text("topic", topic)
        self.partition = whole("partition", partition)
        self.offset = whole("offset", offset, None, _LONG_MAX)
        self.timestamp = whole("timestamp", timestamp, None, _LONG_MAX)
        self.timestamp_type = timestamp_type
        self.key = key
        self.value = value
        self.headers = tuple(headers)
        self.leader_epoch = leader_epoch
        self.serialized_key_size = serialized_key_size
        self.serialized_value_size = serialized_value_size

    def _fields(self):
        return (self.topic, self.partition, self.offset, self.timestamp, self.timestamp_type, self.key, self.value,
                self.headers, self.leader_epoch, self.serialized_key_size, self.serialized_value_size)

    def __eq__(self, other):
        if not isinstance(other, ConsumerRecord):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self):
        return hash((self.topic, self.partition, self.offset))

    def __repr__(self):
        headers = f", headers={self.headers!r}" if self.headers else ""
        return (f"ConsumerRecord(topic={self.topic!r}, partition={self.partition}, offset={self.offset}, "
                f"timestamp={self.timestamp}, key={self.key!r}, value={self.value!r}{headers})")


cdef inline bytes nullable(const uint8_t *data, int32_t nbytes):
    return None if nbytes < 0 else PyBytes_FromStringAndSize(<const char *>data, nbytes)


cdef tuple headers_of(const RecordFields *fields):
    cdef Cursor c = fields.headers
    cdef HeaderFields header
    cdef tuple headers = PyTuple_New(fields.header_count)
    cdef tuple pair
    cdef int32_t i
    for i in range(fields.header_count):
        if next_header(&c, &header) != WALK_OK:
            raise InvalidRecord("a record's headers changed while they were read")
        pair = (
            PyUnicode_DecodeUTF8(<const char *>header.key, header.key_bytes, b"replace"),
            nullable(header.value, header.value_bytes),
        )
        Py_INCREF(pair)
        PyTuple_SET_ITEM(headers, i, pair)
    return headers


@cython.final
@cython.auto_pickle(False)
cdef class PartitionRecords:
    """What one answer brought for one partition, and how far it has been read: ``next_offset`` is the user's position.

    ``partition`` is a ``TopicPartition``, ``batches`` what ``parse_batches`` gives, ``offset`` what was asked for.
    ``stuck`` is True when what ``take`` or ``fill`` gave last ends before something that can't be read.
    Deserializers are called with the bytes, never with None. ``aborted`` are the indexes of batches to pass over.
    """

    def __init__(self, partition not None, list batches not None, int64_t offset, *, bint check_crcs=True,
                 key_deserializer=None, value_deserializer=None, aborted=None,
                 Py_ssize_t limit_bytes=DECOMPRESSED_BYTES_MAX):
        self.partition = partition
        self.aborted = aborted
        self.topic = partition.topic
        self.number = partition.partition
        self.batches = batches
        self.plains = None
        self.next_offset = offset
        self.leader_epoch = -1
        self.check_crcs = check_crcs
        self.key_deserializer = key_deserializer
        self.value_deserializer = value_deserializer
        self.limit_bytes = limit_bytes
        self.index = 0
        self.left = 0

    def take(self, Py_ssize_t max_records):
        """The next ``max_records`` records as a list; fewer only when no more are left, or the next can't be read.

        Raises ``CorruptMessage``, ``InvalidRecord``, ``MessageTooLarge`` or ``SerializationFailed`` when the first of
        them can't be read; the position stays before it.
        """
        cdef list found = []
        self.stuck = False
        try:
            while len(found) < max_records and (self.left or self.open_next()):
                self.read_into(found, max_records)
        except KafkaError:
            if not found:
                raise
            self.stuck = True  # what was read is given out first; the next call fails again
        return found

    cdef bint open_next(self) except -1:
        """Go to the next batch that has something to read; False when there is none."""
        cdef RecordBatch batch
        if self.batch is not None:
            self.leave()
        while self.index < len(self.batches):
            batch = self.batches[self.index]
            if last_offset_of(batch) >= self.next_offset and not self.is_passed_over(batch, self.index):
                self.enter(batch)
                if self.left:
                    return True
                self.leave()
                continue
            if last_offset_of(batch) >= self.next_offset:
                self.next_offset = last_offset_of(batch) + 1
                self.leader_epoch = batch.leader_epoch
            self.batches[self.index] = None
            self.index += 1
        return False

    cdef bint is_passed_over(self, RecordBatch batch, Py_ssize_t index) except -1:
        """Whether a batch isn't for the user: it ends a transaction, or belongs to one that was aborted."""
        if batch.attributes & layout.CONTROL_BIT:
            return True
        return self.aborted is not None and index in self.aborted

    cdef int enter(self, RecordBatch batch) except -1:
        cdef const uint8_t[::1] view
        cdef const uint8_t *data = batch.data
        cdef Py_ssize_t nbytes = batch.payload_bytes
        if batch.attributes & layout.COMPRESSION_MASK and (batch.count or nbytes):    # compaction leaves empty ones
            self.plain = self.decompressed(batch, self.index)
            view = self.plain
            nbytes = view.shape[0]
            data = &view[0] if nbytes else NULL
        elif self.check_crcs and batch.computed_crc() != batch.crc:
            raise self.corrupt(batch, "its checksum is wrong")
        self.check_count(batch, nbytes)
        self.cursor = cursor_over(data, nbytes)
        self.left = batch.count
        self.base_timestamp = batch.base_timestamp
        self.is_append_time = (batch.attributes & layout.LOG_APPEND_TIME_BIT) != 0
        self.batch = batch
        return 0

    cdef object decompressed(self, RecordBatch batch, Py_ssize_t index):
        """A compressed batch's records as bytes; its checksum is tested first."""
        if self.plains is not None and self.plains[index] is not None:
            return self.plains[index]
        if self.check_crcs and batch.computed_crc() != batch.crc:
            raise self.corrupt(batch, "its checksum is wrong")
        return batch.decompressed(self.limit_bytes)

    cdef int check_count(self, RecordBatch batch, Py_ssize_t nbytes) except -1:
        if batch.count < 0 or batch.count > nbytes // layout.LEAST_RECORD_SIZE:
            raise self.corrupt(batch, f"{batch.count} records cannot lie in {nbytes} bytes")
        return 0

    def corrupt(self, RecordBatch batch not None, str why not None):
        return CorruptMessage(f"the batch at offset {batch.base_offset} of {self.partition} can't be read: {why}; "
                              f"seek to {last_offset_of(batch) + 1} to pass over it")

    cdef int leave(self) except -1:
        """Leave a batch that was read to its end. The next offset is behind it, even where compaction took records."""
        cdef RecordBatch batch = self.batch
        if self.cursor.p != self.cursor.end:
            raise self.corrupt(batch, f"bytes follow the last of {batch.count} records")
        if last_offset_of(batch) >= self.next_offset:
            self.next_offset = last_offset_of(batch) + 1
        self.leader_epoch = batch.leader_epoch
        self.batch = None
        self.plain = None
        self.batches[self.index] = None
        if self.plains is not None:
            self.plains[self.index] = None
        self.index += 1
        return 0

    cdef int refuse(self, int code) except -1:
        raise self.corrupt(self.batch, walk_failure(code, self.batch.count - self.left))

    cdef int read_into(self, list found, Py_ssize_t max_records) except -1:
        cdef RecordFields fields
        cdef Cursor before
        cdef int64_t base_offset = self.batch.base_offset
        cdef Py_ssize_t room = max_records - len(found)
        cdef ConsumerRecord record
        cdef int code
        while self.left and room:
            before = self.cursor
            code = next_record(&self.cursor, &fields)
            if code != WALK_OK:
                self.cursor = before
                self.refuse(code)
            if base_offset + fields.offset_delta >= self.next_offset:
                try:
                    record = self.record_of(&fields)
                except KafkaError:
                    self.cursor = before
                    raise
                found.append(record)
                room -= 1
                self.next_offset = record.offset + 1
            self.left -= 1
        self.leader_epoch = self.batch.leader_epoch
        if self.left == 0:
            self.leave()
        return 0

    cdef ConsumerRecord record_of(self, const RecordFields *fields):
        cdef ConsumerRecord record = ConsumerRecord.__new__(ConsumerRecord)
        record.topic = self.topic
        record.partition = self.number
        record.offset = self.batch.base_offset + fields.offset_delta
        record.leader_epoch = self.batch.leader_epoch
        if self.is_append_time:
            record.timestamp = self.batch.max_timestamp
            record.timestamp_type = 1
        else:
            record.timestamp = <int64_t>(<unsigned long long>self.base_timestamp
                                         + <unsigned long long>fields.timestamp_delta)
        record.serialized_key_size = fields.key_bytes if fields.key_bytes >= 0 else -1
        record.serialized_value_size = fields.value_bytes if fields.value_bytes >= 0 else -1
        record.headers = NO_HEADERS if fields.header_count == 0 else headers_of(fields)
        record.key = nullable(fields.key, fields.key_bytes)
        record.value = nullable(fields.value, fields.value_bytes)
        if self.key_deserializer is not None and fields.key_bytes >= 0:
            record.key = self.deserialized(self.key_deserializer, record, record.key, "key")
        if self.value_deserializer is not None and fields.value_bytes >= 0:
            record.value = self.deserialized(self.value_deserializer, record, record.value, "value")
        return record

    cdef object deserialized(self, object deserializer, ConsumerRecord record, bytes data, str which):
        try:
            if type(deserializer) is Deserialize:
                return deserializer.function(self.topic, record.headers, data)
            return deserializer(data)
        except Exception as error:
            failed = SerializationFailed(
                f"the {which} of the record at offset {record.offset} of {self.partition} can't be deserialized: "
                f"{error!r}; seek to {record.offset + 1} to pass over it"
            )
            failed.partition = self.partition
            failed.offset = record.offset
            raise failed from error

    def room(self, Py_ssize_t max_records):
        """How many records the next ``fill`` gives at most, and how many bytes they have together at most.

        Decompresses the batches that this depends on. Raises as ``take`` does when the next batch can't be read.
        """
        cdef Py_ssize_t index, records = 0, nbytes = 0
        cdef RecordBatch batch
        cdef const uint8_t[::1] view
        if self.left == 0 and not self.open_next():
            return 0, 0
        records, nbytes = self.left, self.cursor.end - self.cursor.p
        for index in range(self.index + 1, len(self.batches)):
            if records >= max_records:
                break
            batch = self.batches[index]
            if self.is_passed_over(batch, index):
                continue
            records += max(batch.count, 0)
            if batch.attributes & layout.COMPRESSION_MASK:
                if self.plains is None:
                    self.plains = [None] * len(self.batches)
                try:
                    view = self.plains[index] = self.decompressed(batch, index)
                except KafkaError:
                    break  # the read that reaches this batch raises it
                nbytes += view.shape[0]
            else:
                nbytes += batch.payload_bytes
        return min(records, max_records), nbytes

    def fill(self, int64_t[::1] offsets not None, int64_t[::1] timestamps not None,
             uint8_t[::1] key_data not None, int64_t[::1] key_ends not None, uint8_t[::1] key_nulls not None,
             uint8_t[::1] value_data not None, int64_t[::1] value_ends not None, uint8_t[::1] value_nulls not None):
        """Put the next records into columns of the sizes that ``room`` gave; returns how many records there were.

        ``key_ends`` and ``value_ends`` have one element more than there are records, the first of them 0.
        """
        cdef Filling f
        f.offsets, f.timestamps = &offsets[0], &timestamps[0]
        f.key_data, f.key_ends, f.key_nulls = &key_data[0], &key_ends[0], &key_nulls[0]
        f.value_data, f.value_ends, f.value_nulls = &value_data[0], &value_ends[0], &value_nulls[0]
        f.count = f.key_at = f.value_at = 0
        f.max_count = offsets.shape[0]
        f.key_room, f.value_room = key_data.shape[0], value_data.shape[0]
        f.key_ends[0] = f.value_ends[0] = 0
        self.stuck = False
        try:
            while f.count < f.max_count and (self.left or self.open_next()):
                if not self.fill_from_batch(&f):
                    break
        except KafkaError:
            if not f.count:
                raise
            self.stuck = True
        return f.count

    cdef bint fill_from_batch(self, Filling *f) except -1:
        """Go on in this batch; False when the columns have no room for the bytes of the next record."""
        cdef BatchPosition position
        cdef int code
        position.cursor = self.cursor
        position.base_offset = self.batch.base_offset
        position.next_offset = self.next_offset
        position.base_timestamp = self.batch.max_timestamp if self.is_append_time else self.base_timestamp
        position.adds_delta = not self.is_append_time
        position.left = self.left
        with nogil:
            code = fill_columns(f, &position)
        self.cursor = position.cursor
        self.left = position.left
        self.next_offset = position.next_offset
        self.leader_epoch = self.batch.leader_epoch
        if code == NO_ROOM:
            return False
        if code != WALK_OK:
            self.refuse(code)
        if self.left == 0:
            self.leave()
        return True
