"""Ctrl-C ends a program that uses a cluster, wherever it is at that moment, and leaves a clean folder."""

from __future__ import annotations

import signal
import sys

import pytest
from processes import Program

from kstore import Cluster

HEAD = """
import sys
from kstore import Cluster, Consumer, Producer
folder = sys.argv[1]
"""
WITH = {
    "memory": "Cluster()",
    "disk": "Cluster(data_dir=folder)",
    "seeded": "Cluster(seed=1)",
    "listening": 'Cluster(listen="127.0.0.1:0", data_dir=folder)',
}
BUSY = """
with {cluster} as cluster:
    producer = cluster.producer()
    producer.send("numbers", b"1").get()
    print("ready", flush=True)
    while True:
        producer.send("numbers", b"1").get()
"""
WAITING = """
with {cluster} as cluster:
    cluster.create_topic("numbers")
    consumer = cluster.consumer("numbers")
    print("ready", flush=True)
    while True:
        consumer.poll(60_000)
"""
OVER_TCP = """
cluster = Cluster(listen="127.0.0.1:0")
cluster.create_topic("numbers")
consumer = Consumer("numbers", bootstrap_servers=cluster.bootstrap_servers)
producer = Producer(bootstrap_servers=cluster.bootstrap_servers)
producer.send("numbers", b"1").get()
print("ready", flush=True)
while True:
    consumer.poll(60_000)
"""
NOBODY_THERE = """
with Producer(bootstrap_servers="127.0.0.1:1") as producer:
    print("ready", flush=True)
    producer.send("numbers", b"1")
"""
IN_A_CALLBACK = """
import threading
with Cluster() as cluster:
    producer = cluster.producer()
    def stuck(_):
        print("ready", flush=True)
        threading.Event().wait()
    producer.send("numbers", b"1").add_callback(stuck).get()
    producer.flush()
"""


def end_by_ctrl_c(text: str, folder: str) -> None:
    program = Program(sys.executable, "-c", HEAD + text, folder)
    try:
        program.wait_for(lambda lines: lines, "ready line")
        program.process.send_signal(signal.SIGINT)
        assert program.finish() == -signal.SIGINT, program.errors
        assert program.errors[-1] == "KeyboardInterrupt"
    finally:
        program.kill()


@pytest.mark.parametrize("what", [BUSY, WAITING], ids=["busy", "waiting"])
@pytest.mark.parametrize("how", WITH)
def test_ctrl_c_ends_a_program_and_its_cluster_in_order(how, what, tmp_path) -> None:
    end_by_ctrl_c(what.format(cluster=WITH[how]), str(tmp_path))
    if "folder" in WITH[how]:
        with Cluster(data_dir=str(tmp_path)) as cluster:
            assert not cluster.warnings


@pytest.mark.parametrize("what", [OVER_TCP, NOBODY_THERE, IN_A_CALLBACK], ids=["tcp", "nobody there", "callback"])
def test_ctrl_c_ends_clients(what, tmp_path) -> None:
    end_by_ctrl_c(what, str(tmp_path))
