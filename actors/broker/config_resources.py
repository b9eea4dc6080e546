"""Which resources' configs a broker may change: all but another broker's.

Only a broker itself can check its configs, as only it knows the options that it was started with (Apache Kafka's
``ConfigAdminManager``). A broker changes its loggers' levels itself, without the controller. A request that another
node forwarded was checked there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar

from actors.broker.controller_portions import decided
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.config.definition import whole_number
from actors.config.resource_type import ResourceType
from actors.controller.configs import DELETE, check_names
from actors.node.authorizer import ALTER_CONFIGS, CLUSTER, Resource, group, refusal, topic
from actors.runtime import Coroutine
from kstore.errors import InvalidRequest, KafkaError
from kstore.schema.messages.incremental_alter_configs import AlterConfigsResource

if TYPE_CHECKING:
    from kstore.schema.messages import alter_configs

    Altered = AlterConfigsResource | alter_configs.AlterConfigsResource
    from actors.broker.call import Call

OF_CLUSTER = frozenset({ResourceType.BROKER, ResourceType.BROKER_LOGGER, ResourceType.CLIENT_METRICS})

Response = TypeVar("Response")

BYTES_AN_ELEMENT = 256
"""Of a value, that weigh as much as one more config."""


def resource_of(kind: int, name: str) -> Resource | None:
    """The resource that a client must be allowed to describe or alter; None for an unknown type."""
    if kind == ResourceType.TOPIC:
        return topic(name)
    if kind == ResourceType.GROUP:
        return group(name)
    return CLUSTER if kind in OF_CLUSTER else None


def not_allowed(call: Call, operation: int, kind: int, name: str) -> KafkaError | None:
    """The error if the client may not do this with these configs, else None."""
    resource = resource_of(kind, name)
    if resource is None or call.authorize(operation, resource):
        return None
    return refusal(resource[0])


def settled_here(call: Call, *, has_loggers: bool) -> Coroutine:
    """The resources of a request that aren't sent to the controller, each with its error, None if it is done: this
    broker's loggers (if the request may have any), resources of other brokers, and what the client may not alter.
    """
    found: list[tuple[Altered, KafkaError | None]] = []
    own = call.node.node_id
    times: Counter[Hashable] = Counter()

    def count(resource: Altered) -> None:
        times[_key(resource)] += 1

    def look_at(resource: Altered) -> None:
        kind, name = resource.resource_type, resource.resource_name
        is_repeated = times[_key(resource)] > 1
        if has_loggers and kind == ResourceType.BROKER_LOGGER and not call.is_broker:
            assert isinstance(resource, AlterConfigsResource), "the older request has no levels"
            found.append((resource, with_levels(call, resource, is_repeated=is_repeated)))
            return
        error = None if is_repeated else not_allowed(call, ALTER_CONFIGS, kind, name)
        if error is not None:
            found.append((resource, error))
        elif kind == ResourceType.BROKER and name and name != str(own) and not call.is_broker:
            why = f"Node id must be an integer, but it is: {name}"
            if whole_number(name, 32) is not None:
                why = f"Unexpected broker id, expected {own}, but received {name}"
            found.append((resource, InvalidRequest(why)))

    yield from sliced(call.request.resources, count)
    yield from sliced(call.request.resources, look_at)
    return found


def with_levels(call: Call, resource: AlterConfigsResource, *, is_repeated: bool) -> KafkaError | None:
    """Change the levels of the broker's loggers; returns the error, if any."""
    from actors.broker import loggers

    own, number = call.node.node_id, whole_number(resource.resource_name, 32)
    try:
        if is_repeated:
            raise InvalidRequest("Each resource must appear at most once.")
        check_names(resource, [c.name for c in resource.configs if c.value is None and c.config_operation != DELETE])
        error = not_allowed(call, ALTER_CONFIGS, resource.resource_type, resource.resource_name)
        if error is not None:
            raise error
        if number is None:
            raise InvalidRequest(f"Node id must be an integer, but it is: {resource.resource_name}")
        if number != own:
            raise InvalidRequest(f"Unexpected node id. Expected {own}, but received {number}")
        loggers.alter(resource.configs, validate_only=call.request.validate_only)
    except KafkaError as error:
        return error
    return None


def altered(
    call: Call, answer: Callable[[Any, KafkaError | None], Response], *, has_loggers: bool = False
) -> Coroutine:
    """The results of a request that alters configs, one for each resource: the controller's, and those decided here.

    ``answer`` makes the result of a resource from an error or None.
    """
    request = call.request
    settled = yield from settled_here(call, has_loggers=has_loggers)
    answers: list[Response] = yield from sliced(settled, lambda found: answer(*found))
    if len(settled) < len(request.resources):
        passed_over = {id(resource) for resource, _ in settled}
        request.resources = [resource for resource in request.resources if id(resource) not in passed_over]
        outcome = yield from decided(
            call, request, "resources", _key, "responses", answer, weight=_weight, repeats_apart=True
        )
        error = failed(outcome)
        if error is None:
            answers += outcome.responses
        else:
            answers += yield from sliced(request.resources, lambda resource: answer(resource, error))
    return answers


def _key(resource: Altered) -> Hashable:
    return resource.resource_type, resource.resource_name


def _weight(resource: Altered) -> int:
    return 1 + sum(1 + len(config.value or "") // BYTES_AN_ELEMENT for config in resource.configs)
