"""InitProducerId, API key 22, versions 0 to 5: a producer id, and the epoch to use it in.

A producer without a transactional id gets a new, unused producer id with epoch 0, whichever broker it asks. So does one
that sends its id and epoch (version 3 and up, after it lost its place in a sequence). An id without an epoch, or the
reverse, is INVALID_REQUEST.

With a transactional id, its coordinator gives the id's producer id in a new epoch, so that any earlier producer with
this id is fenced. CONCURRENT_TRANSACTIONS means to retry: the transaction that the earlier producer left open is being
aborted.

Versions: 3 has the id and epoch of the producer (KIP-360); before 4 a fenced producer gets INVALID_PRODUCER_EPOCH. 6
(two-phase commit, KIP-939) isn't stable in Apache Kafka 4.4, and isn't supported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.coordinator_requests import ask_transaction, refusal_code
from actors.node.authorizer import CLUSTER, IDEMPOTENT_WRITE, TOPIC, WRITE
from actors.node.authorizer import transactional_id as of_transaction
from actors.partition.to_controller.producer_ids import NextProducerId
from actors.runtime import Ask
from kstore.errors import (
    ClusterAuthorizationFailed,
    CoordinatorLoadInProgress,
    InvalidRequest,
    InvalidTransactionTimeout,
    KafkaError,
    TransactionalIdAuthorizationFailed,
)
from kstore.schema.messages.init_producer_id import InitProducerIdResponse

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.coroutine import Coroutine

API_KEY = 22
VERSIONS = (0, 5)

KNOWS_FENCED = 4


def handle(call: Call) -> InitProducerIdResponse | Coroutine:
    """Answer an InitProducerId request."""
    transactional_id = call.request.transactional_id
    if transactional_id is not None:
        if not call.authorize(WRITE, of_transaction(transactional_id)):
            return _failed(TransactionalIdAuthorizationFailed.code)
    elif not (call.authorize(IDEMPOTENT_WRITE, CLUSTER) or call.authorize_any(WRITE, TOPIC)):
        return _failed(ClusterAuthorizationFailed.code)
    if (call.request.producer_id < 0) != (call.request.producer_epoch < 0):
        return _failed(InvalidRequest.code)
    if transactional_id is None:
        return _idempotent(call)
    if not transactional_id:
        return _failed(InvalidRequest.code)
    if not 0 < call.request.transaction_timeout_ms <= call.view.config.integer("transaction.max.timeout.ms"):
        return _failed(InvalidTransactionTimeout.code)
    return _transactional(call, transactional_id)


def _transactional(call: Call, transactional_id: str) -> Coroutine:
    outcome = yield from ask_transaction(call, transactional_id, call.request)
    return _failed(refusal_code(call, outcome, KNOWS_FENCED)) if isinstance(outcome, KafkaError) else outcome


def _idempotent(call: Call) -> Coroutine:
    ids = call.view.producer_ids
    assert ids is not None, "it is there before the door is open"
    outcome = yield Ask(ids, NextProducerId())
    if isinstance(outcome, int):
        return InitProducerIdResponse(producer_id=outcome, producer_epoch=0)
    return _failed(outcome.code if isinstance(outcome, KafkaError) else CoordinatorLoadInProgress.code)


def _failed(code: int) -> InitProducerIdResponse:
    return InitProducerIdResponse(error_code=code, producer_id=-1, producer_epoch=-1)
