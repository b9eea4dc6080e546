"""DescribeTransactions, key 65, version 0: state, producer and partitions of transactional ids, by their coordinator.

The coordinator isn't asked about an id that the client may not describe. Of a transaction's partitions, the client gets
those of topics that it may describe. While a transaction is being completed, its partitions are those that wait for
their markers.
"""

from __future__ import annotations

from actors.broker.call import PAUSE, Call
from actors.broker.coordinator_requests import coordinator_here, settled, submitted
from actors.image.topic_names import TRANSACTIONS_TOPIC
from actors.node.authorizer import DESCRIBE
from actors.node.authorizer import topic as of_topic
from actors.node.authorizer import transactional_id as of_transaction
from actors.runtime import Ask, Coroutine
from kstore.errors import InvalidRequest, KafkaError, TransactionalIdAuthorizationFailed
from kstore.schema.messages.describe_transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    TransactionState,
)

API_KEY = 65
VERSIONS = (0, 0)

IDS_AT_ONCE = 250


def handle(call: Call) -> Coroutine:
    request: DescribeTransactionsRequest = call.request
    found: dict[str, TransactionState] = {}
    for start in range(0, len(request.transactional_ids), IDS_AT_ONCE):
        if start:
            yield PAUSE
        names = dict.fromkeys(request.transactional_ids[start : start + IDS_AT_ONCE])
        yield from _describe(call, [name for name in names if name not in found], found)
    return DescribeTransactionsResponse(transaction_states=[found[name] for name in request.transactional_ids])


def _describe(call: Call, names: list[str], found: dict[str, TransactionState]) -> Coroutine:
    """Ask the coordinators of these ids, and keep their answers."""
    asks: dict[str, Ask] = {}
    for name in names:
        try:
            if not call.authorize(DESCRIBE, of_transaction(name)):
                raise TransactionalIdAuthorizationFailed()
            if not name:
                raise InvalidRequest()
            coordinator = coordinator_here(call.view, TRANSACTIONS_TOPIC, name)
        except KafkaError as error:
            found[name] = _refused(name, error)
        else:
            asks[name] = Ask(coordinator, submitted(call, DescribeTransactionsRequest(transactional_ids=[name])))
    outcomes = yield list(asks.values())
    for name, outcome in zip(asks, outcomes, strict=True):
        answer = settled(outcome)
        if isinstance(answer, KafkaError):
            found[name] = _refused(name, answer)
            continue
        (state,) = answer.transaction_states
        state.topics = [each for each in state.topics if call.authorize(DESCRIBE, of_topic(each.topic))]
        found[name] = state


def _refused(transactional_id: str, error: KafkaError) -> TransactionState:
    return TransactionState(transactional_id=transactional_id, error_code=error.code)
