"""What storage costs beside what it is made of: ``python -m bench.storage [NAME ...]``.

Prints a row for each figure, and writes them as a part of ``docs/benchmarks.md``, unless only some were asked for. Each
figure and what stands beside it are measured in turns, in the same folder; the median of all rounds' ratios is shown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.peers import environment, page
from bench.storage import beside_kafka, codecs, logs
from bench.storage.pairs import Row

PART = "Storage"
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """Written by `make bench-storage`. What storage does is measured beside what it is made of: a plain write,
read or checksum of the same bytes, the compression library called on them, Apache Kafka's own classes on the same
folders. Both take turns in one process (Kafka in one of its own), and a ratio is the median of those of each round."""

MEASURES: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    "append": logs.append,
    "read": logs.read,
    "recover": logs.recover,
    "look-up": logs.look_up,
    "idle": logs.idle,
    "compression": codecs.compression,
    "compaction": beside_kafka.compaction,
    "partitions": beside_kafka.partitions,
}


def text(rows: list[Row], facts: dict[str, str], rounds: int) -> str:
    """The part of the page."""
    about = ", ".join(f"{name} {value}" for name, value in facts.items() if name in ("processor", "Python", "Java"))
    load = facts["load when it began"]
    when = f"{time.strftime('%Y-%m-%d')}, {rounds} rounds, load {load} when it began; {about}."
    table = [
        "| | kstore | beside it | figure | goal | met |",
        "|---|---|---|---|---|---|",
        *(row.line() for row in rows),
    ]
    return "\n\n".join([HEAD, when, "\n".join(table)])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.storage", description=(__doc__ or "").split("\n", maxsplit=1)[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(MEASURES)}")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, help="on which disk (a temporary folder unless told)")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(MEASURES):
        parser.error(f"nothing is called {', '.join(sorted(unknown))}: there are {', '.join(MEASURES)}")
    facts = environment.describe()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="kstore-bench-", dir=asked.folder) as folder:
        for name in asked.names or MEASURES:
            for row in MEASURES[name](Path(folder), asked.rounds):
                rows.append(row)
                print(row.line(), flush=True)
    if not asked.names:
        page.write(PAGE, {PART: text(rows, facts, asked.rounds)})


if __name__ == "__main__":
    main()
