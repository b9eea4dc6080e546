"""Requests to coordinators from the steps of a transaction, and what their answers say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.clients.producer.idempotence import Identity
from actors.clients.producer.transactions.steps import AddOffsets, AddPartitions, CommitOffsets, Initialize
from actors.image.feature_names import TRANSACTION_VERSION
from kstore.errors import KafkaError, OperationNotAttempted, for_code
from kstore.schema.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopic,
)
from kstore.schema.messages.api_versions import ApiVersionsRequest
from kstore.schema.messages.end_txn import EndTxnRequest, EndTxnResponse
from kstore.schema.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
)

if TYPE_CHECKING:
    from actors.clients.producer.transactions.machine import TransactionMachine
    from actors.clients.producer.transactions.steps import Step
    from kstore.schema.messages.api_versions import ApiVersionsResponse
    from kstore.schema.struct import Message

VERSIONS: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {
    InitProducerIdRequest.API_KEY: ((3, 5), (3, 5)),
    EndTxnRequest.API_KEY: ((3, 4), (5, 5)),
    TxnOffsetCommitRequest.API_KEY: ((3, 4), (5, 5)),
}
"""By API key, of the classic protocol and of the second one: the versions tell which is meant."""
API_KEYS: dict[type, int] = {
    Initialize: InitProducerIdRequest.API_KEY,
    AddPartitions: AddPartitionsToTxnRequest.API_KEY,
    AddOffsets: AddOffsetsToTxnRequest.API_KEY,
    CommitOffsets: TxnOffsetCommitRequest.API_KEY,
}


def versions_of(step: Step, machine: TransactionMachine) -> tuple[int, int] | None:
    """The versions of a step's request; None: any that the client speaks."""
    found = VERSIONS.get(API_KEYS.get(type(step), EndTxnRequest.API_KEY))
    return None if found is None else found[machine.uses_second_protocol]


def request_for(step: Step, transactional_id: str, machine: TransactionMachine) -> Message:
    """The request that asks for a step."""
    producer_id, epoch = machine.identity
    if isinstance(step, Initialize):
        return InitProducerIdRequest(
            transactional_id=transactional_id,
            transaction_timeout_ms=machine.timeout_ms,
            producer_id=step.identity.producer_id,
            producer_epoch=step.identity.epoch,
        )
    if isinstance(step, AddPartitions):
        topics: dict[str, AddPartitionsToTxnTopic] = {}
        for name, number in step.partitions:
            topics.setdefault(name, AddPartitionsToTxnTopic(name=name)).partitions.append(number)
        return AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=transactional_id,
            v3_and_below_producer_id=producer_id,
            v3_and_below_producer_epoch=epoch,
            v3_and_below_topics=list(topics.values()),
        )
    if isinstance(step, AddOffsets):
        return AddOffsetsToTxnRequest(
            transactional_id=transactional_id,
            producer_id=producer_id,
            producer_epoch=epoch,
            group_id=step.commit.group.group_id,
        )
    if isinstance(step, CommitOffsets):
        return _offsets_request(step, transactional_id, machine.identity)
    return EndTxnRequest(
        transactional_id=transactional_id, producer_id=producer_id, producer_epoch=epoch, committed=step.committed
    )


def _offsets_request(step: CommitOffsets, transactional_id: str, identity: Identity) -> TxnOffsetCommitRequest:
    topics: dict[str, TxnOffsetCommitRequestTopic] = {}
    for (name, number), at in step.offsets.items():
        topics.setdefault(name, TxnOffsetCommitRequestTopic(name=name)).partitions.append(
            TxnOffsetCommitRequestPartition(
                partition_index=number,
                committed_offset=at.offset,
                committed_leader_epoch=at.leader_epoch,
                committed_metadata=at.metadata,
            )
        )
    group = step.group
    return TxnOffsetCommitRequest(
        transactional_id=transactional_id,
        group_id=group.group_id,
        producer_id=identity.producer_id,
        producer_epoch=identity.epoch,
        generation_id_or_member_epoch=group.generation_id,
        member_id=group.member_id,
        group_instance_id=group.group_instance_id,
        topics=list(topics.values()),
    )


def error_in(answer: object) -> KafkaError | None:
    """The error that a coordinator's answer has, of partitions the first that matters."""
    if isinstance(answer, AddPartitionsToTxnResponse):
        codes = {
            each.partition_error_code: f"{topic.name}-{each.partition_index}"
            for topic in answer.results_by_topic_v3_and_below
            for each in topic.results_by_partition
        }
    elif isinstance(answer, TxnOffsetCommitResponse):
        codes = {
            each.error_code: f"{topic.name}-{each.partition_index}"
            for topic in answer.topics
            for each in topic.partitions
        }
    else:
        code: int = answer.error_code  # type: ignore[attr-defined]
        return for_code(code) if code else None
    codes.pop(0, None)
    if len(codes) > 1:
        codes.pop(OperationNotAttempted.code, None)  # because of the others
    errors = [for_code(code, f"{where}: {for_code(code).message}") for code, where in codes.items()]
    return min(errors, key=lambda error: error.retriable, default=None)


def identity_in(answer: object) -> Identity | None:
    """The producer id and epoch in an answer, which the producer has from now on; None without them."""
    if isinstance(answer, (InitProducerIdResponse, EndTxnResponse)) and answer.producer_id >= 0:
        return Identity(answer.producer_id, answer.producer_epoch)
    return None


def features_request() -> ApiVersionsRequest:
    """The request that asks which features the cluster has agreed on."""
    return ApiVersionsRequest(client_software_name="kstore", client_software_version="1")


def transaction_version_in(answer: ApiVersionsResponse) -> tuple[int, int]:
    """The epoch of the features, and the level of ``transaction.version``."""
    levels = {each.name: each.max_version_level for each in answer.finalized_features}
    return answer.finalized_features_epoch, levels.get(TRANSACTION_VERSION, 0)
