"""In a process that gevent has patched: what works there works, what can't says so at once."""

from __future__ import annotations

import subprocess
import sys

import pytest
from processes import PATIENCE_S

HEAD = """
from gevent import monkey
monkey.patch_all({})
import gevent
import kstore
"""


def run(program: str, patch: str = "") -> str:
    """What a program prints that runs in a process of its own; it must end by itself."""
    command = [sys.executable, "-c", HEAD.format(patch) + program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "use",
    [
        'kstore.Cluster(listen="127.0.0.1:0")',
        "kstore.Producer()",
        'kstore.Consumer("numbers")',
        "kstore.Admin()",
    ],
)
def test_what_needs_real_threads_and_sockets_is_refused_at_once(use) -> None:
    program = f"""
try:
    {use}
except kstore.ConfigError as error:
    print(error)
"""
    said = run(program)
    assert "gevent has patched thread, select, socket, queue" in said
    assert "patch_all(thread=False, select=False, socket=False, queue=False)" in said


def test_what_the_refusal_advises_works() -> None:
    program = """
with kstore.Cluster(listen="127.0.0.1:0") as cluster:
    producer = kstore.Producer(bootstrap_servers=cluster.bootstrap_servers)
    print(producer.send("numbers", b"1").get(timeout=30).offset)
    producer.close()
"""
    assert run(program, "thread=False, select=False, socket=False, queue=False") == "0\n"


@pytest.mark.parametrize("keywords", ["", "seed=1", "data_dir=tempfile.mkdtemp()"])
def test_a_cluster_without_a_listener_works_in_a_patched_process(keywords) -> None:
    program = f"""
import tempfile
with kstore.Cluster({keywords}) as cluster:
    print(cluster.producer().send("numbers", b"1").get(timeout=30).offset)
"""
    assert run(program) == "0\n"


def test_greenlets_of_a_patched_process_share_a_cluster() -> None:
    program = """
with kstore.Cluster() as cluster:
    cluster.create_topic("numbers")
    producer, consumer = cluster.producer(), cluster.consumer("numbers", auto_offset_reset="earliest")
    sending = gevent.spawn_later(0.05, lambda: producer.send("numbers", b"1").get(timeout=30))
    print(len(consumer.poll(30_000)))
    sending.get()
"""
    assert run(program) == "1\n"
