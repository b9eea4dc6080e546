"""AlterConfigs (key 33): give a resource these configs, and take all others from it; the controller decides.

For topics, brokers, groups and subscriptions to client metrics. The old request; IncrementalAlterConfigs changes single
ones. Version 2 is flexible, no more.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.config_resources import altered
from actors.runtime import Conversation
from kstore.errors import KafkaError
from kstore.schema.messages.alter_configs import (
    AlterConfigsResource,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)

API_KEY = 33
VERSIONS = (0, 2)


def handle(call: Call) -> Conversation:
    """Pass to the controller what isn't another broker's."""
    return AlterConfigsResponse(responses=(yield from altered(call, _answer)))


def _answer(resource: AlterConfigsResource, error: KafkaError | None) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=0 if error is None else error.code,
        error_message=None if error is None else error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
