"""Forwards requests to the controller: on its own node by an ask, to another node over a link, as Kafka does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from actors.broker.call import Call, Remote
from actors.controller.messages import AwaitTopics, Decide
from actors.network.link import Disconnected
from actors.node.authorizer import CLUSTER, CLUSTER_ACTION
from actors.runtime import Ask, Coroutine
from kstore.errors import ClusterAuthorizationFailed, KafkaError, NotController, RequestTimedOut

if TYPE_CHECKING:
    from kstore.schema.struct import Message, Struct

TOPICS_KNOWN_MS_MAX = 1_000
"""How long the response to a creation waits for this node to learn of it; then it is sent anyway."""


def to_controller(call: Call, request: Message, version: int | None = None) -> Coroutine:
    """The controller's response to ``request``, or a KafkaError: NotController if no controller is found.

    If the link to the controller breaks, it isn't known whether the request was carried out: RequestTimedOut.
    """
    node, here = call.node, call.view.controller
    leader_id = node.controller_channel.leader_id
    asked_in = call.version if version is None else version
    if leader_id == node.node_id and here is not None:
        outcome = yield Ask(here, Decide(request, asked_in))
        return outcome
    if leader_id == node.node_id or call.is_broker:
        return NotController()
    outcome = yield Remote(leader_id, request, asked_in)
    if isinstance(outcome, Disconnected):
        return RequestTimedOut(f"The connection to the controller was lost: {outcome.message}.")
    return outcome


def asked_by_node(call: Call, refused: Callable[[int], Struct]) -> Coroutine:
    """The controller's response to another node's request; ``refused`` makes a response from an error."""
    if not call.authorize(CLUSTER_ACTION, CLUSTER):
        return refused(ClusterAuthorizationFailed.code)
    outcome = yield from to_controller(call, call.request)
    error = failed(outcome)
    return outcome if error is None else refused(error.code)


def until_known(call: Call, names: tuple[str, ...]) -> Coroutine:
    """Wait a little until this node knows topics that the controller has just made."""
    if names and call.view.metadata is not None:
        yield Ask(call.view.metadata, AwaitTopics(names, TOPICS_KNOWN_MS_MAX))


def failed(outcome: object) -> KafkaError | None:
    """The error that a request to the controller ended with, if any; an unexpected exception is raised."""
    if isinstance(outcome, KafkaError):
        return outcome
    if isinstance(outcome, Exception):
        return NotController()
    return None
