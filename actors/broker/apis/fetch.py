"""Fetch, API key 1, versions 4 to 18: for consumers, and for the followers of other nodes.

The node's fetch service makes the response (``actors/partition/fetch/service.py``): sessions, waiting reads, limits.

Versions: 5 log start offset; 7 sessions; 9 the leader epoch that the client knows; 12 the last fetched epoch, answered
with where logs diverge; 13 topic ids; 15 the replica's broker epoch; 16 the current leader and its address, if it isn't
this node; 17 replica directories and 18 the replica's high watermark, both read and ignored.

Left out: reading from followers (KIP-392). Only leaders serve, and no preferred read replica is named, as with Apache
Kafka's default of no ``replica.selector.class``; but there a follower also serves a client that fetches from it.
Aborted transactions are never named, as there are no transactions. Quotas don't throttle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.endpoints import located
from actors.broker.wide_fetch import fetched, is_wide
from actors.controller.fetching import is_for_metadata
from actors.controller.messages import FetchMetadata
from actors.node.authorizer import CLUSTER, CLUSTER_ACTION
from actors.partition.fetch.answers import refusal
from actors.partition.fetch.requests import Fetch
from kstore.errors import ClusterAuthorizationFailed
from kstore.schema.messages.fetch import FetchResponse

if TYPE_CHECKING:
    from actors.broker.call import Call
    from actors.runtime import Coroutine

API_KEY = 1
VERSIONS = (4, 18)


def handle(call: Call) -> FetchResponse | Coroutine | None:
    """Answer a Fetch request; the controller answers another node's fetch of the metadata log."""
    connection, request = call.connection, call.request
    if connection.is_broker:
        return _of_node(call)
    if request.topics and is_wide(request):
        return fetched(call)
    asked = Fetch(request, call.version, False, connection.number, call.may_read)
    service = connection.node.view.fetch_service
    assert service is not None, "the fetch service is there before connections are accepted"
    connection.request(service, asked, _answered, call)
    return None


def _of_node(call: Call) -> FetchResponse | None:
    """Answer another node, which may read every topic and the metadata log, or nothing."""
    connection, request, view = call.connection, call.request, call.view
    is_metadata = is_for_metadata(request)
    if not call.authorize(CLUSTER_ACTION, CLUSTER):
        return FetchResponse(error_code=ClusterAuthorizationFailed.code) if is_metadata else refusal(request)
    if is_metadata and view.controller is not None:
        connection.request(view.controller, FetchMetadata(request), _answered, call)
    else:
        asked = Fetch(request, call.version, True, connection.number, None)
        assert view.fetch_service is not None, "the fetch service is there before connections are accepted"
        connection.request(view.fetch_service, asked, _answered, call)
    return None


def _answered(outcome: FetchResponse | Exception, call: Call) -> None:
    if isinstance(outcome, Exception):
        call.connection.answer_failed(call)  # the service has failed, or the node is stopping
    else:
        if outcome.node_endpoints:
            outcome.node_endpoints = located(call, outcome.node_endpoints)
        call.respond(outcome)
