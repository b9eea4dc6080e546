"""Starts ``kstore serve`` from the environment variables of the ``apache/kafka`` image; looks whether it is healthy.

``environment.py serve [OPTION...]`` becomes ``kstore serve``, with what the variables ask for and then the options;
``environment.py healthy`` ends with 0 when every broker on the ports that the variables name answers and all know each
other, otherwise with 1 and why.

A variable ``KAFKA_X_Y`` is Kafka's key ``x.y`` (``__`` is ``_``, ``___`` is ``-``) and becomes ``--set x.y=VALUE``, but

| variable | what becomes of it |
|---|---|
| ``KAFKA_NODE_ID``, ``KAFKA_BROKER_ID`` | ``--node-ids``; with ``KSTORE_BROKERS=3`` that one and the two that follow |
| ``KAFKA_LISTENERS`` | a ``--listen`` for each listener but the controller's; no host is every address |
| ``KAFKA_ADVERTISED_LISTENERS`` | an ``--advertise`` for each of these; without, the name of the container |
| ``KAFKA_LOG_DIRS``, ``KAFKA_LOG_DIR`` | ``--data-dir`` |
| ``KAFKA_PROCESS_ROLES``, ``KAFKA_CONTROLLER_QUORUM_VOTERS`` | must be those of a node that is alone |
| ``KAFKA_LISTENER_SECURITY_PROTOCOL_MAP`` | must be PLAINTEXT for the brokers' listeners |
| ``KAFKA_CONTROLLER_...``, ``KAFKA_INTER_BROKER_...`` | nothing: brokers and controller are in one process |
| ``KAFKA_ZOOKEEPER_...`` | nothing, with a line; ``..._CONNECT`` without ``KAFKA_PROCESS_ROLES`` is refused |
| ``KAFKA_INTER_BROKER_PROTOCOL_VERSION`` and others of ``GONE`` | nothing, with a line, as Kafka 4 ignores them |
| ``KAFKA_HEAP_OPTS`` and what else is for Java | nothing |
| ``CLUSTER_ID`` | nothing: a new cluster draws its id |
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from typing import NoReturn

DATA_DIR = "/var/lib/kafka/data"
DEFAULTS = {
    "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "advertised.listeners": "PLAINTEXT://localhost:9092",
    "controller.listener.names": "CONTROLLER",
    "node.id": "1",
}
"""What the image does when it is told nothing; as soon as one key is given, only the last two hold."""

NOT_KEYS = (
    "KAFKA_VERSION KAFKA_HEAP_OPTS KAFKA_LOG4J_OPTS KAFKA_OPTS KAFKA_JMX_OPTS KAFKA_JVM_PERFORMANCE_OPTS "
    "KAFKA_GC_LOG_OPTS KAFKA_LOG4J_ROOT_LOGLEVEL KAFKA_LOG4J_LOGGERS KAFKA_TOOLS_LOG4J_LOGLEVEL KAFKA_JMX_HOSTNAME "
    "KAFKA_JMX_PORT"
).split()
OF_THE_PROCESS = (
    "advertised.listeners broker.id controller.listener.names controller.quorum.bootstrap.servers "
    "controller.quorum.voters inter.broker.listener.name listener.security.protocol.map listeners log.dir log.dirs "
    "metadata.log.dir node.id process.roles security.inter.broker.protocol"
).split()
"""Keys that say what is in the process and where it is reached: they aren't ``--set``."""

NO_ZOOKEEPER = "there is no ZooKeeper since Apache Kafka 4"
GONE = {
    "create.topics": "it is of another image (wurstmeister/kafka); make topics with kstore topics create",
    "inter.broker.protocol.version": "it is gone since Apache Kafka 4; leave it out",
    "log.message.format.version": "it is gone since Apache Kafka 4; leave it out",
}
"""Keys of older compose files, and what is true of them. They aren't ``--set``: Apache Kafka 4 ignores them."""

PATIENCE_S = 5


class NotServed(Exception):
    """The variables ask for what isn't there; the message says which, and what to do."""


def key_of(variable: str) -> str:
    """Kafka's key of an environment variable.

    >>> key_of("KAFKA_NUM_PARTITIONS")
    'num.partitions'
    """
    name = variable.removeprefix("KAFKA_").lower()
    return name.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def keys_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Kafka's keys, as far as the variables have any; the image's defaults where there are none."""
    found = {
        key_of(name): value.strip()
        for name, value in sorted(environment.items())
        if name.startswith("KAFKA_") and name not in NOT_KEYS and value.strip()
    }
    if not found:
        return dict(DEFAULTS)
    for key in ("node.id", "controller.listener.names"):
        found.setdefault(key, found.get("broker.id", DEFAULTS[key]) if key == "node.id" else DEFAULTS[key])
    return found


def why_ignored(key: str) -> str | None:
    """Why a key that older compose files set has no effect; None for the others."""
    return f"{NO_ZOOKEEPER}; leave it out" if key.startswith("zookeeper.") else GONE.get(key)


def without_effect(environment: Mapping[str, str]) -> list[str]:
    """A line for each variable that is ignored, though who sets it may count on it."""
    lines = ["CLUSTER_ID has no effect: a new cluster draws its id"] if "CLUSTER_ID" in environment else []
    for name, value in sorted(environment.items()):
        if name.startswith("KAFKA_") and value.strip() and (why := why_ignored(key_of(name))):
            lines.append(f"{name} has no effect: {why}")
    return lines


def by_name(key: str, text: str) -> dict[str, str]:
    """``NAME://host:port`` texts as addresses by their names."""
    found = {}
    for piece in text.split(","):
        name, mark, address = piece.strip().partition("://")
        if not mark:
            raise NotServed(
                f"{key} has {piece.strip()!r}, and a listener is NAME://host:port, with commas between them"
            )
        found[name.upper()] = address
    return found


def listeners_of(keys: Mapping[str, str]) -> dict[str, str]:
    """Where brokers listen, by the names of the listeners; the controller's, which kstore doesn't use, is left out."""
    listeners = by_name("KAFKA_LISTENERS", keys.get("listeners") or "PLAINTEXT://:9092")
    of_controller = {name.strip().upper() for name in keys["controller.listener.names"].split(",")}
    kept = {name: address for name, address in listeners.items() if name not in of_controller}
    protocols = dict(
        piece.strip().upper().rpartition(":")[::2]
        for piece in keys.get("listener.security.protocol.map", "").split(",")
        if piece.strip()
    )
    for name in kept:
        if protocols.get(name, "PLAINTEXT" if protocols else name) != "PLAINTEXT":
            raise NotServed(
                f"the listener {name} is {protocols.get(name, name)}, and what works is PLAINTEXT: have "
                f"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP say {name}:PLAINTEXT, or leave the listener out"
            )
    if not kept:
        raise NotServed("KAFKA_LISTENERS has none for clients: add PLAINTEXT://:9092")
    return kept


def check_alone(keys: Mapping[str, str]) -> None:
    """Raise ``NotServed`` for a node that is one of several processes."""
    node_id = keys["node.id"]
    roles = {role.strip() for role in keys.get("process.roles", "broker,controller").split(",")}
    voters = {voter.partition("@")[0].strip() for voter in keys.get("controller.quorum.voters", node_id).split(",")}
    if "broker" not in roles or voters != {node_id}:
        raise NotServed(
            "this is one node of several, and kstore has all brokers of a cluster in one process: start one container, "
            "with KSTORE_BROKERS=3 for three brokers in it, and without KAFKA_CONTROLLER_QUORUM_VOTERS"
        )


def options_of(environment: Mapping[str, str]) -> list[str]:
    """The options of ``kstore serve``. Raises ``NotServed``."""
    keys = keys_of(environment)
    if "zookeeper.connect" in keys and "process.roles" not in keys:
        raise NotServed(
            f"KAFKA_ZOOKEEPER_CONNECT makes this a broker of a ZooKeeper, and {NO_ZOOKEEPER}: leave both out; "
            "a container is a whole cluster, with KSTORE_BROKERS=3 of three brokers"
        )
    check_alone(keys)
    listeners = listeners_of(keys)
    advertised = (
        by_name("KAFKA_ADVERTISED_LISTENERS", keys["advertised.listeners"]) if keys.get("advertised.listeners") else {}
    )
    options = ["--node-ids", ",".join(map(str, ids_of(environment, keys)))]
    told = {name: advertised.get(name) or name_of_container(at) for name, at in listeners.items()}
    for name in sorted(listeners, key=lambda name: not told[name]):  # an --advertise has its --listen's place
        options += ["--listen", with_host(listeners[name])]
        if told[name]:
            options += ["--advertise", told[name]]
    options += ["--data-dir", data_dir_of(keys)]
    for key, value in keys.items():
        if key not in OF_THE_PROCESS and why_ignored(key) is None:
            options += ["--set", f"{key}={value}"]
    return [*options, "--log-level", environment.get("KSTORE_LOG_LEVEL", "info")]


def ids_of(environment: Mapping[str, str], keys: Mapping[str, str]) -> list[int]:
    """The ids of the brokers, ``KSTORE_BROKERS`` of them."""
    numbers = {"KAFKA_NODE_ID": keys["node.id"], "KSTORE_BROKERS": environment.get("KSTORE_BROKERS", "1")}
    for name, text in numbers.items():
        if not (text.isascii() and text.isdecimal()):
            raise NotServed(f"{name} is a whole number, not {text!r}")
    first, brokers = map(int, numbers.values())
    return list(range(first, first + max(1, brokers)))


def name_of_container(address: str) -> str:
    """What Kafka tells clients of a listener without a host, if it isn't said: the name of the machine."""
    return socket.gethostname() if address.startswith(":") else ""


def with_host(address: str) -> str:
    """An address to listen on; without a host it is every address of the container."""
    return f"0.0.0.0{address}" if address.startswith(":") else address


def data_dir_of(keys: Mapping[str, str]) -> str:
    found = keys.get("log.dirs") or keys.get("log.dir") or DATA_DIR
    if "," in found:
        raise NotServed(f"KAFKA_LOG_DIRS has several folders ({found}), and each node has one: name one")
    return found


def why_not_healthy(environment: Mapping[str, str]) -> str:
    """What is wrong with the brokers that run here; nothing if they are well.

    Each is asked for the cluster over a connection of its own. It isn't asked where it says that it is, for what it
    tells clients outside may not lead there from here.
    """
    from kstore.schema import decode, frames
    from kstore.schema.messages.describe_cluster import DescribeClusterRequest, DescribeClusterResponse

    keys = keys_of(environment)
    ids = ids_of(environment, keys)
    host, _, first_port = with_host(next(iter(listeners_of(keys).values()))).rpartition(":")
    host = host.strip("[]").replace("0.0.0.0", "127.0.0.1")
    asked = b"".join(bytes(part) for part in frames.encode_request(DescribeClusterRequest(), 0, 0, "healthy"))
    for index, node_id in enumerate(ids):
        try:
            with socket.create_connection((host, int(first_port) + index), timeout=PATIENCE_S) as sock:
                sock.sendall(asked)
                with sock.makefile("rb") as stream:
                    answer = stream.read(int.from_bytes(stream.read(4), "big"))
            _, body = frames.decode_response_header(DescribeClusterRequest.API_KEY, 0, answer)
            told = decode(DescribeClusterResponse, 0, answer, body)
        except (OSError, ValueError) as error:
            return f"broker {node_id} doesn't answer on {host}:{int(first_port) + index}: {error}"
        if told.error_code or {each.broker_id for each in told.brokers} != set(ids):
            return f"broker {node_id} knows the brokers {sorted(each.broker_id for each in told.brokers)}, of {ids}"
    return ""


def serve(options: list[str]) -> NoReturn:
    """Become ``kstore serve``, in this very process: it gets the signals that the container gets."""
    try:
        words = ["kstore", "serve", *options_of(os.environ), *options]
    except NotServed as error:
        print(f"kstore: {error}", file=sys.stderr)
        sys.exit(2)
    for line in without_effect(os.environ):
        print(f"kstore: {line}", file=sys.stderr, flush=True)
    os.execvp(words[0], words)


def healthy() -> NoReturn:
    """The health check of the image."""
    why = why_not_healthy(os.environ)
    print(why or "healthy")
    sys.exit(1 if why else 0)


if __name__ == "__main__":
    healthy() if sys.argv[1:] == ["healthy"] else serve(sys.argv[2:])
