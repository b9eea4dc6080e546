"""AlterConfigs (key 33): give topics and brokers these configs, and take all others from them; the controller decides.

The old request; IncrementalAlterConfigs changes single ones. Broker loggers, client metrics and groups have no configs
here and are refused. Version 2 is flexible, no more.
"""

from __future__ import annotations

from typing import Any

from actors.broker.call import Call
from actors.broker.config_resources import altered
from actors.runtime import Conversation
from kstore.errors import KafkaError
from kstore.schema.messages.alter_configs import AlterConfigsResourceResponse, AlterConfigsResponse

API_KEY = 33
VERSIONS = (0, 2)


def handle(call: Call) -> Conversation:
    """Passes to the controller what isn't another broker's."""
    return AlterConfigsResponse(responses=(yield from altered(call, _refused)))


def _refused(resource: Any, error: KafkaError) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error.code,
        error_message=error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
