"""The command as its users run it: a process, its streams and its exit code, beside a server of the session's own."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from commands import Commands
from processes import Server

COMMAND = str(Path(sys.executable).with_name("kstore"))
_numbers = itertools.count(1)

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Where a ``kstore serve`` of three brokers listens."""
    server = Server("--brokers", "3", "--listen", "127.0.0.1:0")
    yield server.bootstrap
    server.kill()


@pytest.fixture(scope="session")
def real_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real Apache Kafka of one node listens."""
    from bench.peers import kafka

    if lacking := kafka.missing():
        pytest.fail(lacking)
    with kafka.running(tmp_path_factory.mktemp("kafka"), config={"group.initial.rebalance.delay.ms": "0"}) as running:
        yield running.bootstrap


@pytest.fixture(params=["serve", pytest.param("kafka", marks=pytest.mark.oracle)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """A Kafka: ours, and the real one with ``make test-oracle``."""
    return str(request.getfixturevalue("served" if request.param == "serve" else "real_kafka"))


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """What runs ``kstore`` without its start."""
    found = Commands()
    yield found
    found.close()


@pytest.fixture
def environment(bootstrap: str) -> dict[str, str]:
    """What a user's shell has, with kstore on its path and the Kafka to talk to."""
    path = os.pathsep.join((str(Path(COMMAND).parent), os.environ["PATH"]))
    return {**os.environ, "PATH": path, "KSTORE_BOOTSTRAP": bootstrap}


@pytest.fixture
def kstore(environment: dict[str, str], commands: Commands, tmp_path: Path) -> Run:
    """Run ``kstore`` with these words to its end, in a folder of the test's own."""

    def run(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return commands.run(*words, stdin=stdin, env=environment, cwd=tmp_path)

    return run


@pytest.fixture
def ok(kstore: Run) -> Callable[..., bytes]:
    """Run ``kstore``, which must end with 0 and say nothing on stderr; what it printed."""

    def run(*words: str, stdin: bytes = b"") -> bytes:
        done = kstore(*words, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout

    return run


@pytest.fixture
def topic(ok: Callable[..., bytes]) -> str:
    """A topic of the test's own, with one partition."""
    name = f"cli-{os.getpid()}-{next(_numbers)}"
    ok("topics", "create", name, "--partitions", "1")
    return name


@pytest.fixture
def group() -> str:
    """A group's name of the test's own."""
    return f"cli-group-{os.getpid()}-{next(_numbers)}"
