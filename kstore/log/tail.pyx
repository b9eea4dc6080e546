"""The hot tail: the newest batches of a log as they were appended, so that reads at the end need no file.

Batches lie in a list in order of their offsets; the first ``first`` of them are dropped already (the list is cut now
and then, not every time). At most ``max_bytes`` are kept: the oldest go first.
"""

cimport cython
from libc.stdint cimport int64_t

from kstore.records.batch cimport RecordBatch


@cython.final
cdef class HotTail:
    """Has no batch twice and no gap: a batch that doesn't follow the last one starts it anew."""

    def __init__(self, Py_ssize_t max_bytes):
        self.max_bytes = max_bytes
        self.size_bytes = 0
        self.batches = []
        self.first = 0

    def __len__(self):
        return len(self.batches) - self.first

    @property
    def start_offset(self):
        """The first offset it holds, or -1."""
        if self.first == len(self.batches):
            return -1
        return (<RecordBatch>self.batches[self.first]).base_offset

    cpdef void append(self, RecordBatch batch):
        cdef RecordBatch last
        if self.first < len(self.batches):
            last = self.batches[len(self.batches) - 1]
            if batch.base_offset != last.base_offset + last.last_offset_delta + 1:
                self.clear()
        self.batches.append(batch)
        self.size_bytes += batch.size_bytes
        while self.size_bytes > self.max_bytes and self.first < len(self.batches):
            self.drop_first()

    cdef void drop_first(self):
        self.size_bytes -= (<RecordBatch>self.batches[self.first]).size_bytes
        self.batches[self.first] = None
        self.first += 1
        if self.first > 64 and self.first * 2 > len(self.batches):
            del self.batches[:self.first]
            self.first = 0

    cdef Py_ssize_t index_of(self, int64_t offset):
        """The first batch that ends at ``offset`` or later; the list's length when none does."""
        cdef Py_ssize_t low = self.first, high = len(self.batches), middle
        cdef RecordBatch batch
        while low < high:
            middle = (low + high) >> 1
            batch = self.batches[middle]
            if batch.base_offset + batch.last_offset_delta < offset:
                low = middle + 1
            else:
                high = middle
        return low

    cpdef object read(self, int64_t offset, Py_ssize_t max_bytes, int64_t up_to, bint min_one):
        """``(batches, bytes, next offset)`` from ``offset`` on, as long as they fit and end below ``up_to``.

        None when the tail begins after ``offset``, or ends before it.
        """
        cdef Py_ssize_t index, size = 0
        cdef int64_t next_offset = offset
        cdef RecordBatch batch
        cdef list found
        if self.first == len(self.batches) or offset < (<RecordBatch>self.batches[self.first]).base_offset:
            return None
        index = self.index_of(offset)
        if index == len(self.batches):
            return None
        found = []
        while index < len(self.batches):
            batch = self.batches[index]
            if batch.base_offset + batch.last_offset_delta >= up_to:
                break
            if size + batch.size_bytes > max_bytes and (size or not min_one):
                break
            found.append(batch)
            size += batch.size_bytes
            next_offset = batch.base_offset + batch.last_offset_delta + 1
            index += 1
        return found, size, next_offset

    cpdef void truncate(self, int64_t offset):
        """Drop the batches that don't end below ``offset``."""
        cdef RecordBatch batch
        while self.first < len(self.batches):
            batch = self.batches[len(self.batches) - 1]
            if batch.base_offset + batch.last_offset_delta < offset:
                break
            self.size_bytes -= batch.size_bytes
            self.batches.pop()

    def check(self, int64_t end_offset):
        """Assert that the batches follow each other and lie in the log, and that no more are kept than allowed."""
        cdef RecordBatch last, before
        if self.first == len(self.batches):
            assert self.size_bytes == 0, f"{self.size_bytes} bytes of no batch"
            return
        last = self.batches[len(self.batches) - 1]
        assert last.base_offset + last.last_offset_delta < end_offset, f"{last!r}, the log ends at {end_offset}"
        assert 0 < self.size_bytes <= self.max_bytes, f"{self.size_bytes} bytes, {self.max_bytes} may be"
        if self.first < len(self.batches) - 1:
            before = self.batches[len(self.batches) - 2]
            assert before.base_offset + before.last_offset_delta + 1 == last.base_offset, f"{last!r} after {before!r}"

    cpdef void clear(self):
        self.batches = []
        self.first = 0
        self.size_bytes = 0
