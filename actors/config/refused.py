"""Broker configs that are refused (security, identity of a node) unless they ask for what kstore does anyway.

A user who sets ``ssl.keystore.location`` believes that a listener is encrypted, and one who sets ``log.dirs`` that the
data is there: to keep such a value without effect would be worse than an error. The error says which option to use
instead, or that it isn't there yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.config.definition import ConfigError, Key

SECURITY = "security isn't implemented yet: listeners are PLAINTEXT, and every client may do everything"
CONTROLLER = "the first node is the controller, and is reached by way of the brokers' listeners: leave it out"
FOLDER = "use --data-dir, or Cluster(data_dir=...): each node has one folder in it"
NODE_IDS = "use --node-ids, or Cluster(node_ids=...)"
POLICY = "a policy is a class of Java, which kstore can't load"

REFUSED: Mapping[str, str] = {
    "advertised.listeners": "use --advertise",
    "allow.everyone.if.no.acl.found": SECURITY,
    "alter.config.policy.class.name": POLICY,
    "authorizer.class.name": SECURITY,
    "broker.id": NODE_IDS,
    "client.quota.callback.class": POLICY,
    "cluster.id": "a new --data-dir gets an id of its own, and keeps it",
    "connections.max.reauth.ms": SECURITY,
    "controller.listener.names": CONTROLLER,
    "controller.quorum.bootstrap.servers": CONTROLLER,
    "controller.quorum.voters": CONTROLLER,
    "cordoned.log.dirs": "each node has one folder (--data-dir), which can't be cordoned",
    "create.topic.policy.class.name": POLICY,
    "inter.broker.listener.name": "nodes talk with each other inside the process, over no listener: leave it out",
    "listener.security.protocol.map": SECURITY,
    "listeners": "use --listen, or Cluster(listen=...)",
    "log.dir": FOLDER,
    "log.dirs": FOLDER,
    "metadata.log.dir": FOLDER,
    "node.id": NODE_IDS,
    "principal.builder.class": SECURITY,
    "process.roles": "every node is a broker, and the first is the controller as well: leave it out",
    "remote.log.storage.system.enable": "tiered storage isn't implemented yet: all segments are kept in --data-dir",
    "security.inter.broker.protocol": SECURITY,
    "security.providers": SECURITY,
    "super.users": SECURITY,
    "transaction.two.phase.commit.enable": "transactions in two phases (KIP-939) aren't implemented yet: leave it out",
}
PREFIXES: Mapping[str, str] = {
    "delegation.token.": SECURITY,
    "listener.name.": "listeners have no configs of their own yet: each is PLAINTEXT",
    "sasl.": SECURITY,
    "ssl.": SECURITY,
}
"""Of all keys that begin so."""

AS_IT_IS: Mapping[str, Callable[[str], bool]] = {
    "inter.broker.listener.name": lambda text: text == "PLAINTEXT",
    "listener.security.protocol.map": lambda text: all(
        pair.rpartition(":")[2].strip() == "PLAINTEXT" for pair in text.split(",")
    ),
}
"""Values beside the default that ask for what is so anyway."""

DEFAULT_IS_NOT_SO = ("listeners", "log.dir")


def why_refused(name: str) -> str | None:
    """Why a key can't be set; None if it can.

    >>> why_refused("num.partitions"), why_refused("node.id")
    (None, 'use --node-ids, or Cluster(node_ids=...)')
    """
    found = REFUSED.get(name)
    return found or next((why for prefix, why in PREFIXES.items() if name.startswith(prefix)), None)


def check_allowed(name: str, key: Key | None, text: str) -> None:
    """Raise ``ConfigError`` for a value that would promise what isn't so; ``key`` is None where Kafka has no table."""
    why = why_refused(name)
    if why is None:
        return
    if key is not None:
        wanted, as_it_is = key.printed(text), AS_IT_IS.get(name)
        if (wanted == key.default and name not in DEFAULT_IS_NOT_SO) or (as_it_is is not None and as_it_is(wanted)):
            return
    raise ConfigError(f"The broker config {name} can't be set: {why}")
