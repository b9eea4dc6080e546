"""The first pass of compaction over a log: it notes the last offset of each key in the dirty part.

It does what Apache Kafka's ``Cleaner.buildOffsetMap`` does. Records without a key and records of aborted transactions
are skipped, because they don't replace older values. When the map is full, records of keys that it has are still noted;
Kafka's stops at the next record that has a key. Large batches are read without the GIL, so other threads can use
the log meanwhile.
"""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t

from kstore.codec.cursor cimport Cursor, cursor_over, remaining
from kstore.log.keyed_records cimport (
    AHEAD, BYTES_LEFT_OVER, LARGE_BYTES, MAP_FULL, Seen, failure, walk_ahead, wrong_count,
)
from kstore.log.offset_map cimport OffsetMap
from kstore.records cimport layout
from kstore.records.batch cimport RecordBatch, last_offset_of
from kstore.records.walk cimport WALK_OK

from kstore.errors import InvalidRecord


cdef int note_keys(OffsetMap offsets, const uint8_t *data, int64_t nbytes, int32_t count, int64_t base_offset,
                   int64_t start_offset, int32_t *index) noexcept nogil:
    """Note the keys of the records at ``start_offset`` or later. Returns ``WALK_OK`` or the code of what stopped it;
    ``index`` is then the number of the record at which it stopped.
    """
    cdef Cursor c = cursor_over(data, nbytes)
    cdef Seen[AHEAD] seen
    cdef int code = WALK_OK
    cdef int32_t i, found
    cdef int64_t offset
    index[0] = 0
    while index[0] < count and code == WALK_OK:
        code = walk_ahead(offsets, &c, count - index[0], seen, &found)
        for i in range(found):
            offset = base_offset + seen[i].offset_delta
            if seen[i].has_key and offset >= start_offset:
                if not offsets.put_digest(seen[i].digest, offset):
                    return MAP_FULL
                offsets.latest_offset = offset
            index[0] += 1
    if code != WALK_OK:
        return code
    return BYTES_LEFT_OVER if remaining(&c) else WALK_OK


@cython.final
cdef class KeyPass:
    """Notes keys in ``offsets``. The dirty part begins at ``start_offset``; records before it are skipped.
    ``transactions`` (a ``CleanedTransactions``) knows which transactions were aborted. The records of a batch may take
    ``limit_bytes`` when decompressed.
    """

    cdef OffsetMap offsets
    cdef object transactions
    cdef int64_t start_offset
    cdef Py_ssize_t limit_bytes
    cdef readonly int64_t records_read
    cdef readonly bint is_full

    def __cinit__(self, OffsetMap offsets not None, transactions, int64_t start_offset, Py_ssize_t limit_bytes):
        self.offsets = offsets
        self.transactions = transactions
        self.start_offset = start_offset
        self.limit_bytes = limit_bytes

    def note(self, list batches not None, Py_ssize_t work_bytes):
        """Note the keys of batches, from the first on, until they come to ``work_bytes`` of decompressed records, or
        the map is full (then ``is_full`` is true).

        Returns how many bytes the batches that were noted whole have. Raises ``InvalidRecord`` or ``CorruptMessage`` if
        the bytes of a batch aren't valid records.
        """
        cdef RecordBatch batch
        cdef Py_ssize_t moved = 0, nbytes = 0
        for batch in batches:
            if nbytes >= work_bytes:
                break
            nbytes += self.note_one(batch)
            if self.is_full:
                break
            if last_offset_of(batch) >= self.start_offset:
                self.offsets.latest_offset = last_offset_of(batch)
            moved += batch.size_bytes
        return moved

    cdef Py_ssize_t note_one(self, RecordBatch batch) except -1:
        """Note the keys of one batch. Returns how many bytes its records have, decompressed."""
        cdef const uint8_t[::1] plain
        cdef const uint8_t *data = batch.data
        cdef int64_t nbytes = batch.payload_bytes
        cdef int code
        cdef int32_t index = 0
        if batch.attributes & layout.CONTROL_BIT:
            self.transactions.ended(batch)
            self.records_read += 1
            return nbytes
        if batch.attributes & layout.TRANSACTIONAL_BIT and self.transactions.is_aborted(batch):
            self.records_read += batch.count
            return nbytes
        if batch.count == 0 and nbytes == 0:
            return 0
        if batch.attributes & layout.COMPRESSION_MASK:
            plain = batch.decompressed(self.limit_bytes)
            nbytes = plain.shape[0]
            data = &plain[0] if nbytes else NULL
        wrong = wrong_count(batch, nbytes)
        if wrong is not None:
            raise InvalidRecord(wrong)
        if nbytes < LARGE_BYTES:
            code = note_keys(self.offsets, data, nbytes, batch.count, batch.base_offset, self.start_offset, &index)
        else:
            with nogil:
                code = note_keys(self.offsets, data, nbytes, batch.count, batch.base_offset, self.start_offset, &index)
        self.records_read += index
        if code == MAP_FULL:
            self.is_full = True
        elif code != WALK_OK:
            raise InvalidRecord(failure(batch, code, index))
        return nbytes
