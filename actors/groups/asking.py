"""How an API handler asks the coordinator of a group, wherever that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.broker.unserved import coordinator_used
from actors.groups.messages import Client
from actors.groups.routing import coordinator_here
from actors.runtime import Ask, Conversation, Stopped
from kstore.errors import KafkaError, NotCoordinator

if TYPE_CHECKING:
    from actors.broker.call import Call


def client_of(call: Call) -> Client:
    """Addresses are written as Java prints them, with a slash where a host name might stand."""
    return Client(call.version, call.client_id or "", f"/{call.client_host}")


def ask_coordinator(call: Call, group_id: str, message: object) -> Conversation:
    """Part of a conversation: its value is the coordinator's answer, or the KafkaError to refuse the client with."""
    coordinator_used(call, group_id)
    try:
        coordinator = coordinator_here(call.view, group_id)
    except KafkaError as error:
        return error
    outcome = yield Ask(coordinator, message)
    return settled(outcome)


def settled(outcome: Any) -> Any:
    """A coordinator that stopped before it answered has moved."""
    return NotCoordinator() if isinstance(outcome, Stopped) else outcome
