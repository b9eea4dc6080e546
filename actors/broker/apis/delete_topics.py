"""DeleteTopics (key 20): remove topics with all their records and configs; the controller decides.

Version 6 names topics by name or by id, earlier ones by name only; version 5 added error messages. The answer comes
once the decision is on the controller's disk; the replicas' files go when each node learns of it.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.runtime import Conversation
from kstore.schema.messages.delete_topics import DeletableTopicResult, DeleteTopicsResponse, DeleteTopicState

API_KEY = 20
VERSIONS = (1, 6)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    request = call.request
    outcome = yield from to_controller(call, request)
    error = failed(outcome)
    if error is None:
        return outcome
    asked = request.topics if call.version >= 6 else [DeleteTopicState(name=name) for name in request.topic_names]
    return DeleteTopicsResponse(
        responses=[
            DeletableTopicResult(
                name=topic.name, topic_id=topic.topic_id, error_code=error.code, error_message=error.message
            )
            for topic in asked
        ]
    )
