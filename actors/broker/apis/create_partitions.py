"""CreatePartitions (key 37): add partitions to topics; the controller decides and places them.

All versions say the same; 2 is flexible, 3 only made quota errors possible, which kstore doesn't have.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.runtime import Conversation
from kstore.schema.messages.create_partitions import CreatePartitionsResponse, CreatePartitionsTopicResult

API_KEY = 37
VERSIONS = (0, 3)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    if error is None:
        return outcome
    return CreatePartitionsResponse(
        results=[
            CreatePartitionsTopicResult(name=topic.name, error_code=error.code, error_message=error.message)
            for topic in call.request.topics
        ]
    )
