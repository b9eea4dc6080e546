"""The three servers under one face: launch without waiting, wait until all brokers listen, stop, count the memory.

Each has three brokers. kstore and Apache Kafka keep three replicas on disk; kfake keeps one copy in memory.
"""

import abc
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from bench.peers import kafka
from bench.peers.processes import HOST, Process, ServerFailed, free_ports, stop_all, wait_until_listening

BROKERS = 3
EVERY_REPLICA_ACKNOWLEDGES = {"min.insync.replicas": str(BROKERS)}
START_TIMEOUT_S = 60.0
GO_MODULE = Path(__file__).parent / "kfake"


class Server(abc.ABC):
    """A cluster of three brokers in processes of its own, in a folder of its own."""

    name: ClassVar[str]
    replication_factor: ClassVar[int]

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        self.folder, self.config = folder, config
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    @abc.abstractmethod
    def bootstrap(self) -> str: ...

    @property
    @abc.abstractmethod
    def processes(self) -> list[Process]: ...

    @abc.abstractmethod
    def prepare(self) -> str:
        """Build, fetch and format what a start needs, none of which is measured; returns the version."""

    @abc.abstractmethod
    def launch(self) -> None:
        """Start it without waiting."""

    @abc.abstractmethod
    def wait(self) -> None:
        """Return when all brokers listen."""

    @abc.abstractmethod
    def stop(self) -> None: ...

    def resident_bytes(self) -> int:
        return sum(process.resident_bytes() for process in self.processes)

    def processor_s(self) -> float:
        """The seconds of processor time that its processes have used so far."""
        return sum(process.processor_s() for process in self.processes)


class OneProcess(Server):
    """A server that is one process, its brokers on ports in a row."""

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        super().__init__(folder, config)
        self._processes: list[Process] = []
        self.port = free_ports(BROKERS)

    @abc.abstractmethod
    def command(self) -> list[str | Path]:
        """The command line that starts it."""

    @property
    def processes(self) -> list[Process]:
        return self._processes

    @property
    def ports(self) -> Sequence[int]:
        return range(self.port, self.port + BROKERS)

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{HOST}:{port}" for port in self.ports)

    def launch(self) -> None:
        self._processes.append(Process(self.command(), self.folder / "output"))

    def wait(self) -> None:
        wait_until_listening(self.processes, self.ports, START_TIMEOUT_S)

    def stop(self) -> None:
        stop_all(self._processes)


class Kstore(OneProcess):
    name = "kstore"
    replication_factor = BROKERS

    def prepare(self) -> str:
        if not _kstore_command().exists():
            raise ServerFailed(f"there is no {_kstore_command()}: run make build")
        asked = subprocess.run(
            [sys.executable, "-c", "from importlib.metadata import version; print(version('kstore'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        return f"{asked.stdout.strip()} ({_revision()})"

    def command(self) -> list[str | Path]:
        listen = f"{HOST}:{self.port}"
        serve: list[str | Path] = [_kstore_command(), "serve", "--brokers", str(BROKERS), "--listen", listen]
        config = {"default.replication.factor": str(BROKERS), **self.config}
        settings = [part for key, value in config.items() for part in ("--set", f"{key}={value}")]
        return [*serve, "--data-dir", self.folder / "data", *settings]


class Kfake(OneProcess):
    name = "kfake"
    replication_factor = 1

    def prepare(self) -> str:
        if shutil.which("go") is None:
            raise ServerFailed("kfake needs go on the path")
        subprocess.run(["go", "build", "-o", self.folder / "kfakepeer", "."], cwd=GO_MODULE, check=True)
        required = [line.split() for line in (GO_MODULE / "go.mod").read_text().splitlines() if "pkg/kfake" in line]
        return required[0][-1]

    def command(self) -> list[str | Path]:
        return [self.folder / "kfakepeer", "-brokers", str(BROKERS), "-port", str(self.port)]


class Kafka(Server):
    name = "Kafka"
    replication_factor = BROKERS

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        super().__init__(folder, config)
        self._cluster = kafka.KafkaCluster(folder, BROKERS, config)

    @property
    def processes(self) -> list[Process]:
        return self._cluster.processes

    @property
    def bootstrap(self) -> str:
        return self._cluster.bootstrap

    def prepare(self) -> str:
        if lacking := kafka.missing():
            raise ServerFailed(lacking)
        self._cluster.configure()
        self._cluster.format()
        return kafka.VERSION

    def launch(self) -> None:
        self._cluster.launch()

    def wait(self) -> None:
        self._cluster.wait()

    def stop(self) -> None:
        self._cluster.stop()


SERVERS: dict[str, type[Server]] = {"kstore": Kstore, "kafka": Kafka, "kfake": Kfake}


def _kstore_command() -> Path:
    return Path(sys.executable).parent / "kstore"


def _revision() -> str:
    described = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(described, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    return done.stdout.strip() or "no revision"
