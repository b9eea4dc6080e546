"""Control records: written by brokers to mark the ends of transactions and events of the quorum.

A control batch has its control bit set and one record (or, in a snapshot, several): the key is ``version: int16`` (0)
and ``type: int16``; the value belongs to the type. That of an end of a transaction is ``version: int16`` (0) and
``coordinator epoch: int32``; those of the quorum are messages of the schema, and only their bytes matter here.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import TYPE_CHECKING

from kstore.errors import InvalidRecord
from kstore.named import NamedTuple
from kstore.records.builder import BatchBuilder

if TYPE_CHECKING:
    from kstore.records.record import Record

KEY = struct.Struct(">hh")
END_TRANSACTION = struct.Struct(">hi")


class ControlType(IntEnum):
    """The kinds of control records and their numbers in a key."""

    ABORT = 0
    COMMIT = 1
    LEADER_CHANGE = 2
    SNAPSHOT_HEADER = 3
    SNAPSHOT_FOOTER = 4
    KRAFT_VERSION = 5
    KRAFT_VOTERS = 6


class EndTransactionMarker(NamedTuple):
    """The end of a transaction, as its markers in the partitions say it."""

    is_commit: bool
    coordinator_epoch: int


def control_key(control_type: ControlType) -> bytes:
    """The key of a control record.

    >>> control_key(ControlType.COMMIT).hex()
    '00000001'
    """
    return KEY.pack(0, control_type)


def control_type(record: Record) -> ControlType | None:
    """Which kind of control record this is; None for kinds that came after Kafka 4.4."""
    if record.key is None or len(record.key) < KEY.size:
        raise InvalidRecord(f"a control record's key has at least {KEY.size} bytes")
    version, number = KEY.unpack_from(record.key)
    if version < 0:
        raise InvalidRecord(f"a control record's key cannot have version {version}")
    return ControlType(number) if number in ControlType._value2member_map_ else None


def control_batch(
    control_type: ControlType, value: bytes, timestamp: int, *, base_offset: int = 0, leader_epoch: int = -1
) -> bytes:
    """A control batch of one record, as the leader of a quorum writes them."""
    builder = BatchBuilder(control=True, base_offset=base_offset, leader_epoch=leader_epoch)
    builder.append(timestamp, control_key(control_type), value)
    return builder.build()


def end_transaction_batch(
    marker: EndTransactionMarker,
    timestamp: int,
    producer_id: int,
    producer_epoch: int,
    *,
    base_offset: int = 0,
    leader_epoch: int = -1,
) -> bytes:
    """The control batch that ends a producer's transaction in a partition; it has no sequence number."""
    builder = BatchBuilder(
        control=True,
        transactional=True,
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_offset=base_offset,
        leader_epoch=leader_epoch,
    )
    kind = ControlType.COMMIT if marker.is_commit else ControlType.ABORT
    builder.append(timestamp, control_key(kind), END_TRANSACTION.pack(0, marker.coordinator_epoch))
    return builder.build()


def read_end_transaction_marker(record: Record) -> EndTransactionMarker | None:
    """What the end of a transaction says; None when the control record is of another kind."""
    kind = control_type(record)
    if kind not in (ControlType.ABORT, ControlType.COMMIT):
        return None
    if record.value is None or len(record.value) < END_TRANSACTION.size:
        raise InvalidRecord(f"an end of a transaction has at least {END_TRANSACTION.size} bytes")
    version, epoch = END_TRANSACTION.unpack_from(record.value)
    if version < 0:
        raise InvalidRecord(f"an end of a transaction cannot have version {version}")
    return EndTransactionMarker(kind is ControlType.COMMIT, epoch)
