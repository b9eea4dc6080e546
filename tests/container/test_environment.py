"""The container's entry point: variables of the apache/kafka image become options of ``kstore serve``; its health."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from processes import PATIENCE_S, Program

CONTAINER = Path(__file__).parents[2] / "docs" / "examples" / "container"
SCRIPT = CONTAINER / "environment.py"
NAME = socket.gethostname()


@pytest.fixture(scope="session")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kstore_container", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPOSE = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT_HOST://localhost:9092,PLAINTEXT://broker:19092",
    "KAFKA_LISTENERS": "CONTROLLER://:29093,PLAINTEXT_HOST://:9092,PLAINTEXT://:19092",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@broker:29093",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_LOG_DIRS": "/tmp/kraft-combined-logs",
    "KAFKA_HEAP_OPTS": "-Xmx512m",
    "PATH": "/bin",
}
TESTCONTAINERS = {
    "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
    "KAFKA_LISTENERS": "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_NODE_ID": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
    "KAFKA_ADVERTISED_LISTENERS": "PLAINTEXT://localhost:32768,BROKER://4b1e:9093",
}
LOG = ["--log-level", "info"]
DATA = ["--data-dir", "/var/lib/kafka/data"]


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        (
            {"HOME": "/root", "KAFKA_VERSION": "4.4.0"},
            ["--node-ids", "1", "--listen", "0.0.0.0:9092", "--advertise", "localhost:9092", *DATA, *LOG],
        ),
        (
            {"KAFKA_NODE_ID": "0", "KAFKA_NUM_PARTITIONS": "3"},
            ["--node-ids", "0", "--listen", "0.0.0.0:9092", "--advertise", NAME, *DATA, "--set", "num.partitions=3"]
            + LOG,
        ),
        (
            COMPOSE,
            ["--node-ids", "1", "--listen", "0.0.0.0:9092", "--advertise", "localhost:9092"]
            + ["--listen", "0.0.0.0:19092", "--advertise", "broker:19092", "--data-dir", "/tmp/kraft-combined-logs"]
            + ["--set", "group.initial.rebalance.delay.ms=0", "--set", "offsets.topic.replication.factor=1", *LOG],
        ),
        (
            TESTCONTAINERS,
            ["--node-ids", "1", "--listen", "0.0.0.0:9092", "--advertise", "localhost:32768"]
            + ["--listen", "0.0.0.0:9093", "--advertise", "4b1e:9093", *DATA]
            + ["--set", "offsets.topic.num.partitions=1", *LOG],
        ),
        (
            {"KAFKA_BROKER_ID": "5", "KSTORE_BROKERS": "3", "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092"},
            ["--node-ids", "5,6,7", "--listen", "0.0.0.0:9092", *DATA, *LOG],
        ),
        (  # the listener whose address is told has the first place
            {
                "KAFKA_LISTENERS": "A://10.0.0.1:1,B://[::1]:2",
                "KAFKA_ADVERTISED_LISTENERS": "b://b.example:2",
                "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "A:PLAINTEXT,B:PLAINTEXT",
                "KSTORE_LOG_LEVEL": "debug",
            },
            ["--node-ids", "1", "--listen", "[::1]:2", "--advertise", "b.example:2", "--listen", "10.0.0.1:1", *DATA]
            + ["--log-level", "debug"],
        ),
    ],
)
def test_variables_become_options(script, environment, options):
    assert script.options_of(environment) == options


def test_names_of_variables_are_those_of_the_image(script):
    assert script.key_of("KAFKA_LOG_RETENTION_MS") == "log.retention.ms"
    assert script.key_of("KAFKA_A__B___C_D") == "a_b-c.d"


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"KAFKA_PROCESS_ROLES": "controller"}, "start one container, with KSTORE_BROKERS=3"),
        ({"KAFKA_CONTROLLER_QUORUM_VOTERS": "1@a:1,2@b:1,3@c:1"}, "this is one node of several"),
        ({"KAFKA_NODE_ID": "2", "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@a:1"}, "this is one node of several"),
        (
            {"KAFKA_BROKER_ID": "1", "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181"},
            "KAFKA_ZOOKEEPER_CONNECT makes this a broker of a ZooKeeper, and there is no ZooKeeper since",
        ),
        ({"KAFKA_LISTENERS": "SSL://:9093"}, "the listener SSL is SSL, and what works is PLAINTEXT"),
        (
            {"KAFKA_LISTENERS": "A://:1", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "A:SASL_PLAINTEXT"},
            "the listener A is SASL_PLAINTEXT",
        ),
        ({"KAFKA_LISTENERS": "CONTROLLER://:9093"}, "KAFKA_LISTENERS has none for clients"),
        ({"KAFKA_LISTENERS": ":9092"}, "KAFKA_LISTENERS has ':9092', and a listener is NAME://host:port"),
        ({"KAFKA_ADVERTISED_LISTENERS": "kafka:9092"}, "KAFKA_ADVERTISED_LISTENERS has 'kafka:9092'"),
        ({"KAFKA_LOG_DIRS": "/a,/b"}, "KAFKA_LOG_DIRS has several folders"),
        ({"KAFKA_NODE_ID": "one"}, "KAFKA_NODE_ID is a whole number, not 'one'"),
        ({"KSTORE_BROKERS": "-3"}, "KSTORE_BROKERS is a whole number, not '-3'"),
    ],
)
def test_what_is_not_there_is_refused_with_the_way_out(script, environment, why):
    with pytest.raises(script.NotServed) as refusal:
        script.options_of(environment)
    assert why in str(refusal.value)


OLDER = {
    "KAFKA_ZOOKEEPER_CONNECT": "zookeeper:2181",
    "KAFKA_ZOOKEEPER_SESSION_TIMEOUT_MS": "6000",
    "KAFKA_INTER_BROKER_PROTOCOL_VERSION": "3.4",
    "KAFKA_LOG_MESSAGE_FORMAT_VERSION": "2.8",
    "KAFKA_CREATE_TOPICS": "orders:3:1",
}
"""What compose files for older images set; a node of Apache Kafka 4.4.0 with these keys starts and ignores them."""
ANOTHER_IMAGE = "it is of another image (wurstmeister/kafka); make topics with kstore topics create"


def test_variables_of_older_images_become_no_options_and_a_line_each_says_what_is_true(script):
    assert script.options_of(COMPOSE | OLDER) == script.options_of(COMPOSE)
    assert script.without_effect(OLDER) == [
        f"KAFKA_CREATE_TOPICS has no effect: {ANOTHER_IMAGE}",
        "KAFKA_INTER_BROKER_PROTOCOL_VERSION has no effect: it is gone since Apache Kafka 4; leave it out",
        "KAFKA_LOG_MESSAGE_FORMAT_VERSION has no effect: it is gone since Apache Kafka 4; leave it out",
        "KAFKA_ZOOKEEPER_CONNECT has no effect: there is no ZooKeeper since Apache Kafka 4; leave it out",
        "KAFKA_ZOOKEEPER_SESSION_TIMEOUT_MS has no effect: there is no ZooKeeper since Apache Kafka 4; leave it out",
    ]
    assert script.without_effect({"KAFKA_NUM_PARTITIONS": "3", "KAFKA_ZOOKEEPER_CONNECT": ""}) == []


@pytest.fixture
def start(monkeypatch) -> Iterator[Callable[..., Program]]:
    """Start ``environment.py`` in an environment; what still runs at the end of the test is killed."""
    started: list[Program] = []
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def begin(*arguments: str, before: tuple[str, ...] = (), **environment: str) -> Program:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        program = Program(*before, sys.executable, str(SCRIPT), *arguments)
        started.append(program)
        return program

    yield begin
    for program in started:
        program.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def test_a_container_starts_is_healthy_and_stops_in_order(start, tmp_path):
    outer, inner = free_port(), free_port()
    given = {
        "KAFKA_NODE_ID": "0",
        "KAFKA_LISTENERS": f"PLAINTEXT_HOST://:{outer},PLAINTEXT://:{inner},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT_HOST://localhost:{outer},PLAINTEXT://127.0.0.2:{inner}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PLAINTEXT_HOST:PLAINTEXT",
        "KAFKA_LOG_DIRS": str(tmp_path / "data"),
        "KAFKA_NUM_PARTITIONS": "5",
        "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        **OLDER,
    }
    assert start("healthy", **given).finish() == 1
    broker = start("serve", **given)
    broker.wait_for(len, "ready line")
    assert broker.lines == [f"kstore: 1 broker ready on localhost:{outer}"]
    broker.wait_for(
        lambda _: any("Transitioning from RECOVERY to RUNNING" in line for line in broker.errors),
        "line that Testcontainers waits for",
    )
    check = start("healthy")
    assert (check.finish(), check.lines) == (0, ["healthy"])
    listed = subprocess.run(
        ["kstore", "topics", "list", "-b", f"127.0.0.1:{inner}", "--json"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    assert json.loads(listed.stdout) == {"topics": []}
    assert broker.stop() == 0, broker.errors
    for name in ("CLUSTER_ID", *OLDER):
        assert any(line.startswith(f"kstore: {name} has no effect: ") for line in broker.errors)
    assert (tmp_path / "data" / "node-0" / ".kafka_cleanshutdown").exists()
    check = start("healthy")
    assert check.finish() == 1
    assert check.lines[0].startswith(f"broker 0 doesn't answer on 127.0.0.1:{outer}: ")


def test_a_container_starts_with_all_that_testcontainers_sets(start, tmp_path):
    outer, inner = free_port(), free_port()
    broker = start(
        "serve",
        **TESTCONTAINERS
        | {
            "KAFKA_LISTENERS": f"PLAINTEXT://:{outer},BROKER://:{inner},CONTROLLER://:9094",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{outer},BROKER://localhost:{inner}",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_LOG_FLUSH_INTERVAL_MESSAGES": str(2**63 - 1),
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_LOG_DIRS": str(tmp_path),
        },
    )
    broker.wait_for(lambda _: broker.lines or broker.process.poll() is not None, "ready line")
    assert broker.lines == [f"kstore: 1 broker ready on localhost:{outer}"], broker.errors
    assert broker.stop() == 0


def test_what_is_refused_is_a_line_and_an_exit_code(start):
    refused = start("serve", KAFKA_PROCESS_ROLES="controller")
    assert refused.finish() == 2
    (line,) = refused.errors
    assert line.startswith("kstore: this is one node of several")
    refused = start("serve", KAFKA_PROCESS_ROLES="", KAFKA_ZOOKEEPER_CONNECT="zookeeper:2181")
    assert refused.finish() == 2
    (line,) = refused.errors
    assert line.startswith("kstore: KAFKA_ZOOKEEPER_CONNECT makes this a broker of a ZooKeeper")


FIRST_OF_ITS_OWN = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def test_as_the_first_process_of_a_container_it_stops_at_sigterm(start, tmp_path):
    if not shutil.which("unshare") or subprocess.run([*FIRST_OF_ITS_OWN, "true"], capture_output=True).returncode:
        pytest.skip("no process can be made the first of a namespace here")
    port = free_port()
    first = start(
        "serve",
        before=FIRST_OF_ITS_OWN,
        KAFKA_LISTENERS=f"PLAINTEXT://127.0.0.1:{port}",
        KAFKA_LOG_DIRS=str(tmp_path),
    )
    first.wait_for(len, "ready line")
    (child,) = Path(f"/proc/{first.process.pid}/task/{first.process.pid}/children").read_text().split()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
    assert status["NSpid"].split()[-1] == "1"
    os.kill(int(child), 15)
    assert first.finish() == 0, first.errors
    assert (tmp_path / "node-1" / ".kafka_cleanshutdown").exists()


def test_the_compose_file_starts_what_the_script_understands(script):
    import yaml

    compose = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    kafka = compose["services"]["kafka"]
    options = script.options_of({name: str(value) for name, value in kafka["environment"].items()})
    assert options[options.index("--data-dir") + 1] == kafka["volumes"][0].split(":")[1]
    assert options.count("--listen") == options.count("--advertise") == 2
    assert [word for word in options if word.startswith(("localhost:", "kafka:"))] == ["localhost:9092", "kafka:19092"]
    assert kafka["ports"] == ["127.0.0.1:9092:9092"]
    assert kafka["healthcheck"]["test"][1:] == ["python3", "/etc/kafka/docker/environment.py", "healthy"]
    assert compose["services"]["topics"]["environment"]["KSTORE_BOOTSTRAP"] == "kafka:19092"
