"""The ``server.properties`` of nodes of Apache Kafka that go on with a cluster's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.config.broker import deviations
from actors.network.addresses import address_text, host_and_port
from actors.node.folder import FolderError
from kstore.named import NamedTuple

CONTROLLER = "CONTROLLER"
OWN_KEYS = {
    "node.id",
    "broker.id",
    "process.roles",
    "log.dir",
    "log.dirs",
    "metadata.log.dir",
    "listeners",
    "advertised.listeners",
}
OWN_PREFIX = "controller."
NOT_TAKEN_OVER = {"group.initial.rebalance.delay.ms", "queued.max.request.bytes"}
PARTITIONS = {
    "offsets.topic.num.partitions": "__consumer_offsets",
    "transaction.state.log.num.partitions": "__transaction_state",
    "share.coordinator.state.topic.num.partitions": "__share_group_state",
}
ESCAPED = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


class Node(NamedTuple):
    """A node as it is going to be: where its clients and the other voters find it."""

    node_id: int
    directory_id: bytes
    host: str
    port: int
    controller_port: int
    is_voter: bool

    @property
    def server(self) -> str:
        """The address for its clients; IPv6 is in brackets."""
        return address_text(self.host, self.port)

    @property
    def controller(self) -> str:
        """The address of its controller."""
        return address_text(self.host, self.controller_port)


def checked_hosts(hosts: Sequence[str]) -> list[str]:
    """Hosts without spaces around them and without brackets. Raises ``FolderError`` for what is none.

    >>> checked_hosts(["kafka-1", " kafka-2", "[::1]"])
    ['kafka-1', 'kafka-2', '::1']
    """
    found = []
    for each in hosts:
        try:
            host, port = host_and_port(each)
        except ValueError as error:
            raise FolderError(f"{each.strip()!r} is no host: {error}") from None
        if port is not None:
            raise FolderError(f"{each.strip()} has a port: name hosts alone; ports begin with the one of --port")
        found.append(host)
    return found


def check_config(config: Mapping[str, str]) -> None:
    """Raise ``FolderError`` for keys that say what a node is, which differ from node to node."""
    for key in config:
        if key in OWN_KEYS or key.startswith(OWN_PREFIX):
            raise FolderError(f"{key} is made for each node: leave it out, and change it in the files afterwards")


def properties(
    node: Node, nodes: Sequence[Node], log_dir: str, config: Mapping[str, str], partitions: Mapping[str, int]
) -> str:
    """The ``server.properties`` of a node. ``partitions`` says how many the internal topics have. Where kstore's
    defaults aren't Kafka's, and clients would notice, kstore's are kept.
    """
    listeners = f"PLAINTEXT://:{node.port}"
    advertised = f"PLAINTEXT://{node.server}"
    if node.is_voter:
        listeners += f",{CONTROLLER}://:{node.controller_port}"
        advertised += f",{CONTROLLER}://{node.controller}"
    defaults = {key: value for key, value in deviations(len(nodes)).items() if key not in NOT_TAKEN_OVER}
    values = {
        "process.roles": "broker,controller" if node.is_voter else "broker",
        "node.id": str(node.node_id),
        "controller.quorum.bootstrap.servers": ",".join(each.controller for each in nodes if each.is_voter),
        "controller.listener.names": CONTROLLER,
        "listeners": listeners,
        "advertised.listeners": advertised,
        "listener.security.protocol.map": f"{CONTROLLER}:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": log_dir,
        **defaults,
        "share.coordinator.state.topic.replication.factor": defaults["transaction.state.log.replication.factor"],
        "share.coordinator.state.topic.min.isr": defaults["transaction.state.log.min.isr"],
        **{key: str(partitions[topic]) for key, topic in PARTITIONS.items() if topic in partitions},
        **config,
    }
    return "".join(property_line(key, value) for key, value in values.items())


def property_line(key: str, value: str) -> str:
    r"""A line of a ``.properties`` file, which Java reads as Latin-1: other characters are escaped.

    >>> property_line("log.dirs", r"C:\dätä")
    'log.dirs=C:\\\\d\\u00e4t\\u00e4\n'
    """
    name = "".join("\\" + each if each in " :=#!" else escaped(each) for each in key)
    text = "".join(map(escaped, value))
    first = "\\" if text.startswith(" ") else ""
    return f"{name}={first}{text}\n"


def escaped(character: str) -> str:
    """A character as it stands in a ``.properties`` file."""
    if character in ESCAPED:
        return ESCAPED[character]
    if character.isascii():
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
