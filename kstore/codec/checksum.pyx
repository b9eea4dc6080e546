"""CRC32C, the checksum of record batches: by the processor's instruction where it has one, else by tables.

Which way is chosen once, at import. ``crc32c_portable`` always takes the tables, so that tests reach them everywhere.
"""

from libc.stdint cimport uint8_t, uint32_t

cdef extern from "crc32c.h" nogil:
    void crc32c_init() noexcept
    int crc32c_has_hardware() noexcept
    uint32_t crc32c_by_tables(uint32_t crc, const uint8_t *p, size_t n) noexcept
    uint32_t crc32c_by_hardware(uint32_t crc, const uint8_t *p, size_t n) noexcept

crc32c_init()
cdef bint HARDWARE = crc32c_has_hardware()


cdef uint32_t crc32c_update(uint32_t value, const uint8_t *data, size_t nbytes) noexcept nogil:
    """The checksum of earlier bytes and these; ``value`` is that of the earlier ones, 0 if there are none."""
    if HARDWARE:
        return ~crc32c_by_hardware(~value, data, nbytes)
    return ~crc32c_by_tables(~value, data, nbytes)


def crc32c(const uint8_t[::1] data not None, uint32_t value=0):
    """The CRC32C of ``data``; if ``value`` is the CRC32C of earlier bytes, that of those bytes and ``data`` together.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    >>> crc32c(b"6789", crc32c(b"12345")) == crc32c(b"123456789")
    True
    """
    if data.shape[0] == 0:
        return value
    return crc32c_update(value, &data[0], data.shape[0])


def crc32c_portable(const uint8_t[::1] data not None, uint32_t value=0):
    """The same as ``crc32c``, by tables on every machine."""
    if data.shape[0] == 0:
        return value
    return ~crc32c_by_tables(~value, &data[0], data.shape[0])
