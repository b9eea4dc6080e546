"""Which configs may be changed by way of a broker: its own, those of all brokers, and those of topics.

Another broker's are that one's to check, which alone knows what it was started with (Apache Kafka's
``ConfigAdminManager``). A request that another node passed on was checked there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.broker.config.definition import whole_number
from actors.broker.slices import sliced
from actors.controller.image import ResourceType
from actors.runtime import Conversation
from kstore.errors import InvalidRequest

if TYPE_CHECKING:
    from actors.broker.call import Call


def not_to_be_changed_here(call: Call) -> Conversation:
    """The resources of a request that are another broker's, or no broker's, with the reason."""
    found: list[tuple[Any, InvalidRequest]] = []
    if call.is_broker:
        return found
    own = call.node.node_id

    def look_at(resource: Any) -> None:
        name: str = resource.resource_name
        if resource.resource_type != ResourceType.BROKER or not name or name == str(own):
            return
        why = f"Node id must be an integer, but it is: {name}"
        if whole_number(name, 32) is not None:
            why = f"Unexpected broker id, expected {own}, but received {name}"
        found.append((resource, InvalidRequest(why)))

    yield from sliced(call.request.resources, look_at)
    return found
