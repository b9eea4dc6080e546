"""CRC32C for other extensions, without the GIL."""

from libc.stdint cimport uint8_t, uint32_t

cdef uint32_t crc32c_update(uint32_t value, const uint8_t *data, size_t nbytes) noexcept nogil
