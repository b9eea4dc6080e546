"""The broker settings that a transaction coordinator obeys, under Kafka's names with the dots made underscores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.config import BrokerConfig


class TransactionSettings(NamedTuple):
    """Intervals and ages, in milliseconds."""

    add_partitions_to_txn_retry_backoff_max_ms: int = 100
    transactional_id_expiration_ms: int = 604_800_000
    transaction_abort_timed_out_transaction_cleanup_interval_ms: int = 10_000
    transaction_remove_expired_transaction_cleanup_interval_ms: int = 3_600_000


def settings_of(config: BrokerConfig) -> TransactionSettings:
    return TransactionSettings(
        add_partitions_to_txn_retry_backoff_max_ms=config.integer("add.partitions.to.txn.retry.backoff.max.ms"),
        transactional_id_expiration_ms=config.integer("transactional.id.expiration.ms"),
        transaction_abort_timed_out_transaction_cleanup_interval_ms=config.integer(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms"
        ),
        transaction_remove_expired_transaction_cleanup_interval_ms=config.integer(
            "transaction.remove.expired.transaction.cleanup.interval.ms"
        ),
    )
