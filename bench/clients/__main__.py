"""``python -m bench.clients``: measures in rounds, prints as it goes, and writes ``docs/benchmarks-clients.md``.

Every figure is taken in a process of its own. In a round each client takes its turn at the same ``kstore serve`` (three
brokers, three replicas, in memory), another one first in each; a ratio is taken within its round.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.clients.programs import LOADS
from bench.peers import environment
from bench.peers.processes import Process, free_ports, stop_on_termination, wait_until_listening

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
QUICK, SLOW = 500_000, 50_000  # records: of clients in C, of clients in Python
COUNTS = {("produce", "aiokafka"): SLOW, ("produce", "kafka-python"): SLOW, ("consume", "kafka-python"): SLOW}
PEER_GOALS = {"confluent-kafka": 1.0, "kafka-python": 5.0, "aiokafka": 5.0}

# name, what it is, unit, goal, whether the goal is an upper bound
INSIDE = [
    ("send", "`send()` of 100 B, acks=all, 1 replica, `batch_size` 16 KiB (default)", "records/s", 1e6, False),
    ("send large", "the same, `batch_size` 128 KiB", "records/s", 1e6, False),
    ("send_many list", "`send_many()` of a list", "records/s", 5e6, False),
    ("send_many columns", "`send_many()` of a NumPy array", "records/s", 10e6, False),
    ("consume objects", "iterating over a consumer", "records/s", 1.5e6, False),
    ("consume columns", "`poll_columns()`", "records/s", 15e6, False),
    ("get 1 p50", "`send().get()`, 1 replica, p50", "us", None, True),
    ("get 3 p50", "`send().get()`, 3 replicas, p50", "us", 80, True),
    ("get 3 p99", "`send().get()`, 3 replicas, p99", "us", None, True),
    ("first record", "`Cluster(brokers=3)` to the first record on 3 replicas, first of a process", "ms", 10, True),
    ("first record again", "the same, fifth of a process", "ms", 10, True),
    ("reset", "`reset()` of 3 brokers", "ms", 2, True),
    ("import", "`from kstore import Cluster`", "ms", 100, True),
    ("partitions seconds", "1,000 topics, 10,000 partitions: made in", "s", 3, True),
    ("partitions MB", "the same: memory of the whole process", "MB", 200, True),
    ("partitions idle", "the same: idle, of one core", "%", 2, True),
    ("trace row", "one row of the trace, noted from Python, less an empty call", "ns", 50, True),
    ("trace share", "of the time of `send()`, spent on its trace rows", "%", 5, True),
]


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """``kstore serve`` with three brokers, in memory; its addresses."""
    first = free_ports(3)
    command = [sys.executable, "-m", "actors.cli.main", "serve", "--brokers", "3", "--listen", f"127.0.0.1:{first}"]
    process = Process(command, folder / "serve.out")
    ports = [first, first + 1, first + 2]
    try:
        wait_until_listening([process], ports, 60)
        yield ",".join(f"127.0.0.1:{port}" for port in ports)
    finally:
        process.stop()


def ask(module: str, *arguments: object) -> float:
    """What a program of ours prints."""
    command = [sys.executable, "-m", f"bench.clients.{module}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, cwd=ROOT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: {done.stderr[-2000:]}")
    return float(done.stdout)


class Figures:
    """Rounds of figures by load and client."""

    def __init__(self) -> None:
        self.rounds: dict[tuple[str, str], list[float]] = {}

    def add(self, load: str, client: str, rate: float) -> None:
        self.rounds.setdefault((load, client), []).append(rate)
        print(f"{load:8} {client:18} {rate:12,.0f} records/s", flush=True)

    def median(self, load: str, client: str) -> float:
        return statistics.median(self.rounds[load, client])

    def ratio(self, load: str, peer: str) -> float:
        mine, theirs = self.rounds[load, "kstore"], self.rounds[load, peer]
        return statistics.median(a / b for a, b in zip(mine, theirs, strict=True))


def beside(rounds: int, folder: Path) -> Figures:
    """Every client at both loads."""
    figures = Figures()
    with serving(folder) as bootstrap:
        for number in range(rounds):
            for load, clients in LOADS.items():
                names = list(clients)
                turn = number % len(names)
                for client in names[turn:] + names[:turn]:
                    count = COUNTS.get((load, client), QUICK)
                    topic = f"{load}-{client.replace(', ', '-')}-{number}"
                    if load == "consume":
                        ask("programs", "kstore", "produce", bootstrap, topic, count)
                    figures.add(load, client, count / ask("programs", client, load, bootstrap, topic, count))
    return figures


def inside(rounds: int) -> dict[str, float]:
    """Every figure of one process, the median of the rounds."""
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, _, unit, _, _ in INSIDE:
            found.setdefault(name, []).append(ask("inside", name))
            print(f"{name:20} {found[name][-1]:14,.3f} {unit}", flush=True)
    return {name: statistics.median(values) for name, values in found.items()}


def render(figures: Figures, measured: dict[str, float], rounds: int, described: dict[str, str]) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        "# Benchmarks of the clients",
        "",
        "<!-- Generated: bench/clients/__main__.py writes this page. -->",
        "",
        f"Written by `make bench-clients`; every figure is the median of {rounds} rounds, each in its own process.",
        "The machine is small and its speed changes: ratios of one round say more than figures.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in {"date": today, **described}.items()),
        "",
        "## Over TCP, beside the other Python clients",
        "",
        "At one `kstore serve` with three brokers and three replicas in memory; values of 100 bytes, acks=all with",
        "idempotence, 5 ms of linger, batches of up to 128 KiB for everybody. Producing ends with the last",
        "acknowledgement. Server and client share the machine's cores.",
        "",
        "| load | client | records/s | kstore over it | goal | met |",
        "|---|---|---|---|---|---|",
    ]
    for load, client in figures.rounds:
        rate, goal = figures.median(load, client), PEER_GOALS.get(client)
        ratio = "-" if client.startswith("kstore") else f"{figures.ratio(load, client):.2f}x"
        met = "-" if goal is None else _yes(figures.ratio(load, client) >= goal)
        lines.append(
            f"| {load} | {client} | {rate:,.0f} | {ratio} | {'-' if goal is None else f'≥ {goal:g}x'} | {met} |"
        )
    lines += ["", "## In the process", "", "| what | measured | goal | met |", "|---|---|---|---|"]
    for name, what, unit, goal, at_most in INSIDE:
        value = measured[name]
        met = "-" if goal is None else _yes(value <= goal if at_most else value >= goal)
        said = "-" if goal is None else f"{'≤' if at_most else '≥'} {_shown(goal)} {unit}"
        lines.append(f"| {what} | {_shown(value)} {unit} | {said} | {met} |")
    notes = Path(__file__).with_name("notes.md")
    if notes.exists():
        lines += ["", notes.read_text().rstrip()]
    return "\n".join(lines) + "\n"


def _shown(value: float) -> str:
    return f"{value / 1e6:.3g} M" if value >= 1e6 else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.clients", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks-clients.md")
    asked = parser.parse_args()
    stop_on_termination()
    described = environment.describe()
    folder = ROOT / "build"
    folder.mkdir(exist_ok=True)
    measured = inside(asked.rounds)
    figures = beside(asked.rounds, folder)
    asked.output.write_text(render(figures, measured, asked.rounds, described))
    print(f"wrote {asked.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
