"""Bounds-checked reading and plain writing of the numbers Kafka puts into bytes; header-only, for ``cimport``.

A ``Cursor`` is ``{p, end}``. A read moves ``p`` and returns 1. When there are too few bytes, or a varint is longer than
its type allows, it leaves ``p`` where it was and returns 0. No read ever looks at ``end`` or beyond, and no length is
trusted: ``take`` refuses ``n < 0`` and ``n > end - p``. Reads neither raise nor need the GIL; each decoder raises in
one place.

A ``put_*`` writes at a pointer and returns the next one; the caller has made room (a varint takes at most
``VARINT_BYTES_MAX`` or ``VARLONG_BYTES_MAX``).

Numbers are big-endian. Varints come in groups of seven bits, lowest first, the high bit set on all but the last;
signed ones are zig-zag coded (0, -1, 1, -2 ... are 0, 1, 2, 3 ...).
"""

from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #ifndef KSTORE_CURSOR_H
    #define KSTORE_CURSOR_H
    #include <stdint.h>
    /* Compilers turn each of these into one load (or store) and a byte swap. */
    static inline uint16_t kstore_load16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
    static inline uint32_t kstore_load32(const uint8_t *p) {
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    static inline uint64_t kstore_load64(const uint8_t *p) {
        return (uint64_t)kstore_load32(p) << 32 | kstore_load32(p + 4);
    }
    static inline void kstore_store16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
    static inline void kstore_store32(uint8_t *p, uint32_t v) {
        p[0] = (uint8_t)(v >> 24); p[1] = (uint8_t)(v >> 16); p[2] = (uint8_t)(v >> 8); p[3] = (uint8_t)v;
    }
    static inline void kstore_store64(uint8_t *p, uint64_t v) {
        kstore_store32(p, (uint32_t)(v >> 32)); kstore_store32(p + 4, (uint32_t)v);
    }
    #endif
    """
    uint16_t load16 "kstore_load16"(const uint8_t *p) noexcept nogil
    uint32_t load32 "kstore_load32"(const uint8_t *p) noexcept nogil
    uint64_t load64 "kstore_load64"(const uint8_t *p) noexcept nogil
    void store16 "kstore_store16"(uint8_t *p, uint16_t v) noexcept nogil
    void store32 "kstore_store32"(uint8_t *p, uint32_t v) noexcept nogil
    void store64 "kstore_store64"(uint8_t *p, uint64_t v) noexcept nogil

cdef enum:
    VARINT_BYTES_MAX = 5
    VARLONG_BYTES_MAX = 10

ctypedef struct Cursor:
    const uint8_t *p
    const uint8_t *end


cdef inline Cursor cursor_over(const uint8_t *data, ptrdiff_t nbytes) noexcept nogil:
    cdef Cursor c
    c.p = data
    c.end = data + nbytes
    return c


cdef inline ptrdiff_t remaining(const Cursor *c) noexcept nogil:
    return c.end - c.p


cdef inline const uint8_t *take(Cursor *c, int64_t n) noexcept nogil:
    """The next ``n`` bytes, passed over; NULL when there aren't as many."""
    cdef const uint8_t *start = c.p
    if n < 0 or n > c.end - c.p:
        return NULL
    c.p += n
    return start


cdef inline bint read_i8(Cursor *c, int8_t *out) noexcept nogil:
    if c.p >= c.end:
        return 0
    out[0] = <int8_t>c.p[0]
    c.p += 1
    return 1


cdef inline bint read_uvarint(Cursor *c, uint32_t *out) noexcept nogil:
    """Up to five bytes; a fifth byte may only carry the four bits that are left."""
    cdef const uint8_t *p = c.p
    cdef uint32_t value, byte
    cdef int shift = 7
    if p >= c.end:
        return 0
    value = p[0]
    p += 1
    if value < 0x80:
        out[0] = value
        c.p = p
        return 1
    value &= 0x7F
    while shift < 35:
        if p >= c.end:
            return 0
        byte = p[0]
        p += 1
        if shift == 28 and byte > 0x0F:
            return 0
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            out[0] = value
            c.p = p
            return 1
        shift += 7
    return 0


cdef inline bint read_uvarlong(Cursor *c, uint64_t *out) noexcept nogil:
    """Up to ten bytes; a tenth byte may only carry the one bit that is left."""
    cdef const uint8_t *p = c.p
    cdef uint64_t value = 0, byte
    cdef int shift = 0
    while shift < 70:
        if p >= c.end:
            return 0
        byte = p[0]
        p += 1
        if shift == 63 and byte > 1:
            return 0
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            out[0] = value
            c.p = p
            return 1
        shift += 7
    return 0


cdef inline bint read_varint(Cursor *c, int32_t *out) noexcept nogil:
    cdef uint32_t raw
    if not read_uvarint(c, &raw):
        return 0
    out[0] = <int32_t>((raw >> 1) ^ (0 - (raw & 1)))
    return 1


cdef inline bint read_varlong(Cursor *c, int64_t *out) noexcept nogil:
    cdef uint64_t raw
    if not read_uvarlong(c, &raw):
        return 0
    out[0] = <int64_t>((raw >> 1) ^ (0 - (raw & 1)))
    return 1


cdef inline uint8_t *put_i8(uint8_t *p, int8_t value) noexcept nogil:
    p[0] = <uint8_t>value
    return p + 1


cdef inline uint8_t *put_i16(uint8_t *p, int16_t value) noexcept nogil:
    store16(p, <uint16_t>value)
    return p + 2


cdef inline uint8_t *put_i32(uint8_t *p, int32_t value) noexcept nogil:
    store32(p, <uint32_t>value)
    return p + 4


cdef inline uint8_t *put_i64(uint8_t *p, int64_t value) noexcept nogil:
    store64(p, <uint64_t>value)
    return p + 8


cdef inline uint8_t *put_uvarint(uint8_t *p, uint32_t value) noexcept nogil:
    while value >= 0x80:
        p[0] = <uint8_t>(value | 0x80)
        value >>= 7
        p += 1
    p[0] = <uint8_t>value
    return p + 1


cdef inline uint8_t *put_uvarlong(uint8_t *p, uint64_t value) noexcept nogil:
    while value >= 0x80:
        p[0] = <uint8_t>(value | 0x80)
        value >>= 7
        p += 1
    p[0] = <uint8_t>value
    return p + 1


cdef inline uint32_t zigzag32(int32_t value) noexcept nogil:
    return (<uint32_t>value << 1) ^ (0 - <uint32_t>(value < 0))


cdef inline uint64_t zigzag64(int64_t value) noexcept nogil:
    return (<uint64_t>value << 1) ^ (0 - <uint64_t>(value < 0))


cdef inline uint8_t *put_varint(uint8_t *p, int32_t value) noexcept nogil:
    return put_uvarint(p, zigzag32(value))


cdef inline uint8_t *put_varlong(uint8_t *p, int64_t value) noexcept nogil:
    return put_uvarlong(p, zigzag64(value))


cdef inline int uvarint_bytes(uint32_t value) noexcept nogil:
    cdef int n = 1
    while value >= 0x80:
        value >>= 7
        n += 1
    return n


cdef inline int uvarlong_bytes(uint64_t value) noexcept nogil:
    cdef int n = 1
    while value >= 0x80:
        value >>= 7
        n += 1
    return n


cdef inline int varint_bytes(int32_t value) noexcept nogil:
    return uvarint_bytes(zigzag32(value))


cdef inline int varlong_bytes(int64_t value) noexcept nogil:
    return uvarlong_bytes(zigzag64(value))
