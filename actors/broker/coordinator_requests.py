"""Requests of API handlers to the coordinator of a key (a group id or a transactional id), on whichever node it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from actors.broker.coordinators import KINDS
from actors.coordinator.messages import RequestContext, Submit
from actors.coordinator.routing import partition_for
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from actors.runtime import Ask, Coroutine, Stopped
from kstore.errors import InvalidProducerEpoch, KafkaError, NotCoordinator, ProducerFenced

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.broker.call import Call
    from actors.node.view import View
    from actors.runtime import Ref
    from kstore.schema.struct import Message

Outcome = TypeVar("Outcome")


def coordinated_by(view: View, topic: str, key: str) -> int:
    """The partition of a key; if the topic doesn't exist, the one that the key would have if it were made now."""
    found = view.image.topic(topic)
    count = view.config.integer(KINDS[topic].partitions) if found is None else len(found.partitions)
    return partition_for(key, count)


def coordinator_here(view: View, topic: str, key: str) -> Ref:
    """The coordinator of a key on this node; raises NotCoordinator when it is elsewhere or nowhere."""
    found = view.coordinators.get((topic, coordinated_by(view, topic, key)))
    if found is None:
        raise NotCoordinator()
    return found


def submitted(call: Call, request: Message, version: int | None = None) -> Submit:
    """The question for a coordinator, with a version of its own if the request differs from the client's. Addresses are
    written as Java prints them, with a slash in place of a host name.
    """
    asked_in = call.version if version is None else version
    return Submit(request, RequestContext(asked_in, call.client_id or "", f"/{call.client_host}"))


def ask_group(call: Call, group_id: str, request: Message) -> Coroutine:
    """The answer of a group's coordinator, or the KafkaError to answer the client with; part of a coroutine."""
    return (yield from _ask(call, OFFSETS_TOPIC, group_id, submitted(call, request)))


def pass_to_group(
    call: Call, group_id: str, request: Message, answered: Callable[[Message | KafkaError], Message]
) -> Message | None:
    """Answer a request by what its group's coordinator says. It is ``ask_group`` without a coroutine, for heartbeats,
    which are the most of what members send.
    """
    try:
        coordinator = coordinator_here(call.view, OFFSETS_TOPIC, group_id)
    except KafkaError as error:
        return answered(error)
    connection, message = call.connection, submitted(call, request)
    if connection.heavy:
        connection.ask_for(Ask(coordinator, message), _respond, call, answered)
    else:
        connection.request(coordinator, message, _respond, call, answered)
    return None


def _respond(
    outcome: Message | KafkaError | Stopped, call: Call, answered: Callable[[Message | KafkaError], Message]
) -> None:
    call.respond(answered(settled(outcome)))


def ask_transaction(call: Call, transactional_id: str, request: Message, version: int | None = None) -> Coroutine:
    """The answer of a transactional id's coordinator, or the KafkaError to answer the client with; part of a
    coroutine.
    """
    return (yield from _ask(call, TRANSACTIONS_TOPIC, transactional_id, submitted(call, request, version)))


def _ask(call: Call, topic: str, key: str, message: Submit) -> Coroutine:
    try:
        coordinator = coordinator_here(call.view, topic, key)
    except KafkaError as error:
        return error
    outcome = yield Ask(coordinator, message)
    return settled(outcome)


def refusal_code(call: Call, error: KafkaError, knows_fenced: int = 2) -> int:
    """The code of an error; of PRODUCER_FENCED only from the version ``knows_fenced`` on, as in Kafka."""
    unknown = isinstance(error, ProducerFenced) and call.version < knows_fenced
    return InvalidProducerEpoch.code if unknown else error.code


def settled(outcome: Outcome | Stopped) -> Outcome | NotCoordinator:
    """The outcome, in which ``Stopped`` becomes NotCoordinator: a coordinator that stopped has moved."""
    return NotCoordinator() if isinstance(outcome, Stopped) else outcome
