"""IncrementalAlterConfigs (key 44): change single configs of topics and brokers; the controller decides.

Set, delete, append and subtract, for topics and for brokers (a broker's own, or with an empty name those of all).
Broker loggers, client metrics and groups have no configs here and are refused. Version 1 is flexible, no more.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from actors.broker.call import Call
from actors.broker.config_resources import not_to_be_changed_here
from actors.broker.deciding import decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
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
    refused = yield from not_to_be_changed_here(call)
    elsewhere = {id(resource) for resource, _ in refused}
    answers = yield from sliced(refused, lambda found: _refused(*found))
    if len(elsewhere) < len(request.resources):
        request.resources = [resource for resource in request.resources if id(resource) not in elsewhere]
        outcome = yield from decided(
            call, request, "resources", _key, "responses", _refused, weight=_weight, repeats_apart=True
        )
        error = failed(outcome)
        if error is None:
            answers += outcome.responses
        else:
            answers += yield from sliced(request.resources, lambda resource: _refused(resource, error))
    return IncrementalAlterConfigsResponse(responses=answers)


def _key(resource: Any) -> Hashable:
    return resource.resource_type, resource.resource_name


def _weight(resource: Any) -> int:
    return 1 + len(resource.configs)


def _refused(resource: Any, error: KafkaError) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error.code,
        error_message=error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
