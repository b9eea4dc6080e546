"""DeleteTopics (key 20): remove topics with all their records and configs; the controller decides.

Version 6 names topics by name or by id, earlier ones by name only; version 5 added error messages. The answer comes
once the decision is on the controller's disk; the replicas' files go when each node learns of it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from actors.broker.call import Call
from actors.broker.deciding import decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.runtime import Conversation
from kstore.errors import KafkaError
from kstore.schema.messages.delete_topics import DeletableTopicResult, DeleteTopicsResponse, DeleteTopicState

API_KEY = 20
VERSIONS = (1, 6)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    request = call.request
    by_state = call.version >= 6
    names = call.view.image.topic_names_by_id

    def key(topic: Any) -> Hashable:
        name: Hashable = topic if not by_state else topic.name
        return names.get(topic.topic_id, topic.topic_id) if name is None else name

    def refused(topic: Any, error: KafkaError) -> DeletableTopicResult:
        asked = topic if by_state else DeleteTopicState(name=topic)
        return DeletableTopicResult(
            name=asked.name, topic_id=asked.topic_id, error_code=error.code, error_message=error.message
        )

    field = "topics" if by_state else "topic_names"
    outcome = yield from decided(call, request, field, key, "responses", refused)
    error = failed(outcome)
    if error is None:
        return outcome
    results = yield from sliced(getattr(request, field), lambda topic: refused(topic, error))
    return DeleteTopicsResponse(responses=results)
