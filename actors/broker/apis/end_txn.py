"""EndTxn, key 26, versions 0 to 5: a producer commits or aborts its transaction.

Answered when the decision is in the coordinator's log: from then on it is final. The markers are written to the
partitions after that; until they are, the producer's next requests get CONCURRENT_TRANSACTIONS, and it retries.

Versions: before 2 a fenced producer gets INVALID_PRODUCER_EPOCH. 5 is for the second transaction protocol (KIP-890):
the response has the epoch of the next transaction, sometimes with a new producer id.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import ask_transaction, refusal_code
from actors.node.authorizer import WRITE
from actors.node.authorizer import transactional_id as of_transaction
from actors.runtime import Coroutine
from kstore.errors import (
    InvalidRequest,
    KafkaError,
    TransactionalIdAuthorizationFailed,
)
from kstore.schema.messages.end_txn import EndTxnRequest, EndTxnResponse

API_KEY = 26
VERSIONS = (0, 5)


def handle(call: Call) -> Coroutine:
    request: EndTxnRequest = call.request
    if not call.authorize(WRITE, of_transaction(request.transactional_id)):
        return EndTxnResponse(error_code=TransactionalIdAuthorizationFailed.code)
    if not request.transactional_id:
        return EndTxnResponse(error_code=InvalidRequest.code)
    outcome = yield from ask_transaction(call, request.transactional_id, request)
    return EndTxnResponse(error_code=refusal_code(call, outcome)) if isinstance(outcome, KafkaError) else outcome
