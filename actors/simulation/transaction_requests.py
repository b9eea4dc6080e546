"""Requests of the classic protocol of transactions, as clients without KIP-890 make them, and what answers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.simulation.requests import produce
from kstore.errors import NONE, OperationNotAttempted
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopic,
)
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.produce import ProduceRequest

if TYPE_CHECKING:
    from kstore.schema.struct import Message

TRANSACTION = 1
"""The type of a transactional id's key in FindCoordinator."""

VERSIONS: dict[int, tuple[int, int]] = {
    AddPartitionsToTxnRequest.API_KEY: (0, 3),
    EndTxnRequest.API_KEY: (0, 4),
    InitProducerIdRequest.API_KEY: (0, 5),
    ProduceRequest.API_KEY: (3, 11),
}
"""By API key, the versions of the classic protocol."""


FIND_COORDINATOR = FindCoordinatorRequest.API_KEY


def find_coordinator(transactional_id: str, version: int) -> FindCoordinatorRequest:
    if version >= 4:
        return FindCoordinatorRequest(key_type=TRANSACTION, coordinator_keys=[transactional_id])
    return FindCoordinatorRequest(key_type=TRANSACTION, key=transactional_id)


def initialize(transactional_id: str, timeout_ms: int) -> InitProducerIdRequest:
    return InitProducerIdRequest(transactional_id=transactional_id, transaction_timeout_ms=timeout_ms)


def add_partitions(
    transactional_id: str, producer_id: int, epoch: int, topic: str, partitions: list[int]
) -> AddPartitionsToTxnRequest:
    return AddPartitionsToTxnRequest(
        v3_and_below_transactional_id=transactional_id,
        v3_and_below_producer_id=producer_id,
        v3_and_below_producer_epoch=epoch,
        v3_and_below_topics=[AddPartitionsToTxnTopic(name=topic, partitions=partitions)],
    )


def produce_in_transaction(transactional_id: str, topic: str, partition: int, records: bytes) -> ProduceRequest:
    request = produce(topic, bytes(16), partition, records, -1, 2_000)
    request.transactional_id = transactional_id
    return request


def end(transactional_id: str, producer_id: int, epoch: int, *, is_commit: bool) -> EndTxnRequest:
    return EndTxnRequest(
        transactional_id=transactional_id, producer_id=producer_id, producer_epoch=epoch, committed=is_commit
    )


def code_in(answer: Message) -> int:
    """The error code of a coordinator's answer; the first one that says why, if it has one for each partition."""
    if not isinstance(answer, AddPartitionsToTxnResponse):
        return int(answer.error_code)  # type: ignore[attr-defined]  # InitProducerId and EndTxn have it
    codes = [
        each.partition_error_code
        for topic in answer.results_by_topic_v3_and_below
        for each in topic.results_by_partition
    ]
    return next((code for code in codes if code not in (NONE, OperationNotAttempted.code)), NONE)
