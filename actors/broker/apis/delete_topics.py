"""DeleteTopics (key 20): remove topics with all their records and configs; the controller decides.

Version 6 names topics by name or by id, earlier ones by name only; version 5 added error messages. The answer comes
once the decision is on the controller's disk; the replicas' files go when each node learns of it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from actors.broker.call import Call
from actors.broker.deciding import allowed_of, decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.node.authorizer import CLUSTER, DELETE, DESCRIBE, TOPIC, refusal
from actors.node.authorizer import topic as of_topic
from actors.runtime import Conversation
from kstore.errors import KafkaError
from kstore.schema.messages.delete_topics import DeletableTopicResult, DeleteTopicsResponse, DeleteTopicState
from kstore.schema.uuids import ZERO

API_KEY = 20
VERSIONS = (1, 6)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    by_state = call.version >= 6
    names = call.view.image.topic_names_by_id
    deletes_any = call.authorize(DELETE, CLUSTER)
    is_enabled = call.view.config.boolean("delete.topic.enable")

    def is_allowed(topic: Any) -> bool:
        if deletes_any or not is_enabled:
            return True
        name = topic if not by_state else topic.name
        is_by_id = name is None
        if is_by_id:
            name = names.get(topic.topic_id)
            if name is None:
                return True  # there is no such topic
        elif by_state and topic.topic_id != ZERO:
            return True  # one may not name both
        if call.authorize(DELETE, of_topic(name)):
            return is_by_id or call.authorize(DESCRIBE, of_topic(name))
        return not is_by_id and name not in call.view.image.topics and call.authorize(DESCRIBE, of_topic(name))

    def hidden(topic: Any) -> DeletableTopicResult:
        result = refused(topic, refusal(TOPIC))
        name = names.get(result.topic_id)
        if name is not None and call.authorize(DESCRIBE, of_topic(name)):
            result.name = name
        return result

    def key(topic: Any) -> Hashable:
        name: Hashable = topic if not by_state else topic.name
        return names.get(topic.topic_id, topic.topic_id) if name is None else name

    def refused(topic: Any, error: KafkaError) -> DeletableTopicResult:
        asked = topic if by_state else DeleteTopicState(name=topic)
        return DeletableTopicResult(
            name=asked.name, topic_id=asked.topic_id, error_code=error.code, error_message=error.message
        )

    field = "topics" if by_state else "topic_names"
    request, allowed, not_allowed = yield from allowed_of(call, field, key, is_allowed)
    outcome = yield from decided(call, request, field, key, "responses", refused)
    error = failed(outcome)
    if error is not None:
        outcome = DeleteTopicsResponse(responses=(yield from sliced(allowed, lambda topic: refused(topic, error))))
    outcome.responses += yield from sliced(not_allowed, hidden)
    return outcome
