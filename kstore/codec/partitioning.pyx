"""Kafka's hash of keys, the partition that its default partitioner takes for a key, and Java's hash of strings.

Keys are hashed by murmur2 with Kafka's seed; Java's hash of strings decides which partition, and so which coordinator,
a group has. The numbers are Java's: the hash is a signed 32-bit integer, and the partition is the hash with its sign
bit masked off, modulo the number of partitions (not its absolute value).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, uint8_t, uint32_t

cdef enum:
    MULTIPLIER = 0x5BD1E995
    SEED = 0x9747B28C


cdef uint32_t murmur2_of(const uint8_t *p, uint32_t nbytes) noexcept nogil:
    cdef uint32_t h = <uint32_t>SEED ^ nbytes
    cdef uint32_t k
    while nbytes >= 4:
        k = p[0] | <uint32_t>p[1] << 8 | <uint32_t>p[2] << 16 | <uint32_t>p[3] << 24
        k *= <uint32_t>MULTIPLIER
        k ^= k >> 24
        k *= <uint32_t>MULTIPLIER
        h *= <uint32_t>MULTIPLIER
        h ^= k
        p += 4
        nbytes -= 4
    if nbytes == 3:
        h ^= <uint32_t>p[2] << 16
    if nbytes >= 2:
        h ^= <uint32_t>p[1] << 8
    if nbytes >= 1:
        h ^= p[0]
        h *= <uint32_t>MULTIPLIER
    h ^= h >> 13
    h *= <uint32_t>MULTIPLIER
    h ^= h >> 15
    return h


cdef int hash_of(object key, uint32_t *out) except -1:
    cdef const uint8_t[::1] view
    if PyBytes_CheckExact(key):
        out[0] = murmur2_of(<const uint8_t *>PyBytes_AS_STRING(key), <uint32_t>PyBytes_GET_SIZE(key))
        return 0
    if key is None:
        raise TypeError("a record without a key has no hash")
    view = key
    out[0] = murmur2_of(&view[0] if view.shape[0] else NULL, <uint32_t>view.shape[0])
    return 0


def murmur2(key):
    """The hash of a key, as Kafka's Java client computes it: a signed 32-bit integer.

    >>> murmur2(b"21")
    -973932308
    """
    cdef uint32_t found
    hash_of(key, &found)
    return <int32_t>found


def partition_for_key(key, int32_t partitions):
    """The partition, from 0, that Kafka's default partitioner gives a key among ``partitions`` of them.

    >>> [partition_for_key(key, 3) for key in (b"User1", b"User2")]
    [0, 0]
    """
    cdef uint32_t found
    if partitions < 1:
        raise ValueError(f"a topic has at least one partition, not {partitions}")
    hash_of(key, &found)
    return <int32_t>((found & 0x7FFFFFFF) % <uint32_t>partitions)


def java_hash(str text):
    """Java's ``String.hashCode``, a signed 32-bit number, over the UTF-16 units of the text.

    >>> java_hash("kstore"), java_hash("polygenelubricants")
    (-1121877162, -2147483648)
    """
    cdef uint32_t value = 0, point
    cdef Py_UCS4 character
    for character in text:
        point = <uint32_t>character
        if point > 0xFFFF:
            value = value * 31 + (0xD800 + ((point - 0x10000) >> 10))
            point = 0xDC00 + ((point - 0x10000) & 0x3FF)
        value = value * 31 + point
    return <int32_t>value
