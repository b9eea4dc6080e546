"""A hash table from keys to their last offsets, of a fixed size. Apache Kafka's is ``SkimpyOffsetMap``.

A slot has 24 bytes: the XXH3-128 digest of a key (16 bytes), and an offset (8 bytes). The keys themselves aren't
stored, so two keys with the same digest count as one key. That is so in Kafka too, with MD5.

The table is one array, with open addressing and linear probing. The slot of a key depends only on its digest and on the
number of slots, so it is the same in every process. Pages of the array that were never written take no memory.

The map is full when a certain share of its slots (``log.cleaner.io.buffer.load.factor``) is in use. So searches stay
short.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free

cdef extern from "xxh3.h" nogil:
    size_t xxh3_slot(xxh3_digest digest, size_t slots)
    void prefetch_memory "__builtin_prefetch"(const void *address)


@cython.final
cdef class OffsetMap:
    """A map of ``size_bytes`` (``log.cleaner.dedupe.buffer.size``). It is full when ``load_factor`` of its slots are in
    use.

    ``latest_offset`` is the last offset of the log that was read, or -1. Raises ``ValueError`` if there is no room for
    a key, or if ``load_factor`` isn't above 0 and at most 1.

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
        self.capacity = min(<size_t>(self.slots * load_factor), self.slots - 1)    # a search needs an empty slot to end
        self.table = <Slot *>calloc(self.slots, sizeof(Slot))
        if self.table == NULL:
            raise MemoryError(f"no memory for an offset map of {size_bytes} bytes")
        self.latest_offset = -1

    def __dealloc__(self):
        free(self.table)

    def __len__(self):
        return self.used

    cdef void prefetch(self, xxh3_digest digest) noexcept nogil:
        """Start loading the first slot of a digest into the processor's cache. The table is larger than the cache, so
        each search waits for memory. If several keys are prefetched before they are searched, they wait together.
        """
        prefetch_memory(&self.table[xxh3_slot(digest, self.slots)])

    cdef bint put_digest(self, xxh3_digest digest, int64_t offset) noexcept nogil:
        """Set the offset of a key, which may be there already. False if the key is new and the map is full."""
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
        self.used = self.used + 1    # in place it would be checked for None in the debug build, which needs the GIL
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
        """Set the offset of a key, 0 or more. False if the key is new and the map is full."""
        assert self.table != NULL, "the map was given back"
        assert offset >= 0, f"offset {offset}"
        return self.put_digest(xxh3_128(&key[0] if key.shape[0] else NULL, key.shape[0]), offset)

    def get(self, const uint8_t[::1] key not None):
        """The last offset of a key, or -1 if it isn't in the map."""
        assert self.table != NULL, "the map was given back"
        return self.get_digest(xxh3_128(&key[0] if key.shape[0] else NULL, key.shape[0]))

    def free(self):
        """Give its memory back, which takes some time; from now on only how many keys there were can be asked."""
        cdef Slot *table = self.table
        self.table = NULL
        with nogil:
            free(table)

    def clear(self):
        """Remove all keys, so that the map can be used for another log. Its memory goes back to the system."""
        cdef Slot *fresh = <Slot *>calloc(self.slots, sizeof(Slot))
        if fresh == NULL:
            raise MemoryError(f"no memory for an offset map of {self.slots * sizeof(Slot)} bytes")
        free(self.table)
        self.table = fresh
        self.used = 0
        self.latest_offset = -1


def key_digest(const uint8_t[::1] key not None):
    """The digest of a key, 16 bytes: the same as that of ``xxhash.xxh3_128_digest``.

    >>> key_digest(b"user-1").hex()
    'b1b63206a86892ee898c9e6721c25e42'
    """
    cdef xxh3_digest digest = xxh3_128(&key[0] if key.shape[0] else NULL, key.shape[0])
    return (<object>digest.high).to_bytes(8, "big") + (<object>digest.low).to_bytes(8, "big")
