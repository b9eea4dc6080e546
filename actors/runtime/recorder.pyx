"""The flight recorder: what every actor received, and what came of it, as rows of 64 bytes in a ring.

Row, all little-endian on the machines we support::

    sequence 8 | time_us 8 | cause 8 | actor 4 | kind 4 | partition 4 | spare 4 | offset1 8 | offset2 8 | spare 8

``sequence`` counts from 1; ``cause`` is the sequence of the row that led to this one, 0 for what came from outside.
Names (actors, kinds, partitions) are interned in the order of their first use, per recorder, so a row holds no
address and no process-wide number: the same run gives the same bytes. A recorder made with ``hashing=True`` feeds
each row to XXH3-128; with the names after them that is ``trace_hash()``, the run's fingerprint, the same whatever the
capacity.

The ring keeps the last ``capacity`` rows; ``rows()`` says which sequence it begins at, so that history that was
overwritten is never mistaken for history that was not.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from actors.runtime.clock cimport Clock

from typing import NamedTuple


class TraceRow(NamedTuple):
    """One row of the recorder, with its names resolved."""

    sequence: int
    time_us: int
    cause: int
    actor: str
    kind: str
    partition: str
    offset1: int
    offset2: int


cdef class Recorder:
    def __cinit__(self, Clock clock, int64_t capacity=65536, bint hashing=False):
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"capacity must be a power of two, not {capacity}")
        self.rows = <Row*> calloc(capacity, sizeof(Row))
        self.countable = 1024
        self.counts = <int64_t*> calloc(self.countable, sizeof(int64_t))
        if self.rows == NULL or self.counts == NULL:
            raise MemoryError()
        self.capacity = capacity
        self.next_sequence = 1
        self.hashed = 1
        self.clock = clock
        self.ids = {"": 0}
        self.names = [""]
        self.hasher = None
        if hashing:
            import xxhash
            self.hasher = xxhash.xxh3_128()

    def __dealloc__(self):
        free(self.rows)
        free(self.counts)

    cdef int32_t intern_name(self, object key) except -1:
        cdef object found = self.ids.get(key)
        if found is not None:
            return <int32_t> found
        cdef str name = key.__name__ if isinstance(key, type) else key
        cdef int32_t number = <int32_t> len(self.names)
        cdef int64_t* counts
        if number >= self.countable:
            counts = <int64_t*> realloc(self.counts, 2 * self.countable * sizeof(int64_t))
            if counts == NULL:
                raise MemoryError()
            memset(counts + self.countable, 0, self.countable * sizeof(int64_t))
            self.counts = counts
            self.countable *= 2
        self.ids[key] = number
        self.names.append(name)
        return number

    cdef int64_t write(self, int32_t actor, object kind, int64_t cause, int32_t partition,
                       int64_t offset1, int64_t offset2) except -1:
        cdef int64_t sequence = self.next_sequence
        cdef int32_t kind_id = self.intern_name(kind)
        cdef Row* row = &self.rows[sequence & (self.capacity - 1)]
        if self.hasher is not None and sequence - self.hashed >= self.capacity - 1:
            self.hash_up_to(sequence)
        row.sequence = sequence
        self.counts[kind_id] += 1
        row.time_us = self.clock.monotonic_us()
        row.cause = cause
        row.actor = actor
        row.kind = kind_id
        row.partition = partition
        row.offset1 = offset1
        row.offset2 = offset2
        self.next_sequence = sequence + 1
        return sequence

    cdef int hash_up_to(self, int64_t end) except -1:
        cdef int64_t begin = self.hashed
        cdef int64_t slot, length
        while begin < end:
            slot = begin & (self.capacity - 1)
            length = min(end - begin, self.capacity - slot)
            self.hasher.update((<const unsigned char*> &self.rows[slot])[:length * sizeof(Row)])
            begin += length
        self.hashed = end
        return 0

    def intern(self, key):
        """The number of a name, or of a message class by its name."""
        return self.intern_name(key)

    def note(self, int32_t actor, kind, int64_t cause, partition="", int64_t offset1=-1, int64_t offset2=-1):
        """Write a row and return its sequence. ``kind`` is a name or a message class."""
        return self.write(actor, kind, cause, self.intern_name(partition), offset1, offset2)

    def count(self, kind):
        """How many rows of a kind were written, those that were overwritten since among them."""
        cdef object number = self.ids.get(kind)
        return 0 if number is None else self.counts[<int32_t> number]

    def trace_hash(self):
        """The run's fingerprint: XXH3-128 over all rows and names so far, as 32 hex digits."""
        assert self.hasher is not None, "a recorder hashes only when made with hashing=True"
        self.hash_up_to(self.next_sequence)
        whole = self.hasher.copy()
        whole.update("\n".join(self.names).encode())
        return whole.hexdigest()

    def recent(self, int64_t count=65536):
        """The last rows, oldest first, at most ``count`` and at most what the ring still holds."""
        cdef int64_t first = max(1, self.next_sequence - min(count, self.capacity - 1))
        cdef list out = []
        cdef Row* row
        while first < self.next_sequence:
            row = &self.rows[first & (self.capacity - 1)]
            out.append(TraceRow(row.sequence, row.time_us, row.cause, self.names[row.actor], self.names[row.kind],
                                self.names[row.partition], row.offset1, row.offset2))
            first += 1
        return out

    def chain(self, int64_t sequence):
        """The chain of causes that led to a row, from that row back to what came from outside or was overwritten."""
        cdef list out = []
        cdef Row* row
        while sequence > 0 and sequence > self.next_sequence - self.capacity:
            row = &self.rows[sequence & (self.capacity - 1)]
            if row.sequence != sequence:
                break
            out.append(TraceRow(row.sequence, row.time_us, row.cause, self.names[row.actor], self.names[row.kind],
                                self.names[row.partition], row.offset1, row.offset2))
            sequence = row.cause
        return out
