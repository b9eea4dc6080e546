"""Other clients find brokers under the addresses and ids that they are told, wherever they bootstrapped."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

CLIENTS = ["kafka-python", "confluent-kafka", "aiokafka"]
ORDERS = 60
IDS = ("--node-ids", "0,7,1001")


def port_of(bootstrap: str) -> int:
    return int(bootstrap.split(",")[0].rpartition(":")[2])


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("options", [(), ("--advertise", "127.0.0.2")], ids=["localhost", "127.0.0.2"])
def test_a_group_works_on_brokers_that_listen_on_all_addresses(client, options, serve, programs):
    server = serve(*IDS, "--listen", "0.0.0.0:0", *options, "--set", "num.partitions=6")
    host = options[1] if options else "localhost"
    assert [each.rpartition(":")[0] for each in server.bootstrap.split(",")] == [host] * 3
    bootstrap = f"127.0.0.1:{port_of(server.bootstrap)}"
    producer = programs("produce.py", client, bootstrap, "orders", 0, ORDERS)
    assert producer.finish() == 0, producer.errors
    member = programs("member.py", client, bootstrap, "orders", "processors", "A")
    member.wait_for(lambda lines: sum(line.startswith("received") for line in lines) == ORDERS, "all orders")
    assert member.stop() == 0, member.errors
    assert server.stop() == 0, server.errors
    assert ["so clients are told localhost:" in line for line in server.errors] == [True] * (not options)


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat isn't installed")
def test_kcat_is_told_the_addresses_of_the_listener_that_it_came_by(serve):
    server = serve(*IDS, "--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0", "--advertise", "kafka.example:9092")
    assert server.bootstrap == "kafka.example:9092,kafka.example:9093,kafka.example:9094"
    server.wait_for(lambda _: server.errors, "line that says what clients of the second listener are told")
    inner = int(server.errors[0].split(" is every address")[0].rpartition(":")[2])
    listed = subprocess.run(
        ["kcat", "-L", "-J", "-b", f"127.0.0.1:{inner}"], capture_output=True, text=True, check=True, timeout=60
    )
    brokers = json.loads(listed.stdout)["brokers"]
    assert sorted(each["id"] for each in brokers) == [0, 7, 1001]
    assert f"localhost:{inner}" in {each["name"] for each in brokers}
    assert {each["name"].rpartition(":")[0] for each in brokers} == {"localhost"}
