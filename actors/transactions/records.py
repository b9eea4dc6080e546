"""The records of ``__transaction_state``, byte for byte those of Apache Kafka 4.4 (``TransactionLog``).

    key    record type 0, then the transactional id
    value  version 0 or 1, then the state and what goes with it

Version 1 is flexible: its tagged fields have the previous and the next producer id and the client's transaction
version. It is written from level 1 of ``transaction.version`` on; both are read. A null value is a tombstone: the id
has expired. Kafka writes partitions in the order of a hash table, we by name; a record of state Empty has null for
them.
"""

from itertools import groupby

from actors.coordinator.effects import LogEntry
from actors.transactions.metadata import NO_EPOCH, NO_PARTITIONS, TransactionMetadata
from actors.transactions.states import BY_CODE, CODES, EMPTY
from kstore.errors import CorruptMessage
from kstore.named import NamedTuple
from kstore.schema import decode
from kstore.schema.envelopes import encode_key, encode_value, prefix_of
from kstore.schema.messages.transaction_log import PartitionsSchema, TransactionLogKey, TransactionLogValue

FLEXIBLE_FROM_LEVEL = 1
"""The level of ``transaction.version`` from which on version 1 is written."""


class TransactionRecord(NamedTuple):
    """What the log says of a transactional id; None is a tombstone."""

    transactional_id: str
    metadata: TransactionMetadata | None


def encode_entry(record: TransactionRecord, transaction_version: int) -> LogEntry:
    """A record's key and value, in the version that the cluster's level of ``transaction.version`` asks for."""
    key = encode_key(TransactionLogKey(transactional_id=record.transactional_id))
    metadata = record.metadata
    if metadata is None:
        return key, None
    version = 1 if transaction_version >= FLEXIBLE_FROM_LEVEL else 0
    value = TransactionLogValue(
        producer_id=metadata.producer_id,
        producer_epoch=metadata.epoch,
        transaction_timeout_ms=metadata.timeout_ms,
        transaction_status=CODES[metadata.state],
        transaction_partitions=None if metadata.state is EMPTY else _topics(metadata),
        transaction_last_update_timestamp_ms=metadata.updated_at_ms,
        transaction_start_timestamp_ms=metadata.started_at_ms,
    )
    if version:
        value.previous_producer_id = metadata.previous_producer_id
        value.next_producer_id = metadata.next_producer_id
        value.client_transaction_version = metadata.client_version
    return key, encode_value(value, version)


def _topics(metadata: TransactionMetadata) -> list[PartitionsSchema]:
    return [
        PartitionsSchema(topic=topic, partition_ids=[number for _, number in partitions])
        for topic, partitions in groupby(sorted(metadata.partitions), key=lambda partition: partition[0])
    ]


def decode_entry(key: bytes, value: bytes | None) -> TransactionRecord | None:
    """Read one record back; None for a type or a version that isn't known, which Kafka skips as well.

    Raises:
        SchemaError: it is cut short.
        CorruptMessage: it names a state that there isn't.
    """
    if prefix_of(key) != TransactionLogKey.API_KEY:
        return None
    transactional_id = decode(TransactionLogKey, 0, key, 2).transactional_id
    if value is None:
        return TransactionRecord(transactional_id, None)
    version = prefix_of(value)
    if not 0 <= version <= TransactionLogValue.VERSIONS[1]:
        return None
    return TransactionRecord(
        transactional_id, _metadata(transactional_id, decode(TransactionLogValue, version, value, 2))
    )


def _metadata(transactional_id: str, stored: TransactionLogValue) -> TransactionMetadata:
    state = BY_CODE.get(stored.transaction_status)
    if state is None:
        raise CorruptMessage(f"transactional id {transactional_id} is in state {stored.transaction_status}")
    partitions = NO_PARTITIONS
    if state is not EMPTY:
        topics = stored.transaction_partitions or []
        partitions = frozenset((each.topic, number) for each in topics for number in each.partition_ids)
    return TransactionMetadata(
        producer_id=stored.producer_id,
        previous_producer_id=stored.previous_producer_id,
        next_producer_id=stored.next_producer_id,
        epoch=stored.producer_epoch,
        last_epoch=NO_EPOCH,
        timeout_ms=stored.transaction_timeout_ms,
        state=state,
        partitions=partitions or NO_PARTITIONS,
        started_at_ms=stored.transaction_start_timestamp_ms,
        updated_at_ms=stored.transaction_last_update_timestamp_ms,
        client_version=stored.client_transaction_version,
    )
