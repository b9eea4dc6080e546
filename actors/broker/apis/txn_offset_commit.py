"""TxnOffsetCommit, key 28, versions 0 to 6: offsets of a group within a producer's transaction.

They count when the transaction is committed; until then readers that want stable offsets wait. Answered when they are
in the log of the group's coordinator. Topics and partitions that don't exist are refused one by one. The group's
partition of ``__consumer_offsets`` is in the transaction as any other is: before a producer's first offsets there its
coordinator is asked (``transaction_verification.py``), and from version 5 on (KIP-890) it is added by that.

Versions: 2 has leader epochs; before 2 a coordinator that loads is COORDINATOR_NOT_AVAILABLE; 3 says of which member
the offsets are (KIP-447), and is the first flexible one; 4 knows TRANSACTION_ABORTABLE; 6 names topics by id
(KIP-1319), and a group that isn't there has an error of its own.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import coordinated_by, coordinator_here, settled, submitted
from actors.broker.offset_commits import OffsetCommits
from actors.broker.transaction_verification import TransactionalProducer, coordinator_codes
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import READ, WRITE, group
from actors.node.authorizer import transactional_id as of_transaction
from actors.partition.messages import StartVerification
from actors.runtime import Ask, Coroutine
from actors.runtime.coroutine import Eventually
from kstore.errors import (
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    GroupAuthorizationFailed,
    InvalidGroupId,
    InvalidProducerEpoch,
    InvalidTxnState,
    KafkaError,
    KafkaStorageError,
    NetworkException,
    NotCoordinator,
    NotLeaderOrFollower,
    ProducerFenced,
    TransactionAbortable,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartition,
    for_code,
)
from kstore.log.verification import NO_GUARD
from kstore.schema.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
)

API_KEY = 28
VERSIONS = (0, 6)

KNOWS_LOADING = 2
KNOWS_ABORTABLE = 4
ADDS_PARTITIONS_FROM = 5
TOPICS_BY_ID = 6

MOVED = (NotLeaderOrFollower, KafkaStorageError, UnknownTopicOrPartition)
"""Of the group's partition, and so of its coordinator."""


def handle(call: Call) -> Coroutine:
    request: TxnOffsetCommitRequest = call.request

    def commit(topics: list[TxnOffsetCommitRequestTopic]) -> Coroutine:
        outcome = yield from _asked(call, request, topics)
        loads = isinstance(outcome, CoordinatorLoadInProgress) and call.version < KNOWS_LOADING
        return CoordinatorNotAvailable() if loads else outcome

    commits = OffsetCommits(
        call, TOPICS_BY_ID, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponseTopic, TxnOffsetCommitResponsePartition
    )
    return TxnOffsetCommitResponse(topics=(yield from commits.answered(_refusal(call, request), commit)))


def _refusal(call: Call, request: TxnOffsetCommitRequest) -> KafkaError | None:
    """Why the client may commit nothing at all."""
    if not call.authorize(WRITE, of_transaction(request.transactional_id)):
        return TransactionalIdAuthorizationFailed()
    if not call.authorize(READ, group(request.group_id)):
        return GroupAuthorizationFailed()
    return None


def _asked(
    call: Call, request: TxnOffsetCommitRequest, topics: list[TxnOffsetCommitRequestTopic]
) -> Eventually[TxnOffsetCommitResponse | KafkaError]:
    """The answer of the group's coordinator, once the transaction's was asked; or why nothing is committed."""
    if not request.group_id:
        return InvalidGroupId()
    try:
        coordinator = coordinator_here(call.view, OFFSETS_TOPIC, request.group_id)
    except KafkaError as error:
        return error
    guard = yield from _verified(call, request)
    if isinstance(guard, KafkaError):
        return guard
    asked = TxnOffsetCommitRequest(
        transactional_id=request.transactional_id,
        group_id=request.group_id,
        producer_id=request.producer_id,
        producer_epoch=request.producer_epoch,
        generation_id_or_member_epoch=request.generation_id_or_member_epoch,
        member_id=request.member_id,
        group_instance_id=request.group_instance_id,
        topics=topics,
    )
    message = submitted(call, asked)
    message = message._replace(context=message.context._replace(guard=guard))
    outcome: TxnOffsetCommitResponse | KafkaError = settled((yield Ask(coordinator, message)))
    return outcome


def _verified(call: Call, request: TxnOffsetCommitRequest) -> Eventually[int | KafkaError]:
    """The guard to append with, or why the producer may not write to the group's partition."""
    partition = OFFSETS_TOPIC, coordinated_by(call.view, OFFSETS_TOPIC, request.group_id)
    replica = call.view.replicas.get(partition)
    if replica is None:
        return NotCoordinator()
    adds = call.version >= ADDS_PARTITIONS_FROM
    guard = yield Ask(replica, StartVerification(request.producer_id, request.producer_epoch, 0, adds))
    if not isinstance(guard, int):
        return NotCoordinator() if isinstance(guard, MOVED) or not isinstance(guard, KafkaError) else guard
    if guard == NO_GUARD:
        return guard
    knows_abortable = call.version >= KNOWS_ABORTABLE
    producer = TransactionalProducer(
        request.transactional_id, request.producer_id, request.producer_epoch, adds, knows_abortable
    )
    codes = yield from coordinator_codes(call, producer, [partition])
    code = codes.get(partition, 0)
    return guard if not code else _as_refusal(code, knows_abortable=knows_abortable)


def _as_refusal(code: int, *, knows_abortable: bool) -> KafkaError:
    """What the producer is told for the error of its transaction's coordinator."""
    if code == ProducerFenced.code:
        return InvalidProducerEpoch()
    if code == TransactionAbortable.code and not knows_abortable:
        return InvalidTxnState()
    if code == NetworkException.code:
        return CoordinatorLoadInProgress()
    return for_code(code)
