"""``kstore serve`` on damaged folders: one line that says how to fix it and exit code 2, or all that was stored."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from present import present

METADATA = "__cluster_metadata-0"
FIRST = "00000000000000000000.log"
RECORDS = 50


@pytest.fixture
def stopped(serve, tmp_path) -> Path:
    """Three nodes' folders after a stop in order; a topic has acknowledged records."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    server = serve()
    admin = AdminClient({"bootstrap.servers": server.bootstrap})
    admin.create_topics([NewTopic("t", 1, 3)])["t"].result(30)
    producer = Producer({"bootstrap.servers": server.bootstrap, "acks": "all"})
    for number in range(RECORDS):
        producer.produce("t", b"%d" % number)
    assert producer.flush(30) == 0
    assert server.stop() == 0
    return tmp_path


def refused(folder: Path) -> str:
    options = ["--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "actors.cli.main", "serve", *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def said(bootstrap: str) -> list[bytes]:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "check", "enable.partition.eof": True})
    consumer.assign([TopicPartition("t", 0, 0)])
    values: list[bytes] = []
    while True:
        message = consumer.poll(30)
        assert message is not None, "the log did not come to its end"
        if message.error():
            consumer.close()
            return values
        values.append(present(message.value()))


def test_a_metadata_log_that_is_garbage_is_refused(stopped):
    (stopped / "node-1" / METADATA / FIRST).write_bytes(b"garbage" * 99)
    line = refused(stopped)
    assert "node-1/__cluster_metadata-0 is damaged at offset 0" in line
    assert "put a copy of" in line


def test_a_lost_first_node_is_refused_and_nothing_of_the_others_is_touched(stopped):
    shutil.rmtree(stopped / "node-1")
    assert "node-1/__cluster_metadata-0 is missing or empty" in refused(stopped)
    assert (stopped / "node-2" / "t-0" / FIRST).stat().st_size > 0


def test_a_lost_log_is_mended_from_another_node_and_said(serve, stopped):
    (stopped / "node-1" / "t-0" / FIRST).unlink()
    server = serve()
    assert said(server.bootstrap) == [b"%d" % number for number in range(RECORDS)]
    assert server.stop() == 0
    (line,) = server.errors
    assert f"node-1/t-0/{FIRST} is gone since" in line
    assert "copied from" in line
