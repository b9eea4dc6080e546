"""The last offset of each key in a part of a log, in memory of a fixed size: Apache Kafka's ``SkimpyOffsetMap``.

A key stands in it as its XXH3-128, 16 bytes, with an offset of 8: keys whose digests are the same count as one, as in
Kafka, where the digest is MD5's. The table is flat, with open addressing and linear probing, and of a digest's place
nothing depends on the process or its run. Memory that was never written costs none: the system hands it out by pages.

The map counts as full at a part of its slots (``log.cleaner.io.buffer.load.factor``), so that searches stay short.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

cdef extern from "xxh3.h" nogil:
    size_t xxh3_slot(xxh3_digest digest, size_t slots)
    void prefetch_memory "__builtin_prefetch"(const void *address)


@cython.final
cdef class OffsetMap:
    """Of ``size_bytes`` (``log.cleaner.dedupe.buffer.size``); full with ``load_factor`` of its slots in use.

    ``latest_offset`` is up to where the log was looked at, -1 before. ``ValueError`` when there is no room for one key.

    >>> offsets = OffsetMap(1 << 20)
    >>> offsets.put(b"user-1", 7), offsets.put(b"user-1", 9), offsets.get(b"user-1"), offsets.get(b"user-2")
    (True, True, 9, -1)
    """

    def __cinit__(self, size_t size_bytes, double load_factor=0.9):
        self.slots = size_bytes // sizeof(Slot)
        if not 0 < load_factor <= 1:
            raise ValueError(f"the load factor is above 0 and at most 1, not {load_factor}")
        if self.slots * load_factor < 1 or self.slots < 2:
            raise ValueError(f"{size_bytes} bytes have no room for a key at load factor {load_factor}")
        self.capacity = min(<size_t>(self.slots * load_factor), self.slots - 1)    # a search ends at an empty slot
        self.table = <Slot *>calloc(self.slots, sizeof(Slot))
        if self.table == NULL:
            raise MemoryError(f"no memory for an offset map of {size_bytes} bytes")
        self.latest_offset = -1

    def __dealloc__(self):
        free(self.table)

    def __len__(self):
        return self.used

    cdef void prefetch(self, xxh3_digest digest) noexcept nogil:
        """Have the memory where a digest's search begins brought near: a table of any size lies far from the processor,
        and looking up several keys at once waits once.
        """
        prefetch_memory(&self.table[xxh3_slot(digest, self.slots)])

    cdef bint put_digest(self, xxh3_digest digest, int64_t offset) noexcept nogil:
        """Whether there was room. The offset of a key that is there already is replaced."""
        cdef size_t at = xxh3_slot(digest, self.slots)
        cdef Slot *slot = &self.table[at]
        while slot.offset != 0:
            if slot.low == digest.low and slot.high == digest.high:
                slot.offset = offset + 1
                return True
            at = at + 1 if at + 1 < self.slots else 0
            slot = &self.table[at]
        if self.used >= self.capacity:
            return False
        slot.low = digest.low
        slot.high = digest.high
        slot.offset = offset + 1
        self.used += 1
        return True

    cdef int64_t get_digest(self, xxh3_digest digest) noexcept nogil:
        cdef size_t at = xxh3_slot(digest, self.slots)
        cdef Slot *slot = &self.table[at]
        while slot.offset != 0:
            if slot.low == digest.low and slot.high == digest.high:
                return slot.offset - 1
            at = at + 1 if at + 1 < self.slots else 0
            slot = &self.table[at]
        return -1

    def put(self, const uint8_t[::1] key not None, int64_t offset):
        """Note the offset, 0 or more, of a key; False when the key is new and the map is full."""
        assert offset >= 0, f"offset {offset}"
        return self.put_digest(xxh3_128(&key[0] if key.shape[0] else NULL, key.shape[0]), offset)

    def get(self, const uint8_t[::1] key not None):
        """The last offset that was noted of a key; -1 if there is none."""
        return self.get_digest(xxh3_128(&key[0] if key.shape[0] else NULL, key.shape[0]))

    def clear(self):
        """Forget all keys, for another log. The memory goes back to the system."""
        cdef Slot *fresh = <Slot *>calloc(self.slots, sizeof(Slot))
        if fresh == NULL:
            raise MemoryError(f"no memory for an offset map of {self.slots * sizeof(Slot)} bytes")
        free(self.table)
        self.table = fresh
        self.used = 0
        self.latest_offset = -1


def key_digest(const uint8_t[::1] key not None):
    """The 16 bytes that stand for a key, as ``xxhash.xxh3_128_digest`` gives them.

    >>> key_digest(b"user-1").hex()
    'b1b63206a86892ee898c9e6721c25e42'
    """
    cdef xxh3_digest digest = xxh3_128(&key[0] if key.shape[0] else NULL, key.shape[0])
    return (<object>digest.high).to_bytes(8, "big") + (<object>digest.low).to_bytes(8, "big")
