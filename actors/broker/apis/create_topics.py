"""CreateTopics (key 19): make topics; the controller decides, whichever broker was asked.

The answer comes once the controller's decision is on its disk and this node knows the topics and their leaders, so
that a client that asks on gets them. Version 5 added the configs and counts of the new topics to the answer, 7 their
ids. `timeout_ms` is not looked at, as in Kafka: the controller answers when it has decided.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller, until_known
from actors.runtime import Conversation
from kstore.schema.messages.create_topics import CreatableTopicResult, CreateTopicsResponse

API_KEY = 19
VERSIONS = (2, 7)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    if error is not None:
        return CreateTopicsResponse(
            topics=[
                CreatableTopicResult(name=topic.name, error_code=error.code, error_message=error.message)
                for topic in call.request.topics
            ]
        )
    if not call.request.validate_only:
        yield from until_known(call, tuple(topic.name for topic in outcome.topics if not topic.error_code))
    return outcome
