"""ListTransactions, key 66, versions 0 to 2: the transactional ids whose coordinators are on this node.

A client that wants all asks every broker. While one of the coordinators is loading, the whole response is
COORDINATOR_LOAD_IN_PROGRESS, because an incomplete list would look complete. A client gets the ids that it may
describe. Unknown states are listed in the response, and match nothing.

Versions: 1 filters by how long a transaction has been open, 2 by a regular expression for the whole id. As in Apache
Kafka 4.4 it is an RE2 expression, which always matches in linear time.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.broker.call import Call
from actors.broker.coordinator_requests import settled, submitted
from actors.broker.slices import sliced
from actors.image.topic_names import TRANSACTIONS_TOPIC
from actors.node.authorizer import DESCRIBE
from actors.node.authorizer import transactional_id as of_transaction
from actors.runtime import Ask, Coroutine
from actors.transactions.reports import unknown_states
from kstore.errors import InvalidRegularExpression, KafkaError, NotCoordinator
from kstore.schema.messages.list_transactions import (
    ListTransactionsRequest,
    ListTransactionsResponse,
    TransactionState,
)

API_KEY = 66
VERSIONS = (0, 2)


def handle(call: Call) -> Coroutine:
    request: ListTransactionsRequest = call.request
    message = submitted(call, request)
    here = [ref for (topic, _), ref in sorted(call.view.coordinators.items()) if topic == TRANSACTIONS_TOPIC]
    outcomes = yield [Ask(coordinator, message) for coordinator in here]
    states: list[TransactionState] = []
    try:
        matches = _matching(request.transactional_id_pattern)
        for outcome in outcomes:
            answer = settled(outcome)
            if isinstance(answer, NotCoordinator):
                continue  # it moved away meanwhile, and its transactions with it
            if isinstance(answer, KafkaError):
                raise answer
            states += answer.transaction_states
    except KafkaError as error:
        return ListTransactionsResponse(error_code=error.code)
    shown = yield from sliced(
        states,
        lambda each: matches(each.transactional_id) and call.authorize(DESCRIBE, of_transaction(each.transactional_id)),
    )
    return ListTransactionsResponse(
        unknown_state_filters=unknown_states(request.state_filters),
        transaction_states=[each for each, is_shown in zip(states, shown, strict=True) if is_shown],
    )


def _matching(pattern: str | None) -> Callable[[str], bool]:
    """A function that says whether an id is requested; raises InvalidRegularExpression."""
    if not pattern:
        return bool
    import re2  # half a megabyte that few clients need

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise InvalidRegularExpression(f"{pattern!r} is not a regular expression: {error}") from None
    return lambda name: compiled.fullmatch(name) is not None
