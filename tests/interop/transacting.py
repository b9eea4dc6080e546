"""The programs that transact, each by another client: how one is built and started, and what each prints.

Those in Python are run as they are. Those in Go, JavaScript and Java need their language's tools, and get their client
from its registry: into Go's own cache, ``build/interop``, and where the jars of the real Kafka are kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Producer
from interop.test_clients import CLIENTS, create_topic
from interop.transactional_clients import TRANSACTIONAL_CLIENTS

from bench.peers import kafka

PROGRAMS = Path(__file__).parent / "programs"
BUILT = Path(__file__).parents[2] / "build" / "interop"

OF_OTHER_LANGUAGES = [client for client in TRANSACTIONAL_CLIENTS if client not in CLIENTS]


def printed_by(client: str) -> list[str]:
    """All that its program prints when everything is as it should be."""
    return ["read a c", "offset 3", f"fenced {TRANSACTIONAL_CLIENTS[client].fenced}", "then a c d", "done"]


def prepare(bootstrap: str, topic: str, replicas: int = 3) -> None:
    """The topics that a program needs, with three records to read."""
    create_topic(bootstrap, topic, 1, replicas)
    create_topic(bootstrap, f"{topic}-in", 1, replicas)
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(3):
        producer.produce(f"{topic}-in", b"%d" % number)
    assert producer.flush(30) == 0


def command(client: str) -> list[str]:
    """What starts the program of a client, which is built first; the addresses and the topic are still to come.

    A test whose language isn't installed is skipped.
    """
    if client in CLIENTS:
        return [*python_program("transact.py"), client]
    return (
        java_program("Transact.java")
        if client == "java"
        else _node()
        if client == "kafkajs"
        else built_by_go(client.removesuffix("-go"))
    )


def python_program(name: str) -> list[str]:
    return [sys.executable, "-u", str(PROGRAMS / name)]


def built_by_go(name: str) -> list[str]:
    _needs("go")
    BUILT.mkdir(parents=True, exist_ok=True)
    subprocess.run(["go", "build", "-o", str(BUILT / name), f"./{name}"], cwd=PROGRAMS / "go", check=True)
    return [str(BUILT / name)]


def _node() -> list[str]:
    _needs("node", "npm")
    folder = BUILT / "node"
    listed = (PROGRAMS / "node" / "package-lock.json").read_bytes()
    installed = folder / "installed.json"
    if not installed.exists() or installed.read_bytes() != listed:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROGRAMS / "node" / name, folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True)
        installed.write_bytes(listed)
    shutil.copy(PROGRAMS / "node" / "transact.js", folder)  # beside node_modules, where it looks for the client
    return ["node", str(folder / "transact.js")]


def java_program(name: str) -> list[str]:
    """What runs a program in Java with Apache Kafka's jars."""
    if lacking := kafka.missing():
        pytest.skip(lacking)
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"
    return ["java", "-Xmx256m", quiet, "-cp", f"{kafka.libs()}/*", str(PROGRAMS / "java" / name)]


def _needs(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
