"""``kstore graduate`` and ``kstore adopt`` that refuse: one line, and the exit code of a wrong call."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import Commands

from kstore import Cluster


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a stopped cluster of three, and one that isn't empty."""
    folder = tmp_path_factory.mktemp("moving")
    with Cluster(3, data_dir=str(folder / "data")) as cluster:
        cluster.create_topic("orders", replication_factor=3)
    Cluster(1, data_dir=str(folder / "other")).close()
    (folder / "full").mkdir()
    (folder / "full" / "mine").write_text("mine")
    return folder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("graduate nowhere --to x", "nowhere has no node-1"),
        ("graduate data --to full", "isn't an empty folder"),
        ("graduate data --to x --voters 4", "4 voters of 3 nodes"),
        ("graduate data --to x --hosts a,b", "2 hosts for 3 nodes"),
        ("adopt nowhere --to x", "is no log directory"),
        ("adopt data/node-1 --to full", "isn't an empty folder"),
        ("adopt data/node-1 other/node-1 --to x", "is of the cluster"),
        ("adopt data/node-1 data/node-1 --to x", "in use by another process"),
    ],
)
def test_a_refusal_is_one_line(commands: Commands, place: Path, line: str, said: str) -> None:
    done = commands.run(*line.split(), env=dict(os.environ), cwd=place)
    error = done.stderr.decode()
    assert (done.returncode, done.stdout, error.count("\n")) == (2, b"", 1), error
    assert error.startswith("kstore: ")
    assert said in error
    assert not (place / "x").exists()


@pytest.mark.parametrize("line", ["graduate data --to x", "adopt data/node-1 --to x"])
def test_a_cluster_that_runs_is_refused_in_one_line(commands: Commands, tmp_path: Path, line: str) -> None:
    with Cluster(1, data_dir=str(tmp_path / "data")):
        done = commands.run(*line.split(), env=dict(os.environ), cwd=tmp_path)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1), done.stderr
    assert b"in use by another process" in done.stderr
