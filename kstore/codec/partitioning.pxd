"""Kafka's hash of keys for other extensions, without the GIL."""

from libc.stdint cimport uint8_t, uint32_t

cdef uint32_t murmur2_of(const uint8_t *p, uint32_t nbytes) noexcept nogil
