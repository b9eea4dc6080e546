"""IncrementalAlterConfigs (key 44): change single configs; the controller decides.

The operations are set, delete, append and subtract, for topics, brokers (one broker's configs or, with an empty name,
those of all), groups and subscriptions to client metrics; set and delete for the levels of a broker's loggers, which
the broker changes itself. Version 1 only adds the flexible encoding.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.config_resources import altered
from actors.runtime import Coroutine
from kstore.errors import KafkaError
from kstore.schema.messages.incremental_alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsResponse,
)

API_KEY = 44
VERSIONS = (0, 1)


def handle(call: Call) -> Coroutine:
    """Pass to the controller what isn't for another broker."""
    return IncrementalAlterConfigsResponse(responses=(yield from altered(call, _answer, has_loggers=True)))


def _answer(resource: AlterConfigsResource, error: KafkaError | None) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=0 if error is None else error.code,
        error_message=None if error is None else error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
