"""Transactions on a leader: appends of markers, verification of first batches, and DescribeProducers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.partition.messages import FROM_COORDINATOR, Append, EndTransaction, StartVerification
from kstore.log.verification import NO_GUARD, AppendOptions
from kstore.records import EndTransactionMarker, end_transaction_batch, parse_batches

if TYPE_CHECKING:
    from kstore.log import Log


def marker_append(message: EndTransaction, now_ms: int) -> Append:
    """The append of the marker that a coordinator asks for."""
    marker = EndTransactionMarker(message.is_committed, message.coordinator_epoch)
    made = end_transaction_batch(marker, now_ms, message.producer_id, message.producer_epoch)
    options = AppendOptions(transaction_version=message.transaction_version)
    return Append(parse_batches(made), timeout_ms=message.timeout_ms, origin=FROM_COORDINATOR, options=options)


def guard_for(log: Log, message: StartVerification, now_ms: int) -> int:
    """The guard that a batch in a transaction needs; ``NO_GUARD`` if its producer has the transaction open here, or if
    ``transaction.partition.verification.enable`` is off. Raises InvalidProducerEpoch for an old epoch.
    """
    if log.producers.is_open(message.producer_id, message.producer_epoch):
        return NO_GUARD
    if not message.adds and not log.config.transaction_partition_verification_enable:
        return NO_GUARD
    return log.producers.start_verification(
        message.producer_id, message.producer_epoch, message.base_sequence, now_ms, bumps_epochs=message.adds
    )


def described(log: Log) -> tuple[dict[str, int], ...]:
    """The producer state of a log, as the answer to ``DescribeProducers``."""
    return tuple(
        {
            "producer_id": each.producer_id,
            "producer_epoch": each.epoch,
            "last_sequence": each.window[-1].last_sequence if each.window else -1,
            "last_timestamp": each.last_timestamp,
            "coordinator_epoch": each.coordinator_epoch,
            "current_txn_start_offset": each.transaction_first_offset,
        }
        for each in log.producers
    )
