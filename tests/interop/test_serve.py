"""``kstore serve`` as a process: its ready line, its ends, what it refuses, and what a SIGKILL leaves."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter

import pytest
from processes import Program

STUCK_START = """
import sys, threading
from actors.cli.main import main
from actors.cluster import Cluster
Cluster.start = lambda self: print("starting", flush=True) or threading.Event().wait()
sys.exit(main(["serve", "--listen", "127.0.0.1:0"]))
"""


def refused(*options: str) -> str:
    """Run a server that must not start; returns its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "actors.cli.main", "serve", *options], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_one_line_says_that_it_is_ready_and_names_the_three_addresses(serve):
    server = serve()
    assert len(server.lines) == 1
    addresses = server.bootstrap.split(",")
    assert len(addresses) == 3
    for address in addresses:
        host, port = address.split(":")
        socket.create_connection((host, int(port)), timeout=10).close()


@pytest.mark.parametrize("signal_number", [2, 15], ids=["Ctrl-C", "SIGTERM"])
def test_it_stops_in_order_and_says_nothing(serve, signal_number):
    server = serve()
    server.process.send_signal(signal_number)
    assert server.finish() == 0
    assert server.errors == []


@pytest.mark.parametrize("signal_number", [2, 15], ids=["Ctrl-C", "SIGTERM"])
def test_a_start_that_takes_long_is_ended_at_once_and_says_nothing(signal_number):
    stuck = Program(sys.executable, "-c", STUCK_START)
    stuck.wait_for(lambda lines: lines == ["starting"], "line")
    stuck.process.send_signal(signal_number)
    assert stuck.finish() == 0
    assert stuck.errors == []


def test_one_broker_is_not_called_brokers_and_ipv6_is_written_in_brackets(serve):
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 on this machine")
    server = serve("--listen", "[::1]:0")
    host, _, port = server.bootstrap.rpartition(":")
    assert server.lines == [f"kstore: 1 broker ready on [::1]:{port}"]
    assert host == "[::1]"
    socket.create_connection(("::1", int(port)), timeout=10).close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--brokers", "3", "--listen", "127.0.0.1:65534"], ["65536", "choose another --listen"]),
        (["--listen", "127.0.0.1:0", "--advertise", "0.0.0.0:9092"], ["--advertise takes host:port", "0.0.0.0"]),
        (["--listen", "127.0.0.1:0", "--advertise", "[::]:9092"], ["--advertise takes host:port", "::"]),
        (["--listen", "127.0.0.1"], ["--listen takes host:port"]),
        (["--brokers", "0"], ["--brokers", "at least 1"]),
    ],
    ids=["past the last port", "every IPv4 address is told", "every IPv6 address is told", "no port", "no broker"],
)
def test_an_address_that_cannot_be_is_refused_by_a_line_that_names_the_mend(options, words):
    line = refused(*options)
    for word in words:
        assert word in line


def test_a_second_server_on_the_folder_is_refused_and_the_first_lives_on(serve, tmp_path):
    server = serve()
    line = refused("--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    assert "in use by another process" in line
    assert server.stop() == 0


def test_a_taken_port_is_refused_by_its_address(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused("--listen", f"127.0.0.1:{port}", "--data-dir", str(tmp_path))
    assert f"127.0.0.1:{port}" in line
    assert "choose another --listen" in line
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    line = refused("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "file"))
    assert "choose a --data-dir" in line
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("num.partition=3", ["num.partition", "num.partitions"]),
        (
            "ssl.keystore.location=/keys",
            ["ssl.keystore.location", "security isn't implemented yet", "leave it out or fix it; kstore help configs"],
        ),
        ("log.dirs=/data", ["log.dirs", "use --data-dir"]),
        ("replica.lag.time.max.ms=100", ["replica.fetch.wait.max.ms should always be less than or equal to"]),
        ("num.partitions=many", ["num.partitions", "many"]),
        ("num.partitions", ["key=value"]),
    ],
    ids=["unknown", "a promise", "an identity", "a contradiction", "wrong value", "no value"],
)
def test_a_wrong_setting_is_refused_by_a_line_that_names_the_mend(setting, words, tmp_path):
    line = refused("--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "data"), "--set", setting)
    for word in words:
        assert word in line
    assert not (tmp_path / "data").exists()


def test_after_sigkill_every_acknowledged_record_is_there_once(serve, tmp_path):
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    acknowledged: list[bytes] = []
    sent = 0
    for _ in range(3):
        server = serve("--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
        if not sent:
            admin = AdminClient({"bootstrap.servers": server.bootstrap})
            admin.create_topics([NewTopic("orders", 2, 3)])["orders"].result(30)
        producer = Producer({"bootstrap.servers": server.bootstrap, "enable.idempotence": True, "linger.ms": 1})

        def report(error, message):
            if error is None:
                acknowledged.append(message.value())

        target = len(acknowledged) + 2000
        while len(acknowledged) < target:
            producer.produce("orders", value=b"%d" % sent, on_delivery=report)
            sent += 1
            producer.poll(0)
            if sent % 500 == 0:
                producer.poll(0.05)
        server.kill()
        producer.purge()
        producer.poll(0)

    server = serve("--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path))
    consumer = Consumer(
        {
            "bootstrap.servers": server.bootstrap,
            "group.id": "check",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition("orders", p, 0) for p in range(2)])
    found: Counter[bytes] = Counter()
    ends = 0
    while ends < 2:
        message = consumer.poll(30)
        assert message is not None, "the log did not come to its end"
        if message.error():
            ends += 1
        else:
            value = message.value()
            assert value is not None
            found[value] += 1
    consumer.close()
    assert set(acknowledged) <= set(found)
    assert max(found.values()) == 1
    assert server.stop() == 0
