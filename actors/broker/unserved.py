"""Logs requests for what kstore doesn't support: one line for each client and kind.

Some clients report nothing when a broker doesn't support what they are configured for: they retry, or reconnect, for
ever. The line says which client, what, and what to use instead. A broker logs a limited number in ten minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from actors.runtime.logs import logger
from kstore.errors import KafkaError
from kstore.errors.arguments import shown
from kstore.schema import frames

if TYPE_CHECKING:
    from actors.runtime import Node


class Asker(Protocol):
    """A request, or its connection."""

    client_id: str | None

    @property
    def node(self) -> Node:
        """The node that was asked."""

    @property
    def client_host(self) -> str:
        """The client's address."""


TOLD_MAX, TOLD_WITHIN_US = 1_000, 600_000_000
KEY_LENGTH_MAX = 200
SHARE_GROUPS = "share groups aren't implemented yet: use a classic consumer group"
ADVICE = {
    **dict.fromkeys((76, 77, 78, 79, 90, 91, 92), SHARE_GROUPS),
    **dict.fromkeys((17, 36), "SASL isn't implemented yet: give security.protocol=PLAINTEXT"),
    **dict.fromkeys((88, 89), "Kafka Streams' own groups aren't implemented yet: give group.protocol=classic"),
}
KEY_TYPES = {2: SHARE_GROUPS}


class Unserved:
    """What one node has logged."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, object], int] = {}  # by client and kind: when, the oldest first

    def tell(self, call: Asker, kind: object, line: str) -> None:
        """Log a line about a client, unless there was one of this kind."""
        who = f"client {shown(call.client_id or '')} at {call.client_host}"
        self.tell_of(call.node, who, (_cut(call.client_id), kind), line)

    def tell_of(self, node: Node, who: str, key: tuple[str, object], line: str) -> None:
        """As ``tell``, for a client that may be gone; ``key`` is its name and the kind."""
        now_us = node.world.clock.now_us()
        if key in self.told:
            return
        if len(self.told) >= TOLD_MAX:
            oldest = next(iter(self.told))
            if now_us - self.told[oldest] > TOLD_WITHIN_US:
                del self.told[oldest]
        if len(self.told) < TOLD_MAX:
            self.told[key] = now_us
            logger("requests").warning("%s: %s %s", node.name, who, line)


def _cut(name: str | None) -> str:
    return (name or "")[:KEY_LENGTH_MAX]


def _of(node: Node) -> Unserved:
    return node.one(Unserved)


def key_unserved(call: Asker, api_key: int) -> None:
    """Log a request with an unsupported API key; its connection is closed."""
    advice = ADVICE.get(api_key, "it isn't implemented: kstore help compatibility lists what is")
    _of(call.node).tell(call, api_key, f"asked for {name_of(api_key)} and its connection was closed; {advice}")


def version_unserved(call: Asker, api_key: int, version: int, of: str) -> None:
    """Log a request in an unsupported version; its connection is closed."""
    asked = f"{name_of(api_key)} in version {version}"
    line = f"asked for {asked} and its connection was closed; it is served in versions {of}"
    _of(call.node).tell(call, (api_key, version), line)


def coordinator_unserved(call: Asker, key_type: int) -> None:
    """Log a look-up of an unsupported kind of coordinator."""
    advice = KEY_TYPES.get(key_type, f"Kafka has no key type {key_type}")
    line = f"asked for a coordinator that doesn't exist; {advice}"
    _of(call.node).tell(call, ("coordinator", key_type), line)


def name_of(api_key: int) -> str:
    """A request as Kafka calls it."""
    try:
        return f"{frames.request_class(api_key).__name__.removesuffix('Request')} (key {api_key})"
    except KafkaError:
        return f"API key {api_key}, which Kafka doesn't have"
