"""The two Kafkas: one node each, in a process of its own, with nothing set but a port."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from processes import Server

from bench.peers import kafka

NAMES = ("kstore", "kafka")
RELEASES = {"kstore": version("kstore"), "kafka": kafka.VERSION}


@contextlib.contextmanager
def started(name: str) -> Iterator[tuple[str, float]]:
    """Its address, and the seconds from its start until it listened."""
    since = time.monotonic()
    if name == "kstore":
        server = Server("--listen", "127.0.0.1:0")
        try:
            yield server.bootstrap, time.monotonic() - since
        finally:
            server.stop()
    else:
        with tempfile.TemporaryDirectory(prefix="frameworks-") as folder, kafka.running(Path(folder)) as cluster:
            yield cluster.bootstrap, time.monotonic() - since
