"""Writes ``docs/benchmarks.md`` out of the figures of a run, and nothing that was not measured in it."""

import datetime
import json
from pathlib import Path

from bench.peers.cases import Metric
from bench.peers.results import Results

NOTES = Path(__file__).with_name("notes.md")  # what falls short and why: written by hand, about the page's own run
NAMES = {
    "kstore": "kstore, 3 brokers, RF 3, on disk",
    "Kafka": "Apache Kafka, 3 nodes, RF 3",
    "kfake": "kfake, no replicas, in memory",
}


def render(results: Results, environment: dict[str, str], versions: dict[str, str], rounds: int, micro: Path) -> str:
    parts = [
        _head(environment, versions, rounds),
        "## Beside Apache Kafka and kfake\n\n" + _table(results),
        _goals(results),
    ]
    if NOTES.exists():
        parts.append(NOTES.read_text().rstrip())
    if micro.exists():
        parts.append("## In the process\n\n" + _micro(json.loads(micro.read_text())))
    if results.failures:
        parts.append("## What failed in this run\n\n" + "\n".join(f"- {failure}" for failure in results.failures))
    return "\n\n".join(parts) + "\n"


def _head(environment: dict[str, str], versions: dict[str, str], rounds: int) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows = {"date": today, **environment, **versions}
    lines = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"""# Benchmarks

<!-- Generated: bench/peers/report.py writes this page. -->

Written by `make bench-peers`: one run of {rounds} rounds; each figure is their median. The servers stand side by side
on loopback and take turns, a different one first in each round, each on a disk that has taken what was written before.
A ratio is taken within its round, and its median shown: on a busy machine the ratio is the
figure, not the time. Produce and the single records
go through librdkafka with `acks=all`, up to the last acknowledgement, and the topic must then hold exactly the
records that were acknowledged. The requests per second come from a client of bare sockets that checks every answer
(`bench/peers/raw.py`).

| | |
|---|---|
{lines}"""


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
    rows = ["## Goals", "", "| what | goal | measured | met |", "|---|---|---|---|"]
    for metric in results.rounds:
        for goal in metric.goals:
            found = results.verdict(metric, goal)
            unit = "" if goal.peer else f" {metric.unit}"
            shown = ("not measured", "-") if found is None else (_measured(found[0], metric, goal.peer), _yes(found[1]))
            rows.append(f"| {metric.name} | {goal}{unit} | {shown[0]} | {shown[1]} |")
    return "\n".join(rows)


def _measured(figure: float, metric: Metric, peer: str | None) -> str:
    return f"{_figure(figure)}x" if peer else f"{_figure(figure)} {metric.unit}"


def _micro(report: dict[str, object]) -> str:
    """The pytest-benchmark report of ``make bench``: one row a benchmark, rates where a benchmark names its unit."""
    rows = ["| benchmark | median for one | rate | goal | met |", "|---|---|---|---|---|"]
    benchmarks = report["benchmarks"]
    assert isinstance(benchmarks, list)
    for each in benchmarks:
        seconds, extra = each["stats"]["median"], each["extra_info"]
        count, unit, goal = extra.get("count", 1), extra.get("unit", "calls"), extra.get("goal")
        rate = count / seconds
        met = "-" if goal is None else _yes(rate >= goal)
        shown_goal = "-" if goal is None else f"≥ {_rate(goal, unit)}"
        name = each["name"].removeprefix("test_").replace("_", " ")
        rows.append(f"| {name} | {_duration(seconds / count)} | {_rate(rate, unit)} | {shown_goal} | {met} |")
    return "\n".join(rows)


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
