"""A failing test's report on its clusters: the seed, the command to replay it, and the end of each trace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from shlex import quote

from actors.cluster import Cluster
from actors.runtime.trace_rows import trace_end


def sections(nodeid: str, seed: int | None, clusters: Iterable[Cluster], folder: str | None) -> list[tuple[str, str]]:
    """Sections of a pytest report: a heading and a text each. With a ``folder`` the traces are kept there whole."""
    told = [] if seed is None else [("kstore seed", f"seed {seed}; again: {replay(nodeid, seed)}")]
    for number, cluster in enumerate(clusters):
        text = trace_end(cluster.world.recorder)
        if folder is not None:
            file = Path(folder) / f"{file_name(nodeid)}{f'-{number}' if number else ''}.ktrace"
            file.parent.mkdir(parents=True, exist_ok=True)
            cluster.trace.save(file)
            text += f"\nall of it: kstore trace {quote(str(file))}"
        told.append((f"kstore trace of {cluster.name}" if cluster.name.startswith("kstore_") else "kstore trace", text))
    return told


def file_name(nodeid: str) -> str:
    """A test's id as the name of a file.

    >>> file_name("tests/test_orders.py::test_all_arrive[seed7]")
    'tests-test_orders.py-test_all_arrive-seed7'
    """
    return re.sub(r"[^\w.]+", "-", nodeid).strip("-")


def replay(nodeid: str, seed: int) -> str:
    """The command that plays a test again with its seed.

    A test that was made for one of several seeds has the seed in its id, and is there only when that is asked for.

    >>> replay("test_orders.py::test_all_arrive[seed7]", 7)
    "pytest 'test_orders.py::test_all_arrive[seed7]' --kstore-seed 7"
    >>> replay("test_orders.py::test_all_arrive", 1)
    'pytest test_orders.py::test_all_arrive'
    """
    asked = f" --kstore-seed {seed}" if f"seed{seed}" in nodeid.rpartition("[")[2].rstrip("]").split("-") else ""
    return f"pytest {quote(nodeid)}{asked}"
