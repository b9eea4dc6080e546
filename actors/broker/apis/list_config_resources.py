"""ListConfigResources (key 74): the resources that have configs: topics, brokers and their loggers, and, if any config
is set, groups and subscriptions to client metrics.

Version 0 lists only subscriptions; version 1 takes the wanted types, none for all.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.broker.call import Call
from actors.broker.slices import sliced
from actors.config.resource_type import ResourceType
from actors.image.image import ClusterImage
from actors.node.authorizer import CLUSTER, DESCRIBE_CONFIGS
from actors.runtime import Coroutine
from kstore.errors import ClusterAuthorizationFailed, UnsupportedVersion
from kstore.schema.messages.list_config_resources import ConfigResource, ListConfigResourcesResponse

API_KEY = 74
VERSIONS = (0, 1)

ONLY_IN_0 = (ResourceType.CLIENT_METRICS,)
ALL = (
    ResourceType.TOPIC,
    ResourceType.BROKER,
    ResourceType.BROKER_LOGGER,
    ResourceType.CLIENT_METRICS,
    ResourceType.GROUP,
)


def handle(call: Call) -> Coroutine:
    """Answer from the node's own image."""
    if not call.authorize(DESCRIBE_CONFIGS, CLUSTER):
        return ListConfigResourcesResponse(error_code=ClusterAuthorizationFailed.code)
    known = ALL if call.version else ONLY_IN_0
    wanted = frozenset(call.request.resource_types or known)
    if not wanted <= frozenset(known):
        return ListConfigResourcesResponse(error_code=UnsupportedVersion.code)
    found = list(names(call.view.image, wanted))
    listed = yield from sliced(found, lambda each: ConfigResource(resource_type=each[0], resource_name=each[1]))
    return ListConfigResourcesResponse(config_resources=listed)


def names(image: ClusterImage, wanted: frozenset[int]) -> Iterator[tuple[int, str]]:
    """The type and name of each resource of these types, in Kafka's order."""
    for kind in (ResourceType.GROUP, ResourceType.CLIENT_METRICS):
        if kind in wanted:
            yield from (found for found in image.configs if found[0] == kind)
    for kind in (ResourceType.BROKER_LOGGER, ResourceType.BROKER):
        if kind in wanted:
            yield from ((kind, str(broker.id)) for _, broker in sorted(image.brokers.items()) if not broker.fenced)
    if ResourceType.TOPIC in wanted:
        yield from ((ResourceType.TOPIC, name) for name in image.topics)
