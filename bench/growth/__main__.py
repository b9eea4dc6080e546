"""``python -m bench.growth``: measures, prints as it goes, and writes ``docs/benchmarks-growth.md``."""

from __future__ import annotations

import argparse
import datetime
import gc
import sys
from pathlib import Path

from bench.growth import loads
from bench.growth.connections import connections
from bench.growth.growth import HEAD, Growth, grown, row
from bench.growth.loads import Load
from bench.peers import environment
from bench.peers.processes import stop_on_termination

ROOT = Path(__file__).resolve().parents[2]
NOTES = Path(__file__).with_name("notes.md")

DIMENSIONS: dict[str, tuple[Load, int]] = {
    "topics, made one by one": (loads.topics_made, 500),
    "topics, a producer's first record to each": (loads.topics_met, 500),
    "partitions, metadata asked for 20 times": (loads.metadata, 2_000),
    "partitions, a record to each": (loads.partitions_written, 500),
    "partitions, a record from each": (loads.partitions_read, 500),
    "partitions, sought, paused and resumed one by one": (loads.partitions_sought, 500),
    "partitions of a session, 300 records to eight": (loads.partitions_idle, 250),
    "partitions, a third of their leaders lost": (loads.leaders_lost, 250),
    "partitions of a commit, 20 commits": (loads.commits, 250),
    "groups": (loads.groups, 250),
    "members of a group": (loads.members, 25),
    "producers": (loads.producers, 100),
    "connections": (connections, 200),
    "fetch sessions that wait for one partition": (loads.sessions, 200),
    "batches in flight": (loads.in_flight, 1_000),
    "records a batch": (loads.records_a_batch, 10_000),
}
"""What doubles: its load, and the size to begin with."""


def measured(name: str, doublings: int, runs: int) -> Growth:
    """One dimension; the sizes take turns, so that a change of the machine's mood meets them all."""
    load, first = DIMENSIONS[name]
    rounds: dict[int, list[float]] = {first * 2**power: [] for power in range(doublings + 1)}
    for _ in range(runs):
        for size, found in rounds.items():
            gc.collect()
            found.append(load(size))
    return grown(name, rounds)


def as_kstore_serve_collects_garbage() -> None:
    """Small loads would go by before the collector looks at all, and larger ones not: that isn't what is measured."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def render(found: list[Growth], runs: int, described: dict[str, str]) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        "# Growth",
        "",
        "<!-- Generated: bench/growth/__main__.py writes this page. -->",
        "",
        "Written by `make bench-growth`. In each row one dimension of a load doubles, and everything else stays the",
        "same. A cost that grows in step with it has a ratio of 2 and an exponent of 1. The figures are the processor",
        f"time of brokers and clients together, the median of {runs} runs. For connections it is the time of `kstore",
        "serve` alone.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in {"date": today, **described}.items()),
        "",
        *HEAD,
        *map(row, found),
    ]
    if NOTES.exists():
        lines += ["", NOTES.read_text().rstrip()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description="What doublings cost.")
    parser.add_argument("--doublings", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="only dimensions whose name contains this")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks-growth.md")
    asked = parser.parse_args()
    stop_on_termination()
    as_kstore_serve_collects_garbage()
    described = {key: value for key, value in environment.describe().items() if key in KEPT}
    print("\n".join(HEAD), flush=True)
    found = []
    for name in DIMENSIONS:
        if asked.only in name:
            found.append(measured(name, asked.doublings, asked.runs))
            print(row(found[-1]), flush=True)
    if not asked.only:
        asked.output.write_text(render(found, asked.runs, described))
        print(f"wrote {asked.output}")
    return 0 if all(each.reached for each in found) else 1


KEPT = ("processor", "memory", "system", "Python", "load when it began")

if __name__ == "__main__":
    sys.exit(main())
