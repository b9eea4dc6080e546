"""The control batches that end transactions, as a transaction's coordinator has leaders write them."""

from __future__ import annotations

from kstore.records import BatchBuilder, ControlType, EndTransactionMarker, control_key
from kstore.records.control import END_TRANSACTION


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
