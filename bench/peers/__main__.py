"""``python -m bench.peers``: measures, prints as it goes, and writes ``docs/benchmarks.md``."""

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from confluent_kafka import KafkaException

from bench.peers import environment, groups, load, page, raw, report
from bench.peers.cases import (
    IDLE_MEMORY,
    LOADED_MEMORY,
    START,
    WARM_UP,
    Case,
    Metric,
    cases,
    group_cases,
    transaction_cases,
)
from bench.peers.processes import ServerFailed, stop_on_termination
from bench.peers.results import Results
from bench.peers.servers import EVERY_REPLICA_ACKNOWLEDGES, SERVERS, Server

T = TypeVar("T")

NO_CONFIG: Mapping[str, str] = {}

ROOT = Path(__file__).resolve().parents[2]
MICRO = ROOT / "build" / "benchmark.json"
SETTLE_S = 3.0
FAILURES = (ServerFailed, load.LoadFailed, raw.WrongAnswer, KafkaException, subprocess.SubprocessError, OSError)


class Run:
    """One run of the chosen cases on the chosen servers."""

    def __init__(self, names: list[str], folder: Path, rounds: int) -> None:
        self.kinds = [SERVERS[name] for name in names]
        self.folder, self.rounds = folder, rounds
        self.results = Results([kind.name for kind in self.kinds])
        self.versions: dict[str, str] = {}
        self._made = 0

    def new_server(self, kind: type[Server], config: Mapping[str, str]) -> Server | None:
        """A server in a folder of its own, made ready but not started; None if it can't be had, which is noted."""
        self._made += 1
        server = kind(self.folder / f"server-{self._made}", config)
        try:
            self.versions[server.name] = server.prepare()
        except FAILURES as failure:
            self.failed("made ready", server, failure)
            return None
        return server

    def came_up(self, server: Server) -> bool:
        """Wait until a server listens; one that doesn't is left out from then on."""
        try:
            server.wait()
        except FAILURES as failure:
            self.failed("start", server, failure)
            server.stop()
            return False
        return True

    def failed(self, what: str, server: Server, failure: Exception) -> None:
        """Note what a server could not do; the others go on."""
        self.results.failures.append(f"{what}, {server.name}: {failure}")
        print(f"{what:32} {server.name:8} failed: {failure}", flush=True)

    def starts(self) -> None:
        """Start every server anew in every round, up to its first record."""
        for number in range(self.rounds):
            for kind in turned(self.kinds, number):
                server = self.new_server(kind, EVERY_REPLICA_ACKNOWLEDGES)
                if server is not None:
                    try:
                        self.measure(START, server)
                    finally:
                        server.stop()

    @contextlib.contextmanager
    def started(self, config: Mapping[str, str] = NO_CONFIG) -> Iterator[list[Server]]:
        """Every server, started once and warm; stopped at the end of the block."""
        with contextlib.ExitStack() as stopping:
            made = [self.new_server(kind, config) for kind in self.kinds]
            servers = [server for server in made if server is not None]
            for server in servers:
                stopping.callback(server.stop)
                server.launch()
            servers = [server for server in servers if self.came_up(server)]
            time.sleep(SETTLE_S)
            yield servers

    def loads(self, chosen: list[Case]) -> None:
        """Put every case on each server in turn."""
        with self.started() as servers:
            self.memory(IDLE_MEMORY, servers)
            for server in servers:
                self.measure(WARM_UP, server)
            self.rounds_of([case for case in chosen if case.fills_memory], servers)
            self.memory(LOADED_MEMORY, servers)
            self.rounds_of([case for case in chosen if not case.fills_memory], servers)

    def beside(self, chosen: list[Case], config: Mapping[str, str] = NO_CONFIG) -> None:
        """Put every case on the servers, without the peers where it is about one server alone."""
        with self.started(config) as servers:
            for server in servers:
                self.measure(WARM_UP, server)
            self.rounds_of([case for case in chosen if not case.once], servers)
        self.kinds = [kind for kind in self.kinds if kind.name == "kstore"]
        with self.started(config) as servers:
            self.rounds_of([case for case in chosen if case.once], servers)

    def rounds_of(self, chosen: list[Case], servers: list[Server]) -> None:
        for case in chosen:
            for number in range(1 if case.once else self.rounds):
                for server in turned(servers, number):
                    load.settle_disk()
                    self.measure(case, server)

    def measure(self, case: Case, server: Server) -> None:
        try:
            for process in server.processes:
                process.check()
            figures = case.measure(server)
        except FAILURES as failure:
            figures = {}
            self.failed(case.name, server, failure)
        for metric in case.metrics:
            self.add(metric, server, figures.get(metric.key))

    def memory(self, metric: Metric, servers: list[Server]) -> None:
        for server in servers:
            self.add(metric, server, server.resident_bytes() / 1e6)

    def add(self, metric: Metric, server: Server, figure: float | None) -> None:
        self.results.add(metric, server.name, figure)
        if figure is not None:
            print(f"{metric.name:64} {server.name:8} {figure:10.4g} {metric.unit}", flush=True)


def turned(things: list[T], number: int) -> list[T]:
    """Each round begins with another server, so that none always runs on a tired disk."""
    first = number % max(len(things), 1)
    return things[first:] + things[:first]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description="kstore beside Apache Kafka and kfake.")
    parser.add_argument("--servers", default="kstore,kafka,kfake", help="which, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the number of records")
    parser.add_argument("--only", default="", help="only cases whose name contains this")
    parser.add_argument(
        "--transactions", action="store_true", help="the loads with transactions instead, and their part of the page"
    )
    parser.add_argument(
        "--groups", action="store_true", help="the loads of consumer groups instead, and their part of the page"
    )
    parser.add_argument("--no-start", action="store_true", help="leave out the time to the first record")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--micro", type=Path, default=MICRO, help="the report of `make bench`, taken in if it is there")
    asked = parser.parse_args()
    asked.servers = asked.servers.split(",")
    if unknown := [name for name in asked.servers if name not in SERVERS]:
        parser.error(f"no such server: {', '.join(unknown)}; there are {', '.join(SERVERS)}")
    return asked


def main() -> int:
    asked = parse_arguments()
    stop_on_termination()
    described = environment.describe()
    made = (transaction_cases if asked.transactions else group_cases if asked.groups else cases)(asked.scale)
    chosen = [case for case in made if asked.only in case.name]
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        run = Run(asked.servers, Path(folder), asked.rounds)
        if asked.transactions:
            run.beside(chosen)
        elif asked.groups:
            run.beside(chosen, groups.CONFIG)
        else:
            if not asked.no_start:
                run.starts()
            if chosen:
                run.loads(chosen)
    taken = report.Taken(run.results, described, run.versions, asked.rounds)
    parts = (report.transactions if asked.transactions else report.groups if asked.groups else report.peers)(taken)
    known = page.read(asked.output.read_text()) if asked.output.exists() else {}
    page.write(asked.output, {**parts, **report.micro(asked.micro, known.get("In the process", ""))})
    print(f"wrote {asked.output}")
    for failure in run.results.failures:
        print("failed:", failure, file=sys.stderr)
    return 1 if run.results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
