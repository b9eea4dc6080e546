"""AlterConfigs (key 33): replace all configs of a resource by these; the controller decides.

For topics, brokers, groups and subscriptions to client metrics. This is the old request; IncrementalAlterConfigs
changes single configs. Version 2 only adds the flexible encoding.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.config_resources import altered
from actors.runtime import Coroutine
from kstore.errors import KafkaError
from kstore.schema.messages.alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)

API_KEY = 33
VERSIONS = (0, 2)


def handle(call: Call) -> Coroutine:
    """Pass to the controller what isn't for another broker."""
    return AlterConfigsResponse(responses=(yield from altered(call, _answer)))


def _answer(resource: AlterConfigsResource, error: KafkaError | None) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=0 if error is None else error.code,
        error_message=None if error is None else error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
