"""AddOffsetsToTxn, key 25, versions 0 to 4: a producer is going to commit a group's offsets in its transaction.

The group's partition of ``__consumer_offsets`` joins the transaction, so that it gets a marker. Producers of the second
transaction protocol (KIP-890) don't send this: the group's coordinator adds the partition for them.

Versions: before 2 a fenced producer gets INVALID_PRODUCER_EPOCH.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_transaction, coordinated_by, refusal_code
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import READ, WRITE
from actors.node.authorizer import group as of_group
from actors.node.authorizer import transactional_id as of_transaction
from actors.runtime import Coroutine
from kstore.errors import (
    GroupAuthorizationFailed,
    InvalidRequest,
    KafkaError,
    TransactionalIdAuthorizationFailed,
)
from kstore.schema.messages.add_offsets_to_txn import AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)

API_KEY = 25
VERSIONS = (0, 4)

OF_THE_FIRST_PROTOCOL = 3
"""The version of AddPartitionsToTxn that says the same."""


def handle(call: Call) -> Coroutine:
    request: AddOffsetsToTxnRequest = call.request
    if not call.authorize(WRITE, of_transaction(request.transactional_id)):
        return AddOffsetsToTxnResponse(error_code=TransactionalIdAuthorizationFailed.code)
    if not call.authorize(READ, of_group(request.group_id)):
        return AddOffsetsToTxnResponse(error_code=GroupAuthorizationFailed.code)
    if not request.transactional_id:
        return AddOffsetsToTxnResponse(error_code=InvalidRequest.code)
    partition = coordinated_by(call.view, OFFSETS_TOPIC, request.group_id)
    transaction = AddPartitionsToTxnTransaction(
        transactional_id=request.transactional_id,
        producer_id=request.producer_id,
        producer_epoch=request.producer_epoch,
        topics=[AddPartitionsToTxnTopic(name=OFFSETS_TOPIC, partitions=[partition])],
    )
    asked = AddPartitionsToTxnRequest(transactions=[transaction])
    outcome = yield from ask_transaction(call, request.transactional_id, asked, OF_THE_FIRST_PROTOCOL)
    return AddOffsetsToTxnResponse(error_code=refusal_code(call, outcome) if isinstance(outcome, KafkaError) else 0)
