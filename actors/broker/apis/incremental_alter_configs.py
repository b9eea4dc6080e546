"""IncrementalAlterConfigs (key 44): change single configs of topics and brokers; the controller decides.

Set, delete, append and subtract, for topics and for brokers (a broker's own, or with an empty name those of all).
Broker loggers, client metrics and groups have no configs here and are refused. Version 1 is flexible, no more.
"""

from __future__ import annotations

from typing import Any

from actors.broker.call import Call
from actors.broker.config_resources import altered
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
    return IncrementalAlterConfigsResponse(responses=(yield from altered(call, _refused)))


def _refused(resource: Any, error: KafkaError) -> AlterConfigsResourceResponse:
    return AlterConfigsResourceResponse(
        error_code=error.code,
        error_message=error.message,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
    )
