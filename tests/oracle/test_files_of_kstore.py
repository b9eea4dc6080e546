"""What kstore writes to disk, Apache Kafka's own tools read, and Apache Kafka itself starts on and goes on with."""

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from present import present
from waiting import wait_until

from bench.peers.kafka import running_on, tool
from bench.peers.processes import HOST, free_ports
from kstore import Admin, OffsetSpec, TopicPartition

COUNT = 600
DUMP = "org.apache.kafka.tools.DumpLogSegments"
KSTORE = Path(sys.executable).parent / "kstore"
COMPRESSIONS = ["none", "gzip", "snappy", "lz4", "zstd"]


@contextlib.contextmanager
def kstore(data: Path, brokers: int) -> Iterator[str]:
    """A server on that folder; its addresses. It is asked to stop at the end, and must."""
    port = free_ports(brokers)
    listen = f"{HOST}:{port}"
    serve = [str(KSTORE), "serve", "--brokers", str(brokers), "--listen", listen, "--data-dir", str(data)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            assert "ready" in server.stdout.readline()
            yield ",".join(f"{HOST}:{port + i}" for i in range(brokers))
        finally:
            server.send_signal(signal.SIGTERM)
            _, complaints = server.communicate(timeout=30)
        assert (server.returncode, complaints) == (0, "")


def produce(bootstrap: str, topic: str, first: int, count: int, **config: object) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5, **config})
    for i in range(first, first + count):
        producer.produce(topic, key=f"key-{i}", value=f"value-{i}" * 20, partition=0, headers={"number": str(i)})
    assert producer.flush(60) == 0


def create(bootstrap: str, topic: str, partitions: int, replicas: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})  # held until the answer is there
    admin.create_topics([NewTopic(topic, partitions, replicas)])[topic].result(30)


def consume(bootstrap: str, topic: str, group: str, count: int) -> list[tuple[int, bytes]]:
    """Read that many records in a group, from its committed offset on, and commit."""
    config = {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
    consumer = Consumer({**config, "enable.auto.commit": False})
    consumer.subscribe([topic])
    records: list[tuple[int, bytes]] = []

    def enough() -> bool:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            records.append((present(message.offset()), present(message.key())))
        return len(records) == count

    wait_until(enough, what=f"{count} records of {topic}", timeout_s=60)
    consumer.commit(asynchronous=False)
    consumer.close()
    return records


def expected(first: int, count: int) -> list[tuple[int, bytes]]:
    return [(i, b"key-%d" % i) for i in range(first, first + count)]


def test_kafkas_tool_finds_every_batch_valid_in_every_replica(kafka_jars: Path, tmp_path: Path) -> None:
    with kstore(tmp_path, brokers=3) as bootstrap:
        for compression in COMPRESSIONS:
            create(bootstrap, compression, partitions=1, replicas=3)
            produce(bootstrap, compression, 0, COUNT, **{"compression.type": compression, "enable.idempotence": True})
    for compression in COMPRESSIONS:
        folders = [tmp_path / f"node-{node}" / f"{compression}-0" for node in (1, 2, 3)]
        logs = [folder / f"{0:020d}.log" for folder in folders]
        assert len({log.read_bytes() for log in logs}) == 1
        printed = tool(DUMP, "--deep-iteration", "--files", logs[0])
        assert set(re.findall(r"isvalid: (\w+)", printed)) == {"true"}
        assert re.findall(r"^\| offset: (\d+)", printed, re.M) == [str(i) for i in range(COUNT)]
        assert set(re.findall(r"compresscodec: (\w+)", printed)) == {compression}


def test_kafkas_tool_finds_the_indexes_sane(kafka_jars: Path, tmp_path: Path) -> None:
    with kstore(tmp_path, brokers=1) as bootstrap:
        create(bootstrap, "indexed", partitions=1, replicas=1)
        produce(bootstrap, "indexed", 0, 20_000, **{"batch.num.messages": 50})
    folder = tmp_path / "node-1" / "indexed-0"
    for kind in ("index", "timeindex"):
        printed = tool(DUMP, "--index-sanity-check", "--files", folder / f"{0:020d}.{kind}")
        assert "passed sanity check" in printed
        entries = tool(DUMP, "--files", folder / f"{0:020d}.{kind}")
        assert "mismatch" not in entries.lower()
        assert entries.count("offset:") > 10


def test_kafkas_tool_reads_the_metadata_log(kafka_jars: Path, tmp_path: Path) -> None:
    with kstore(tmp_path, brokers=3) as bootstrap:
        create(bootstrap, "orders", partitions=2, replicas=3)
    log = tmp_path / "node-1" / "__cluster_metadata-0" / f"{0:020d}.log"
    printed = tool(DUMP, "--cluster-metadata-decoder", "--files", log)
    records = [json.loads(payload) for payload in re.findall(r"payload: (\{.*\})$", printed, re.M)]
    types = [record["type"] for record in records]
    assert types.count("REGISTER_BROKER_RECORD") == 3
    assert types.count("PARTITION_RECORD") == 2
    assert [record["data"]["name"] for record in records if record["type"] == "TOPIC_RECORD"] == ["orders"]
    assert "LeaderChange:" in printed


@pytest.mark.parametrize("brokers", [1, 3])
def test_kafka_goes_on_where_kstore_stopped_and_kstore_where_kafka_did(
    kafka_jars: Path, tmp_path: Path, brokers: int
) -> None:
    data = tmp_path / "data"
    with kstore(data, brokers) as bootstrap:
        create(bootstrap, "orders", partitions=1, replicas=brokers)
        produce(bootstrap, "orders", 0, COUNT, **{"enable.idempotence": True})
        assert consume(bootstrap, "orders", "readers", 100) == expected(0, 100)
    with running_on(data, tmp_path / "kafka", brokers, voters=1) as cluster:
        assert consume(cluster.bootstrap, "orders", "readers", COUNT - 100) == expected(100, COUNT - 100)
        produce(cluster.bootstrap, "orders", COUNT, COUNT, **{"compression.type": "zstd"})
    with kstore(data, brokers) as bootstrap:
        assert consume(bootstrap, "orders", "readers", COUNT) == expected(COUNT, COUNT)
        produce(bootstrap, "orders", 2 * COUNT, 1)
        assert consume(bootstrap, "orders", "from the start", 2 * COUNT + 1) == expected(0, 2 * COUNT + 1)


def test_where_a_log_begins_is_told_from_kstore_to_kafka_and_back(kafka_jars: Path, tmp_path: Path) -> None:
    data, place = tmp_path / "data", TopicPartition("orders", 0)

    def begin(bootstrap: str) -> int:
        with Admin(bootstrap_servers=bootstrap) as admin:
            return admin.list_partition_offsets({place: OffsetSpec.EARLIEST})[place].offset

    def delete(bootstrap: str, offset: int) -> None:
        with Admin(bootstrap_servers=bootstrap) as admin:
            assert admin.delete_records({place: offset})[place].low_watermark == offset

    with kstore(data, 1) as bootstrap:
        create(bootstrap, "orders", partitions=1, replicas=1)
        produce(bootstrap, "orders", 0, COUNT)
        delete(bootstrap, 123)
    with running_on(data, tmp_path / "kafka", 1, voters=1) as cluster:
        assert begin(cluster.bootstrap) == 123
        assert consume(cluster.bootstrap, "orders", "readers", 100) == expected(123, 100)
        delete(cluster.bootstrap, 234)
    with kstore(data, 1) as bootstrap:
        assert begin(bootstrap) == 234
        assert consume(bootstrap, "orders", "from the start", COUNT - 234) == expected(234, COUNT - 234)
