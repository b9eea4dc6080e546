"""What the header of a batch says, read from its bytes alone (``kstore/records/layout.pxd`` has the whole of it)."""

from kstore.records import HEADER_BYTES

MAGIC_AT = 16
MAX_TIMESTAMP_AT = 35
MAGIC = 2


def may_be_at(head: bytes, offset: int) -> bool:
    """Whether an entry of an index for ``offset`` may lead to a batch with this header.

    Apache Kafka has noted the last offset of several batches that it appended together for the first of them.
    """
    return (
        len(head) == HEADER_BYTES
        and head[MAGIC_AT] == MAGIC
        and int.from_bytes(head[:8], "big") < next_offset_of(head) <= offset + 1
    )


def size_of(head: bytes) -> int:
    """How many bytes the batch has."""
    return 12 + int.from_bytes(head[8:12], "big", signed=True)


def leader_epoch_of(head: bytes) -> int:
    """The leader epoch that the batch was appended in."""
    return int.from_bytes(head[12:16], "big", signed=True)


def next_offset_of(head: bytes) -> int:
    """The offset behind the batch's last one."""
    return int.from_bytes(head[:8], "big") + int.from_bytes(head[23:27], "big", signed=True) + 1


def max_timestamp_of(head: bytes) -> int:
    """The timestamp of the batch's newest record."""
    return int.from_bytes(head[MAX_TIMESTAMP_AT : MAX_TIMESTAMP_AT + 8], "big", signed=True)


def has_time_zero(head: bytes, offset: int) -> bool:
    """Whether a batch with this header has the one offset, and 0 as its newest timestamp. Of such a batch at a base
    offset the time index has an entry of zeros. The offset index never has one.
    """
    return len(head) == HEADER_BYTES and max_timestamp_of(head) == 0 and next_offset_of(head) == offset + 1
