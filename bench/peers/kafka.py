"""A real Apache Kafka on loopback: fetched once by Maven, started with any number of combined nodes, and its tools.

It is the peer of the benchmarks and the oracle of the tests, so it is written with the standard library alone. Needs a
JDK (17 or newer) and Maven. The jars are kept in ``~/.cache/kstore-peers`` (or below ``XDG_CACHE_HOME``), those of each
version in a folder of their own: a class path that holds two versions runs a mixture of both.
"""

import argparse
import base64
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.peers.processes import (
    HOST,
    Process,
    ServerFailed,
    free_ports,
    stop_all,
    stop_on_termination,
    wait_until_listening,
)

VERSION = "4.4.0"
POM = Path(__file__).parent / "pom.xml"
HEAP = "-Xms256m -Xmx1g"  # overridden by KAFKA_HEAP
START_TIMEOUT_S = 180.0


def missing() -> str | None:
    """What this machine lacks to run it, as a sentence; None when nothing does."""
    needed = ("java",) if _is_complete(libs_folder()) else ("java", "mvn")
    lacking = [command for command in needed if shutil.which(command) is None]
    return f"Apache Kafka needs {' and '.join(lacking)} on the path" if lacking else None


def libs_folder() -> Path:
    """Where the jars of this version are, or will be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "kstore-peers" / "kafka" / f"libs-{VERSION}"


def _is_complete(folder: Path) -> bool:
    return (folder / f"kafka_2.13-{VERSION}.jar").exists()


def libs() -> Path:
    """The folder of the jars, fetched if need be. It gets its name when all of them are there."""
    folder = libs_folder()
    if not _is_complete(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as fetched:
            output = f"-DoutputDirectory={fetched}/libs"
            fetch = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", output]
            subprocess.run(fetch, check=True, stdout=sys.stderr)
            if folder.exists():  # what an interrupted fetch left there
                shutil.rmtree(folder)
            Path(fetched, "libs").rename(folder)
    return folder


def java(class_name: str, *arguments: str | Path, heap: str | None = None) -> list[str]:
    """The command line that runs a class of the jars."""
    flags = (heap or os.environ.get("KAFKA_HEAP") or HEAP).split()
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return ["java", *flags, quiet, "-cp", f"{libs()}/*", class_name, *map(str, arguments)]


def tool(class_name: str, *arguments: str | Path, timeout_s: float = 120.0) -> str:
    """Run a tool, e.g. ``tool("org.apache.kafka.tools.DumpLogSegments", "--files", path)``; what it printed."""
    command = java(class_name, *arguments, heap="-Xmx512m")
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise ServerFailed(f"{class_name} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class KafkaCluster:
    """Nodes 1..n of one cluster, each a JVM and a broker; the first ``voters`` of them are controllers too.

    All are voters unless told. Their logs are in ``data/node-N``, inside ``folder`` unless told; their properties and
    output are in ``folder``.
    """

    def __init__(
        self,
        folder: Path,
        nodes: int = 1,
        config: Mapping[str, str] | None = None,
        *,
        voters: int | None = None,
        data: Path | None = None,
    ) -> None:
        self.folder, self.nodes, self.voters = folder, nodes, voters or nodes
        self.data = data or folder / "data"
        self._extra = dict(config or {})
        self._first_port = free_ports(2 * nodes)
        self.processes: list[Process] = []

    @property
    def ports(self) -> list[int]:
        return [self._first_port + i for i in range(self.nodes)]

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{HOST}:{port}" for port in self.ports)

    def log_folder(self, node: int) -> Path:
        return self.data / f"node-{node}"

    def configure(self) -> None:
        """Write each node's server.properties."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for node in range(1, self.nodes + 1):
            lines = [f"{key}={value}" for key, value in self._properties(node).items()]
            self._properties_file(node).write_text("\n".join(lines) + "\n")

    def format(self, *options: str) -> None:
        """Prepare each node's log folder as an operator would, with options of the tool that does it."""
        cluster_id = "-"
        while cluster_id.startswith("-"):  # which the tool would take for an option
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for node in range(1, self.nodes + 1):
            tool("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._properties_file(node), *options)

    def launch(self) -> None:
        """Start the nodes without waiting for them."""
        for node in range(1, self.nodes + 1):
            command = java("kafka.Kafka", self._properties_file(node))
            self.processes.append(Process(command, self.folder / f"node-{node}.out"))

    def wait(self) -> None:
        wait_until_listening(self.processes, self.ports, START_TIMEOUT_S)

    @contextlib.contextmanager
    def launched(self) -> Iterator[None]:
        """Run for the length of a block."""
        try:
            self.launch()
            self.wait()
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        stop_all(self.processes)

    def _properties_file(self, node: int) -> Path:
        return self.folder / f"node-{node}.properties"

    def _properties(self, node: int) -> dict[str, str]:
        controllers = [self._first_port + self.nodes + i for i in range(self.voters)]
        voters = ",".join(f"{i}@{HOST}:{port}" for i, port in enumerate(controllers, 1))
        copies, listeners = str(self.nodes), f"PLAINTEXT://{HOST}:{self.ports[node - 1]}"
        if node <= self.voters:
            listeners += f",CONTROLLER://{HOST}:{controllers[node - 1]}"
        return {
            "process.roles": "broker,controller" if node <= self.voters else "broker",
            "node.id": str(node),
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "listeners": listeners,
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.ports[node - 1]}",
            "log.dirs": str(self.log_folder(node)),
            "default.replication.factor": copies,
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "log.segment.delete.delay.ms": "1000",
            **self._extra,
        }


@contextlib.contextmanager
def running(folder: Path, nodes: int = 1, config: Mapping[str, str] | None = None) -> Iterator[KafkaCluster]:
    """A new cluster that listens; stopped at the end of the block."""
    cluster = KafkaCluster(folder, nodes, config)
    cluster.configure()
    cluster.format()
    with cluster.launched():
        yield cluster


@contextlib.contextmanager
def running_on(
    data: Path, folder: Path, nodes: int, *, voters: int, config: Mapping[str, str] | None = None
) -> Iterator[KafkaCluster]:
    """A cluster on the folders ``data/node-N`` that another program has written; stopped at the end of the block."""
    cluster = KafkaCluster(folder, nodes, config, voters=voters, data=data)
    cluster.configure()
    with cluster.launched():
        yield cluster


def main() -> None:
    parser = argparse.ArgumentParser(prog="kafka.sh", description="A real Apache Kafka on loopback.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("libs", help="fetch the jars; print their folder")
    start = verbs.add_parser("start", help="start N nodes and wait for Ctrl-C")
    start.add_argument("nodes", type=int, nargs="?", default=1)
    start.add_argument("--folder", type=Path, help="where the nodes keep their data (a temporary folder unless told)")
    start.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a line of server.properties")
    each = verbs.add_parser("tool", help="run a class of the jars")
    each.add_argument("class_name")
    each.add_argument("arguments", nargs=argparse.REMAINDER)
    one = verbs.add_parser("run", help="one node in the foreground, from a server.properties of your own")
    one.add_argument("properties", type=Path)
    asked = parser.parse_args()
    if lacking := missing():
        parser.exit(2, lacking + "\n")
    if asked.verb == "libs":
        print(libs())
    elif asked.verb == "tool":
        sys.exit(subprocess.call(java(asked.class_name, *asked.arguments)))
    elif asked.verb == "run":
        command = java("kafka.Kafka", asked.properties.resolve())
        os.execvp(command[0], command)
    else:
        _start(asked.nodes, asked.folder, dict(pair.split("=", 1) for pair in asked.set))


def _start(nodes: int, folder: Path | None, config: dict[str, str]) -> None:
    stop_on_termination()
    with contextlib.ExitStack() as stopping:
        data = folder or Path(stopping.enter_context(tempfile.TemporaryDirectory(prefix="kafka-")))
        cluster = stopping.enter_context(running(data, nodes, config))
        print(f"ready on {cluster.bootstrap}, data in {cluster.folder}, Ctrl-C stops", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
