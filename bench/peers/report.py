"""The parts of ``docs/benchmarks.md`` out of the figures of a run, and nothing that was not measured in it."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from bench.peers.cases import Metric
from bench.peers.page import HEAD
from bench.peers.results import Results

# what falls short and why: written by hand, about the runs whose figures stand on the page, and replaced with them
NOTES = Path(__file__).with_name("notes.md")
TRANSACTION_NOTES = Path(__file__).with_name("transaction_notes.md")
GROUP_NOTES = Path(__file__).with_name("group_notes.md")
NAMES = {
    "kstore": "kstore, 3 brokers, RF 3, on disk",
    "Kafka": "Apache Kafka, 3 nodes, RF 3",
    "kfake": "kfake, no replicas, in memory",
}

MICRO = """\
Written from the report of `make bench`. The last column says at which commit a figure was measured; CPU stands where
processor time was taken, not the time that passed. `gzip by zlib` is what gzip is without ISA-L.

| benchmark | median for one | rate | goal | met | at |
|---|---|---|---|---|---|"""

TRANSACTIONS = """\
Written by `make bench-transactions`: one run of {rounds} rounds, the servers side by side as above. Small transactions,
and records of 1 kB with a commit each 100 ms, go through librdkafka. The pipeline that reads, transforms and writes
records of 100 B in transactions of 100 ms is in Go (`bench/peers/pipeline`), so that its own work is small. Where two
things are compared at kstore alone, they take turns, and the median of their ratios is shown. The memory is what three
brokers in one process, on disk, take in addition. A goal of 1.3 times Kafka's rate is also met by half of Kafka's
processor time for each record."""

GROUPS = """\
Groups of the consumer protocol (KIP-848). Written by `make bench-groups`: one run of {rounds} rounds, the servers side
by side as above, with no wait between two target assignments and a heartbeat a second. A member joins through
librdkafka. The group has settled when each member has its share; meanwhile nobody reads, so the processor time of all
three brokers is that of the group. Heartbeats go over a bare socket to the coordinator, one after the other; then, in
each server's turn, as many to a process that only echoes (`bench/peers/echo.py`). Very many members, and groups at
rest, are measured in the process (`bench/members.py`, `bench/groups_at_rest.py`)."""


@dataclass(frozen=True)
class Taken:
    """A run: its figures, the machine, the servers' versions, how many rounds."""

    results: Results
    environment: dict[str, str]
    versions: dict[str, str]
    rounds: int


def peers(taken: Taken) -> dict[str, str]:
    """The parts about the loads without transactions."""
    results = taken.results
    return {
        HEAD: _head(taken),
        "Beside Apache Kafka and kfake": _table(results),
        "Goals": _goals(results),
        "What falls short, and why": NOTES.read_text().strip(),
        "What failed in this run": "\n".join(f"- {failure}" for failure in results.failures),
    }


def transactions(taken: Taken) -> dict[str, str]:
    """The part about transactions."""
    return {"Transactions": _part(TRANSACTIONS, taken, TRANSACTION_NOTES)}


def groups(taken: Taken) -> dict[str, str]:
    """The part about consumer groups."""
    return {"Consumer groups": _part(GROUPS, taken, GROUP_NOTES)}


def _part(about: str, taken: Taken, notes: Path | None) -> str:
    failed = "\n".join(f"- failed in this run: {failure}" for failure in taken.results.failures)
    texts = [
        about.format(rounds=taken.rounds),
        _facts(taken),
        _table(taken.results),
        _goals(taken.results),
        failed,
        "" if notes is None else notes.read_text().strip(),
    ]
    return "\n\n".join(text for text in texts if text)


def micro(path: Path, known: str) -> dict[str, str]:
    """The micro-benchmarks, if there is a report of ``make bench``; those that it lacks stay as ``known``."""
    if not path.exists():
        return {}
    rows = {**_rows_in(known), **_micro(json.loads(path.read_text()))}
    return {"In the process": "\n".join([MICRO, *rows.values()])}


def _rows_in(known: str) -> dict[str, str]:
    """The rows of a table by the text in their first column."""
    rows = [line for line in known.splitlines() if line.startswith("| ")][1:]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows}


def _facts(taken: Taken) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows = {"date": today, **taken.environment, **taken.versions}
    return "| | |\n|---|---|\n" + "\n".join(f"| {key} | {value} |" for key, value in rows.items())


def _head(taken: Taken) -> str:
    return f"""# Benchmarks

<!-- Generated: bench/peers writes this page. -->

Each part of this page was measured by a run of its own, and says when and at which commit. The first two were written
by `make bench-peers`, in one run of {taken.rounds} rounds. Each figure is the median of the rounds. The servers run
side by side on loopback and take turns; each round begins with a different one, and each turn once the disk has written
what came before. A ratio is that of two figures of the same round, and the median of these is shown: on a busy machine
ratios tell more than times. Produce and the single records go through librdkafka with `acks=all`. They are timed up to
the last acknowledgement; afterwards the topic must hold exactly the acknowledged records. The requests per second come
from a client of bare sockets that checks every answer (`bench/peers/raw.py`).

{_facts(taken)}"""


def _table(results: Results) -> str:
    peers = [name for name in results.servers if name != "kstore"]
    mine = "kstore" in results.servers
    ratios = [f"kstore / {peer}" for peer in peers] if mine else []
    heads = ["what", "unit", *(NAMES[name] for name in results.servers), *ratios]
    rows = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for metric in results.rounds:
        figures = [_figure(results.median(metric, name)) for name in results.servers]
        over = [_figure(results.ratio(metric, "kstore", peer)) for peer in peers] if mine else []
        rows.append("| " + " | ".join([metric.name, metric.unit, *figures, *over]) + " |")
    return "\n".join(rows)


def _goals(results: Results) -> str:
    rows = ["| what | goal | measured | met |", "|---|---|---|---|"]
    for metric in results.rounds:
        for goal in metric.goals:
            found = results.verdict(metric, goal)
            unit = "" if goal.peer else f" {metric.unit}"
            shown = ("not measured", "-") if found is None else (_measured(found[0], metric, goal.peer), _yes(found[1]))
            rows.append(f"| {metric.name} | {goal}{unit} | {shown[0]} | {shown[1]} |")
    return "\n".join(rows)


def _measured(figure: float, metric: Metric, peer: str | None) -> str:
    return f"{_figure(figure)}x" if peer else f"{_figure(figure)} {metric.unit}"


def _micro(report: dict[str, object]) -> dict[str, str]:
    """The pytest-benchmark report of ``make bench``: one row a benchmark, rates where a benchmark names its unit."""
    commit, benchmarks = report["commit_info"], report["benchmarks"]
    assert isinstance(commit, dict)
    assert isinstance(benchmarks, list)
    revision = str(commit["id"])[:7] + ("-dirty" if commit["dirty"] else "")
    rows = {}
    for each in benchmarks:
        seconds, extra = each["stats"]["median"], each["extra_info"]
        count, unit, goal = extra.get("count", 1), extra.get("unit", "calls"), extra.get("goal")
        rate = count / seconds
        met = "-" if goal is None else _yes(rate >= goal)
        shown_goal = "-" if goal is None else f"≥ {_rate(goal, unit)}"
        name = each["name"].removeprefix("test_").replace("_", " ")
        at = revision + (", CPU" if each["options"]["timer"] == "process_time" else "")
        cells = [name, _duration(seconds / count), _rate(rate, unit), shown_goal, met, at]
        rows[name] = f"| {' | '.join(cells)} |"
    return rows


def _rate(rate: float, unit: str) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if rate >= size:
            return f"{rate / size:.3g} {letter} {unit}/s"
    return f"{rate:.3g} {unit}/s"


def _duration(seconds: float) -> str:
    for size, letter in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= size:
            return f"{seconds / size:.3g} {letter}"
    return f"{seconds / 1e-9:.3g} ns"


def _figure(figure: float | None) -> str:
    if figure is None:
        return "-"
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.3g}"


def _yes(reached: bool) -> str:
    return "yes" if reached else "**no**"
