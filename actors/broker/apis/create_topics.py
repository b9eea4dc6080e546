"""CreateTopics (key 19): make topics; the controller decides, whichever broker was asked.

The answer comes once the controller's decision is on its disk and this node knows the topics and their leaders, so
that a client that asks on gets them. Version 5 added the configs and counts of the new topics to the answer, 7 their
ids. A request may make as many topics as in Kafka, and a large one is decided in portions
(`actors/broker/creating.py`). `timeout_ms` is not looked at, as in Kafka: the controller answers when it has decided.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.creating import created, refused
from actors.broker.forwarding import failed
from actors.runtime import Conversation
from kstore.schema.messages.create_topics import CreateTopicsResponse

API_KEY = 19
VERSIONS = (2, 7)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    outcome = yield from created(call, call.request)
    error = failed(outcome)
    if error is not None:
        return CreateTopicsResponse(topics=(yield from refused(call.request.topics, error)))
    return outcome
