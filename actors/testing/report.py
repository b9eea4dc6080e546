"""What a failing test tells of its clusters: the seed, the command that plays it again, and the end of each trace."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from actors.cluster import Cluster
from actors.runtime.rows import trace_end


def sections(nodeid: str, seed: int | None, clusters: Iterable[Cluster]) -> list[tuple[str, str]]:
    """Sections of a pytest report: a heading and a text each."""
    told = [] if seed is None else [("kstore seed", f"seed {seed}; again: {replay(nodeid, seed)}")]
    return told + [("kstore trace", trace_end(cluster.world.recorder)) for cluster in clusters]


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
