"""AlterConfigs (key 33): give topics and brokers these configs, and take all others from them; the controller decides.

The old request; IncrementalAlterConfigs changes single ones. Broker loggers, client metrics and groups have no configs
here and are refused. Version 2 is flexible, no more.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.forwarding import failed, to_controller
from actors.runtime import Conversation
from kstore.schema.messages.alter_configs import AlterConfigsResourceResponse, AlterConfigsResponse

API_KEY = 33
VERSIONS = (0, 2)


def handle(call: Call) -> Conversation:
    """Passes the request to the controller."""
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    if error is None:
        return outcome
    return AlterConfigsResponse(
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
