"""Rows of the trace about transactions: each has the transactional id, its producer id and epoch, and why.

Clients choose the names of ids and of themselves: they are cut.
"""

from typing import TypeAlias

from actors.coordinator.event import Event
from actors.coordinator.shard import Caller
from actors.transactions.metadata import WITHOUT_TIMEOUT, TransactionMetadata
from kstore.errors import KafkaError, ProducerFenced
from kstore.log.names import TopicAndPartition
from kstore.schema.messages.add_partitions_to_txn import AddPartitionsToTxnTransaction
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest

NAME_LENGTH_MAX = 249
REASON_LENGTH_MAX = 400

AskingProducer: TypeAlias = InitProducerIdRequest | AddPartitionsToTxnTransaction | EndTxnRequest
"""Requests that name a producer id and its epoch."""

REQUESTS: dict[type, str] = {
    InitProducerIdRequest: "InitProducerId",
    AddPartitionsToTxnTransaction: "AddPartitionsToTxn",
    EndTxnRequest: "EndTxn",
}


def note(event: Event, kind: str, transactional_id: str, metadata: TransactionMetadata, because: str) -> None:
    """What became of a transactional id."""
    name = transactional_id[:NAME_LENGTH_MAX]
    event.note(kind, name, metadata.producer_id, metadata.epoch, because[:REASON_LENGTH_MAX])


def note_refused(event: Event, request: AskingProducer, name: str, caller: Caller, error: KafkaError) -> None:
    """A producer that another one has fenced asked for something."""
    if isinstance(error, ProducerFenced):
        because = f"{REQUESTS[type(request)]} of {named(caller)}"
        event.note(
            "FencedProducerRefused", name[:NAME_LENGTH_MAX], request.producer_id, request.producer_epoch, because
        )


def label(partition: TopicAndPartition) -> str:
    return f"{partition[0]}-{partition[1]}"


def time_limit(metadata: TransactionMetadata, interval_ms: int) -> str:
    """When a transaction is aborted that nobody ends, in words."""
    if metadata.timeout_ms == WITHOUT_TIMEOUT:
        return "without a timeout"
    return f"times out after {metadata.timeout_ms} ms, which is looked at every {interval_ms} ms"


def named(caller: Caller) -> str:
    """A client, in words."""
    return f"{caller.client_id[:NAME_LENGTH_MAX]} at {caller.client_host}"
