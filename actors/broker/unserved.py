"""Logs requests for what kstore doesn't support: one line for each client and kind.

Some clients report nothing when a broker doesn't support what they are configured for: they retry, or reconnect, for
ever. The line says which client, what, and what to use instead. A broker logs a limited number in ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
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
REPEATED, WITHIN_US = 3, 5_000_000
"""A client that can go on seldom looks up its group's coordinator so often in so short a time."""
LOOKS_AFTER_US = (5_000_000, 500_000, 500_000)
"""When to check whether it did go on: then, and a little later. A client that reads mostly has a fetch in progress."""

NEW_GROUPS = "the new group protocol isn't implemented yet: give group.protocol=classic"
SHARE_GROUPS = "share groups aren't implemented yet: use a classic consumer group"
ADVICE = {
    **dict.fromkeys((68, 69), NEW_GROUPS),
    **dict.fromkeys((76, 77, 78, 79, 90, 91, 92), SHARE_GROUPS),
    **dict.fromkeys((17, 36), "SASL isn't implemented yet: give security.protocol=PLAINTEXT"),
    **dict.fromkeys((88, 89), "Kafka Streams' own groups aren't implemented yet: give group.protocol=classic"),
}
KEY_TYPES = {2: SHARE_GROUPS}


class Unserved:
    """What one node has logged."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, object], int] = {}  # by client and kind: when, the oldest first
        self.finds: dict[tuple[str, str], tuple[int, int]] = {}  # by client and group: how often, since when

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


def coordinator_found(call: Asker, group: str) -> None:
    """Note that a client looked up its group's coordinator. One that can't use the protocol it wants only looks it up
    again.
    """
    now_us, finds = call.node.world.clock.now_us(), _of(call.node).finds
    key = _cut(call.client_id), _cut(group)
    count, since_us = finds.pop(key, (0, now_us))
    if now_us - since_us > WITHIN_US:
        count, since_us = 0, now_us
    if len(finds) >= TOLD_MAX:
        finds.clear()
    finds[key] = count + 1, since_us
    if count + 1 == REPEATED:
        _look_later(call.node, key, f"client {shown(call.client_id or '')} at {call.client_host}", LOOKS_AFTER_US)


def _look_later(node: Node, key: tuple[str, str], who: str, after_us: tuple[int, ...]) -> None:
    world = node.world
    world.timers.at(world.clock.now_us() + after_us[0], _look, node, key, who, after_us[1:], kind="ClientLookedAt")


def _look(node: Node, key: tuple[str, str], who: str, after_us: tuple[int, ...]) -> None:
    """Log a client that has looked up its group's coordinator many times and has done nothing with it since."""
    found = _of(node)
    if not node.alive or key not in found.finds or _reads(node, key[0]):
        return
    if after_us:
        _look_later(node, key, who, after_us)
        return
    line = (
        f"asked {REPEATED} times who coordinates group {shown(key[1])}, and nothing of that coordinator: librdkafka "
        f"does so with group.protocol=consumer; {NEW_GROUPS}"
    )
    found.tell_of(node, who, (key[0], "coordinator again"), line)


def _brokers(node: Node) -> Iterable[Node]:
    """All brokers of a node's world; only itself if there is no network."""
    return node.world.net.brokers_beside(node)


def _reads(node: Node, client_id: str) -> bool:
    """Whether a client of this name is waiting for records now, on any broker."""
    from actors.broker.connection import FETCH, Connection

    return any(
        call.api_key == FETCH
        for each in _brokers(node)
        for actor in each.actors.values()
        if isinstance(actor, Connection) and _cut(actor.client_id) == client_id
        for call in actor.under_way
    )


def coordinator_used(call: Asker, group: str) -> None:
    """Note that a client has used its coordinator: its look-ups on any broker aren't a sign of trouble."""
    for node in _brokers(call.node):
        found = node.one_if_made(Unserved)
        if found is not None:
            found.finds.pop((_cut(call.client_id), _cut(group)), None)


def name_of(api_key: int) -> str:
    """A request as Kafka calls it."""
    try:
        return f"{frames.request_class(api_key).__name__.removesuffix('Request')} (key {api_key})"
    except KafkaError:
        return f"API key {api_key}, which Kafka doesn't have"
