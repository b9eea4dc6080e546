"""``python -m bench.compiled``: counts, prints as it goes, and writes what each module earns into ``compiled.txt``."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.compiled.listed import ROOT, WIDTH, listed, rewrite
from bench.compiled.loads import BULK_RECORDS, RECORDS

NONE, ALL = "none as Python", "all as Python"
"""Instead of a module's name."""

PATHS = {"record": RECORDS, "bulk": BULK_RECORDS, "tcp": RECORDS}
"""The loads of ``loads.py`` in order, and how many records each takes."""

LEAST = 0.5
"""Per cent of a path's instructions, where two runs don't differ by more; a module that earns less on all is no use."""

Counts = Mapping[str, float]

HEAD = (
    "Python modules that a build compiles as well, because a record passes them on its way: see setup.py.",
    "",
    "Behind each is what it earns, as `make bench-compiled` measured and wrote it: how many more instructions of the",
    "processor a record takes, in per cent, when all others are compiled and this one is not, on three paths: one",
    "record after the other through three replicas in the process; records of 1 kB in batches through one replica,",
    "produced and consumed; and a record produced and fetched over TCP, on the side of a server that keeps it on disk.",
    "A module that earns less than half a per cent on each, or than two runs of the same differ by, earns nothing.",
    "",
)


def library(folder: Path) -> Path:
    """The C library by which a load tells callgrind when to count."""
    built = folder / "counting.so"
    source = Path(__file__).with_name("counting.c")
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", str(source), "-o", str(built)], check=True)
    return built


def counted(source: str, library: Path) -> Counts:
    """Instructions a record on each path, with this module as Python (or none, or all)."""
    as_python = {NONE: [], ALL: listed()}.get(source, [source])
    with tempfile.TemporaryDirectory(prefix="bench-compiled-") as folder:
        out = Path(folder, "counts")
        callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"]
        command = [*callgrind, sys.executable, "-m", "bench.compiled.loads", str(library), *as_python]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        dumps = [file.read_text() for file in Path(folder).iterdir()]
        return {name: instructions(dumps, name) / records for name, records in PATHS.items()}


def instructions(dumps: Sequence[str], name: str) -> int:
    """The sum of the dump that the load of this name asked for."""
    (dump,) = (each for each in dumps if f"desc: Trigger: Client Request: {name}\n" in each)
    found = re.search(r"^totals: (\d+)", dump, re.MULTILINE)
    assert found is not None, "callgrind writes a sum"
    return int(found[1])


def more(counts: Counts, compiled: Counts) -> dict[str, float]:
    """How many more instructions each path takes, in per cent."""
    return {name: 100 * (counts[name] / compiled[name] - 1) for name in PATHS}


def row(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:>11}" for cell in cells)


def render(counts: Counts, compiled: Counts) -> str:
    return row([f"{earned:.1f}" for earned in more(counts, compiled).values()])


def mean(runs: Sequence[Counts]) -> Counts:
    return {name: sum(run[name] for run in runs) / len(runs) for name in PATHS}


def noise(runs: Mapping[str, Sequence[Counts]], name: str) -> float:
    """The most that two runs of the same differ by on a path."""
    return max(max(run[name] for run in each) / min(run[name] for run in each) - 1 for each in runs.values())


def earns_nothing(counts: Counts, compiled: Counts, runs: Mapping[str, Sequence[Counts]]) -> bool:
    return all(earned < max(LEAST, 100 * noise(runs, name)) for name, earned in more(counts, compiled).items())


def measured(sources: Sequence[str], runs: int, jobs: int) -> dict[str, list[Counts]]:
    """The counts of all runs of each, one round of all modules after the other."""
    found: dict[str, list[Counts]] = {source: [] for source in sources}
    with tempfile.TemporaryDirectory(prefix="bench-compiled-") as folder, ThreadPoolExecutor(jobs) as pool:
        built = library(Path(folder))
        order = [source for _ in range(runs) for source in sources]
        for source, counts in zip(order, pool.map(lambda each: counted(each, built), order), strict=True):
            found[source].append(counts)
            print(f"{source:{WIDTH}}    {row([f'{n:,.0f}' for n in counts.values()])}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.compiled", description="What compiled modules earn.")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("modules", nargs="*", help="only these, and nothing is written")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("this needs valgrind, with its headers")
    sources = asked.modules or listed()
    print(f"{'instructions a record':{WIDTH}}    {row(list(PATHS))}", flush=True)
    runs = measured([NONE, *sources, ALL], asked.runs, asked.jobs)
    compiled = mean(runs[NONE])
    earned = {source: render(mean(runs[source]), compiled) for source in sources}
    head = [
        *HEAD,
        f"{'all compiled: instructions a record':{WIDTH}}  {row([f'{count:,.0f}' for count in compiled.values()])}",
        f"{'none compiled: more, %':{WIDTH}}  {render(mean(runs[ALL]), compiled)}",
        f"{'two runs differ by up to, %':{WIDTH}}  {row([f'{100 * noise(runs, name):.1f}' for name in PATHS])}",
        f"{'':{WIDTH}}  {row(list(PATHS))}",
    ]
    print(*(f"{source:{WIDTH}}    {said}" for source, said in earned.items()), *head[-4:], sep="\n")
    poor = [source for source in sources if earns_nothing(mean(runs[source]), compiled, runs)]
    print(f"earn less than {LEAST} %, or than two runs differ by, on every path: {', '.join(poor) or 'none'}")
    if not asked.modules:
        rewrite(head, earned)
    return 0


if __name__ == "__main__":
    sys.exit(main())
