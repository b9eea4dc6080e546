"""InitProducerId, API key 22, versions 0 to 5: an id for an idempotent producer.

A producer without a transactional id gets an id that nobody has had, with epoch 0, whichever broker it asks; one that
brings an id and epoch of its own (version 3 and up, after it lost its place in a sequence) gets a new id as well. An
id without an epoch, or the reverse, is INVALID_REQUEST.

Left out: transactions. A request with a transactional id is refused with UNSUPPORTED_VERSION, so that a transactional
producer fails at once instead of waiting for a coordinator that isn't there. An empty one is INVALID_REQUEST.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.unserved import transaction_unserved
from actors.node.authorizer import CLUSTER, IDEMPOTENT_WRITE, TOPIC, WRITE
from actors.node.authorizer import transactional_id as of_transaction
from actors.partition.to_controller.producer_ids import NextProducerId
from actors.runtime import Ask
from kstore.errors import (
    ClusterAuthorizationFailed,
    CoordinatorLoadInProgress,
    InvalidRequest,
    KafkaError,
    TransactionalIdAuthorizationFailed,
    UnsupportedVersion,
)
from kstore.schema.messages.init_producer_id import InitProducerIdResponse

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime.conversation import Conversation

API_KEY = 22
VERSIONS = (0, 5)


def handle(call: Call) -> InitProducerIdResponse | Conversation:
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
    transaction_unserved(call)
    return _failed(UnsupportedVersion.code)


def _idempotent(call: Call) -> Conversation:
    ids = call.view.producer_ids
    assert ids is not None, "it is there before the door is open"
    outcome = yield Ask(ids, NextProducerId())
    if isinstance(outcome, int):
        return InitProducerIdResponse(producer_id=outcome, producer_epoch=0)
    return _failed(outcome.code if isinstance(outcome, KafkaError) else CoordinatorLoadInProgress.code)


def _failed(code: int) -> InitProducerIdResponse:
    return InitProducerIdResponse(error_code=code, producer_id=-1, producer_epoch=-1)
