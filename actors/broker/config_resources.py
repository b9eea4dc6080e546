"""Which configs may be changed by way of a broker: its own, those of all brokers, and those of topics.

Another broker's are that one's to check, which alone knows what it was started with (Apache Kafka's
``ConfigAdminManager``). A request that another node passed on was checked there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from actors.broker.config.definition import whole_number
from actors.broker.deciding import decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.controller.image import ResourceType
from actors.runtime import Conversation
from kstore.errors import InvalidRequest, KafkaError

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


def altered(call: Call, refused: Callable[[Any, KafkaError], Any]) -> Conversation:
    """The answers to a request that alters configs, one a resource: the controller's, and what isn't passed to it.

    ``refused`` makes the answer to a resource of an error.
    """
    request = call.request
    elsewhere = yield from not_to_be_changed_here(call)
    answers: list[Any] = yield from sliced(elsewhere, lambda found: refused(*found))
    if len(elsewhere) < len(request.resources):
        passed_over = {id(resource) for resource, _ in elsewhere}
        request.resources = [resource for resource in request.resources if id(resource) not in passed_over]
        outcome = yield from decided(
            call, request, "resources", _key, "responses", refused, weight=_weight, repeats_apart=True
        )
        error = failed(outcome)
        if error is None:
            answers += outcome.responses
        else:
            answers += yield from sliced(request.resources, lambda resource: refused(resource, error))
    return answers


def _key(resource: Any) -> Hashable:
    return resource.resource_type, resource.resource_name


def _weight(resource: Any) -> int:
    return 1 + len(resource.configs)
