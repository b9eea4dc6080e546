"""Walks over the batches in a piece of a segment, and bisection in a piece of an index.

A piece begins at a batch and may end anywhere. Except for checksums only headers are read, so one step over a large
batch may lead out of the piece. Positions are relative to the piece; one beyond its end is where the next piece begins.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from kstore.codec.checksum cimport crc32c_update
from kstore.codec.cursor cimport load32, load64
from kstore.records.layout cimport (
    HEADER_SIZE, MAGIC_V2, AT_ATTRIBUTES, AT_CRC, AT_LAST_OFFSET_DELTA, AT_LEADER_EPOCH, AT_MAGIC,
    base_offset_at, batch_size_at, last_offset_at, max_timestamp_at,
)

from kstore.errors import CorruptMessage

cdef enum:
    NEEDED = AT_LAST_OFFSET_DELTA + 4    # the part of a header that tells a batch's place


cdef inline bint sound(const uint8_t *batch) noexcept nogil:
    return batch[AT_MAGIC] == MAGIC_V2 and batch_size_at(batch) >= HEADER_SIZE


cdef object unsound(Py_ssize_t at):
    return CorruptMessage(f"there is no record batch {at} bytes into this piece of the log")


def find_offset(const uint8_t[::1] piece not None, int64_t offset):
    """``(found, position, base_offset)`` of the first batch that ends at ``offset`` or later.

    If there is none, the position is where to continue, and the base offset is -1.
    """
    cdef Py_ssize_t at = 0, size = piece.shape[0]
    cdef int64_t next_offset = -1
    cdef const uint8_t *p = &piece[0] if size else NULL
    while at + NEEDED <= size:
        if not sound(p + at) or base_offset_at(p + at) < next_offset:
            raise unsound(at)
        next_offset = last_offset_at(p + at) + 1
        if next_offset > offset:
            return True, at, base_offset_at(p + at)
        at += batch_size_at(p + at)
    return False, at, -1


def find_end(const uint8_t[::1] piece not None, Py_ssize_t max_bytes, int64_t up_to):
    """``(ended, position, next_offset)`` after the batches that fit ``max_bytes`` and end below ``up_to``.

    If ``ended``, the batch at the position is the first that doesn't fit, and the next offset is its base offset.
    Otherwise the piece has ended: the position is where to continue, and the next offset follows the last batch seen
    (-1 if there was none).
    """
    cdef Py_ssize_t at = 0, size = piece.shape[0]
    cdef int64_t nbytes, next_offset = -1
    cdef const uint8_t *p = &piece[0] if size else NULL
    while at + NEEDED <= size:
        if not sound(p + at):
            raise unsound(at)
        nbytes = batch_size_at(p + at)
        if at + nbytes > max_bytes or last_offset_at(p + at) >= up_to:
            return True, at, base_offset_at(p + at)
        next_offset = last_offset_at(p + at) + 1
        at += nbytes
    return False, at, next_offset


def find_timestamp(const uint8_t[::1] piece not None, int64_t timestamp):
    """``(found, position)`` of the first batch with a record at ``timestamp`` or later."""
    cdef Py_ssize_t at = 0, size = piece.shape[0]
    cdef const uint8_t *p = &piece[0] if size else NULL
    while at + HEADER_SIZE <= size:
        if not sound(p + at):
            raise unsound(at)
        if max_timestamp_at(p + at) >= timestamp:
            return True, at
        at += batch_size_at(p + at)
    return False, at


def find_last(const uint8_t[::1] piece not None):
    """``(last, moved, next_offset)``: where the last batch that begins here begins and ends, and the offset after it.

    Without a whole header in the piece ``last`` and the next offset are -1.
    """
    cdef Py_ssize_t at = 0, last = -1, size = piece.shape[0]
    cdef int64_t next_offset = -1
    cdef const uint8_t *p = &piece[0] if size else NULL
    while at + NEEDED <= size:
        if not sound(p + at):
            raise unsound(at)
        last = at
        next_offset = last_offset_at(p + at) + 1
        at += batch_size_at(p + at)
    return last, at, next_offset


def find_rot(const uint8_t[::1] piece not None):
    """``(wrong, moved, base_offset)``: the first batch that can't be as it was appended (-1: none), and its offset.

    The checksums of all whole batches are tested; ``moved`` is where these end. Offset and leader epoch aren't under
    the checksum, but never fall from batch to batch: that is tested for each whole header.
    """
    cdef Py_ssize_t at = 0, last = 0, size = piece.shape[0]
    cdef int64_t nbytes, next_offset = -1
    cdef int32_t epoch = -1
    cdef uint32_t crc
    cdef const uint8_t *p = &piece[0] if size else NULL
    while at + HEADER_SIZE <= size:
        if not sound(p + at):
            raise unsound(at)
        if base_offset_at(p + at) < next_offset or <int32_t>load32(p + at + AT_LEADER_EPOCH) < epoch:
            return last, last, base_offset_at(p + last)
        nbytes = batch_size_at(p + at)
        if at + nbytes > size:
            break
        with nogil:
            crc = crc32c_update(0, p + at + AT_ATTRIBUTES, nbytes - AT_ATTRIBUTES)
        if crc != load32(p + at + AT_CRC):
            return at, at, base_offset_at(p + at)
        next_offset = last_offset_at(p + at) + 1
        epoch = <int32_t>load32(p + at + AT_LEADER_EPOCH)
        last = at
        at += nbytes
    return -1, at, -1


def offset_entries_hold(const uint8_t[::1] entries not None, int64_t size_bytes, int64_t offsets):
    """Whether offsets and positions of an offset index rise, and stay below a segment's size and number of offsets."""
    cdef Py_ssize_t at = 0
    cdef int64_t offset, position, last_offset = 0, last_position = -1
    cdef const uint8_t *p = &entries[0] if entries.shape[0] else NULL
    while at + 8 <= entries.shape[0]:
        offset = <int32_t>load32(p + at)
        position = <int32_t>load32(p + at + 4)
        if offset <= last_offset or position <= last_position:
            return False
        last_offset = offset
        last_position = position
        at += 8
    return last_offset < offsets and last_position < size_bytes or not at


def time_entries_hold(const uint8_t[::1] entries not None, int64_t offsets):
    """Whether timestamps and offsets of a time index rise, the offsets below a segment's number of offsets."""
    cdef Py_ssize_t at = 0
    cdef int64_t timestamp, offset, last_timestamp = -1, last_offset = 0
    cdef const uint8_t *p = &entries[0] if entries.shape[0] else NULL
    while at + 12 <= entries.shape[0]:
        timestamp = <int64_t>load64(p + at)
        offset = <int32_t>load32(p + at + 8)
        if timestamp <= last_timestamp or offset < last_offset:
            return False
        last_timestamp = timestamp
        last_offset = offset
        at += 12
    return last_offset < offsets or not at


def last_not_above(const uint8_t[::1] entries not None, int entry_bytes, int key_at, int key_bytes, int64_t key):
    """The index of the last entry whose key (4 or 8 bytes at ``key_at``) isn't above ``key``; -1 when all are."""
    cdef Py_ssize_t low = 0, high = entries.shape[0] // entry_bytes, middle
    cdef const uint8_t *p = &entries[0] if high else NULL
    cdef int64_t found
    while low < high:
        middle = (low + high) >> 1
        if key_bytes == 4:
            found = <int32_t>load32(p + middle * entry_bytes + key_at)
        else:
            found = <int64_t>load64(p + middle * entry_bytes + key_at)
        if found <= key:
            low = middle + 1
        else:
            high = middle
    return low - 1
