"""The layout of a record batch of format v2, the only one that kstore writes or accepts.

::

    offset bytes
       0     8   base offset              (not under the checksum, as all up to it)
       8     4   length of what follows   (so a batch takes 12 + length bytes)
      12     4   leader epoch
      16     1   magic: 2
      17     4   CRC32C of everything from 21 to the end
      21     2   attributes: 0-2 compression, 3 log append time, 4 transactional, 5 control, 6 delete horizon
      23     4   last offset delta
      27     8   base timestamp           (the delete horizon when bit 6 is set)
      35     8   max timestamp            (the log append time when bit 3 is set)
      43     8   producer id              (-1: none)
      51     2   producer epoch           (-1: none)
      53     4   base sequence            (-1: none)
      57     4   count of records
      61         records, compressed together when attributes say so

A record is ``length: varint`` of what follows, ``attributes: int8`` (unused), ``timestamp delta: varlong``,
``offset delta: varint``, ``key`` and ``value`` (``varint`` length, negative for null, then the bytes),
``header count: varint``, and for each header a key (UTF-8, never null) and a value (may be null), framed alike.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t

from kstore.codec.cursor cimport load16, load32, load64

cdef enum:
    AT_BASE_OFFSET = 0
    AT_LENGTH = 8
    AT_LEADER_EPOCH = 12
    AT_MAGIC = 16
    AT_CRC = 17
    AT_ATTRIBUTES = 21
    AT_LAST_OFFSET_DELTA = 23
    AT_BASE_TIMESTAMP = 27
    AT_MAX_TIMESTAMP = 35
    AT_PRODUCER_ID = 43
    AT_PRODUCER_EPOCH = 51
    AT_BASE_SEQUENCE = 53
    AT_COUNT = 57
    HEADER_SIZE = 61
    BEFORE_LENGTH_SIZE = 12    # the bytes that the length field doesn't count
    UP_TO_MAGIC_SIZE = 17      # the bytes that tell a batch's size and format
    LEAST_OLD_SIZE = 26        # 12 and the smallest record of the formats before v2
    LEAST_RECORD_SIZE = 7
    MAGIC_V2 = 2

cdef enum:
    DECOMPRESSED_BYTES_LIMIT = 134217728    # a reader's limit for one batch unless it is given another: 128 MiB

cdef enum:
    COMPRESSION_MASK = 0x07
    COMPRESSIONS = 5           # codecs have the numbers 0 to 4
    LOG_APPEND_TIME_BIT = 0x08
    TRANSACTIONAL_BIT = 0x10
    CONTROL_BIT = 0x20
    DELETE_HORIZON_BIT = 0x40


cdef inline int64_t base_offset_at(const uint8_t *batch) noexcept nogil:
    return <int64_t>load64(batch + AT_BASE_OFFSET)


cdef inline int64_t batch_size_at(const uint8_t *batch) noexcept nogil:
    """The size of a whole batch, as its header says; compare it with the bytes there are before you trust it."""
    return BEFORE_LENGTH_SIZE + <int64_t><int32_t>load32(batch + AT_LENGTH)


cdef inline int64_t last_offset_at(const uint8_t *batch) noexcept nogil:
    return base_offset_at(batch) + <int32_t>load32(batch + AT_LAST_OFFSET_DELTA)


cdef inline int64_t max_timestamp_at(const uint8_t *batch) noexcept nogil:
    return <int64_t>load64(batch + AT_MAX_TIMESTAMP)
