"""Admin calls for the cluster itself: describe its brokers and controller."""

from __future__ import annotations

from actors.clients.actor import ClientActor
from actors.clients.admin.descriptions import ClusterDescription, Node
from actors.clients.coroutine import SendTo
from actors.network.link import Disconnected
from actors.runtime.coroutine import Eventually
from kstore.errors import KafkaError, for_code
from kstore.schema.messages.describe_cluster import DescribeClusterRequest


def describe(actor: ClientActor) -> Eventually[ClusterDescription]:
    """The cluster as a broker knows it."""
    attempt = 0
    while True:
        answer = yield SendTo(actor.any_node(), DescribeClusterRequest())
        if not isinstance(answer, KafkaError):
            break
        if not isinstance(answer, Disconnected):
            raise answer
        yield actor.backoff(attempt)
        attempt += 1
    if answer.error_code:
        raise for_code(answer.error_code, answer.error_message)
    nodes = [Node(each.broker_id, each.host, each.port, each.rack, each.is_fenced) for each in answer.brokers]
    return ClusterDescription(answer.cluster_id, answer.controller_id, tuple(sorted(nodes)))
