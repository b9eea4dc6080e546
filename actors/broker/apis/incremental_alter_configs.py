"""IncrementalAlterConfigs (key 44): change single configs of topics and brokers; the controller decides.

Set, delete, append and subtract, for topics and for brokers (a broker's own, or with an empty name those of all).
Broker loggers, client metrics and groups have no configs here and are refused. Version 1 is flexible, no more.
"""

from __future__ import annotations

from typing import Any

from actors.broker.call import Call
from actors.broker.config_resources import not_to_be_changed_here
from actors.broker.forwarding import failed, to_controller
from actors.runtime import Conversation
from kstore.errors import KafkaError
from kstore.schema.messages.incremental_alter_configs import (
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsResponse,
)

API_KEY = 44
VERSIONS = (0, 1)


def handle(call: Call) -> Conversation:
    """Passes to the controller what isn't another broker's."""
    request = call.request
    refused = not_to_be_changed_here(call)
    elsewhere = {id(resource) for resource, _ in refused}
    mine = [resource for resource in request.resources if id(resource) not in elsewhere]
    answers = [_refused(resource, error) for resource, error in refused]
    if mine:
        request.resources = mine
        outcome = yield from to_controller(call, request)
        error = failed(outcome)
        answers += outcome.responses if error is None else [_refused(resource, error) for resource in mine]
    return IncrementalAlterConfigsResponse(responses=answers)


def _refused(resource: Any, error: KafkaError) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error.code,
        error_message=error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
