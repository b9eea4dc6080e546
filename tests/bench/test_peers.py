"""The benchmarks go on whatever their peers do: a slow stop, a start that fails, jars of another version."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from waiting import wait_until

from bench.peers import __main__ as program
from bench.peers import kafka, processes
from bench.peers.cases import START
from bench.peers.processes import Process, ServerFailed, stop_all
from bench.peers.servers import OneProcess

STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);\nwhile True: signal.pause()"
)
POLITE = "import signal; print('up', flush=True); signal.pause()"


def started(folder: Path, program: str, name: str = "peer") -> Process:
    process = Process([sys.executable, "-c", program], folder / f"{name}.out")
    wait_until(lambda: "up" in process.tail(), what="the peer to be up")
    return process


def is_gone(process: Process) -> bool:
    return process._child.returncode is not None


def test_a_peer_that_does_not_stop_is_killed_and_named(tmp_path, capsys) -> None:
    process = started(tmp_path, STUBBORN)
    assert not process.stop(grace_s=0.05)
    assert is_gone(process)
    assert f"(process {process.pid}) had not stopped after 0.05 s and was killed" in capsys.readouterr().err


def test_a_peer_that_stops_when_it_is_asked_is_not_killed(tmp_path, capsys) -> None:
    process = started(tmp_path, POLITE)
    assert process.stop()
    assert capsys.readouterr().err == ""


def test_who_is_in_a_hurry_leaves_no_peer_running(tmp_path, monkeypatch) -> None:
    process = started(tmp_path, STUBBORN)

    def interrupted(timeout: float | None = None) -> int:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(process._child, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        process.stop()
    assert is_gone(process)


def test_all_nodes_of_a_peer_are_gone_though_one_is_slow(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.05)
    nodes = [started(tmp_path, each, f"node-{number}") for number, each in enumerate([POLITE, STUBBORN, POLITE])]
    listed = list(nodes)
    stop_all(listed)
    assert not listed
    assert all(map(is_gone, nodes))


class Stubborn(OneProcess):
    """A server that never stops by itself."""

    name = "stubborn"
    replication_factor = 1

    def prepare(self) -> str:
        return "1"

    def command(self) -> list[str | Path]:
        return [sys.executable, "-c", STUBBORN]


class Missing(Stubborn):
    """A server that this machine can't have."""

    name = "missing"

    def prepare(self) -> str:
        raise subprocess.CalledProcessError(1, ["mvn"])


class Broken(Stubborn):
    """A server that doesn't come up."""

    name = "broken"

    def wait(self) -> None:
        raise ServerFailed("nobody listens on port 9092 after 60 s")


class Listening(Stubborn):
    """A server that comes up."""

    name = "listening"

    def wait(self) -> None:
        """It listens as soon as it is started."""


def test_a_run_of_the_benchmarks_goes_on_when_a_peer_does_not_stop_or_start(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT_S", 0.05)
    monkeypatch.setattr(program, "SETTLE_S", 0)
    measured: list[tuple[str, str]] = []

    class Run(program.Run):
        def measure(self, case, server) -> None:
            if case is START:
                server.launch()
            measured.append((case.name, server.name))

    run = Run([], tmp_path, rounds=1)
    run.kinds = [Stubborn, Missing, Broken, Listening]
    run.results.servers = [kind.name for kind in run.kinds]
    run.starts()
    assert [name for _, name in measured] == ["stubborn", "broken", "listening"]
    measured.clear()
    run.kinds = run.kinds[1:]
    run.loads([])
    assert measured == [("warm-up", "listening")]
    assert [failure.split(":")[0] for failure in run.results.failures] == [
        "made ready, missing",
        "made ready, missing",
        "start, broken",
    ]


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "kstore-peers" / "kafka"
    folder.mkdir(parents=True)
    return folder


def fetched_by(monkeypatch, jars: list[str], fails: bool = False) -> list[list[str]]:
    """Has Maven bring these; the commands that it was given."""
    commands: list[list[str]] = []

    def run(command, **_) -> None:
        commands.append(command)
        output = Path(command[-1].partition("=")[2])
        output.mkdir()
        for jar in jars:
            (output / jar).touch()
        if fails:
            raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(kafka.subprocess, "run", run)
    return commands


def test_each_version_of_the_jars_has_a_folder_of_its_own(cache, monkeypatch) -> None:
    for mixed in (cache / "libs", cache / "libs-4.0.0"):
        mixed.mkdir()
        (mixed / f"kafka_2.13-{kafka.VERSION}.jar").touch()
        (mixed / "kafka_2.13-4.0.0.jar").touch()
    commands = fetched_by(monkeypatch, [f"kafka_2.13-{kafka.VERSION}.jar", "slf4j-api.jar"])
    assert kafka.libs() == cache / f"libs-{kafka.VERSION}"
    assert sorted(each.name for each in kafka.libs().iterdir()) == [f"kafka_2.13-{kafka.VERSION}.jar", "slf4j-api.jar"]
    assert len(commands) == 1, "what is there isn't fetched again"


def test_a_fetch_that_was_cut_off_counts_for_nothing(cache, monkeypatch) -> None:
    fetched_by(monkeypatch, [f"kafka_2.13-{kafka.VERSION}.jar"], fails=True)
    with pytest.raises(subprocess.CalledProcessError):
        kafka.libs()
    assert list(cache.iterdir()) == []
    (cache / f"libs-{kafka.VERSION}").mkdir()
    fetched_by(monkeypatch, [f"kafka_2.13-{kafka.VERSION}.jar", "slf4j-api.jar"])
    assert len(list(kafka.libs().iterdir())) == 2


def test_maven_is_needed_only_to_fetch_the_jars(cache, monkeypatch) -> None:
    monkeypatch.setattr(kafka.shutil, "which", lambda command: command if command == "java" else None)
    assert kafka.missing() == "Apache Kafka needs mvn on the path"
    folder = cache / f"libs-{kafka.VERSION}"
    folder.mkdir()
    (folder / f"kafka_2.13-{kafka.VERSION}.jar").touch()
    assert kafka.missing() is None
