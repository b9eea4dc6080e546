"""IncrementalAlterConfigs (key 44): change single configs of topics and brokers; the controller decides.

Set, delete, append and subtract, for topics and for brokers (a broker's own, or with an empty name those of all).
Broker loggers, client metrics and groups have no configs here and are refused. Version 1 is flexible, no more.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.runtime import Conversation
from kstore.schema.messages.incremental_alter_configs import (
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsResponse,
)

API_KEY = 44
VERSIONS = (0, 1)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    if error is None:
        return outcome
    return IncrementalAlterConfigsResponse(
        responses=[
            AlterConfigsResourceResponse(
                error_code=error.code,
                error_message=error.message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
            for resource in call.request.resources
        ]
    )
