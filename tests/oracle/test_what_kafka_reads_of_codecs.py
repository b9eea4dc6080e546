"""What kstore compresses for a topic's ``compression.type``, Apache Kafka's consumer and tools read."""

import re
from pathlib import Path

import pytest
from confluent_kafka import Producer
from processes import Server

from bench.peers.kafka import tool
from kstore import Admin, NewTopic

CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
DUMP = "org.apache.kafka.tools.DumpLogSegments"
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
COUNT = 200
TOPICS = {
    "uncompressed": {"compression.type": "uncompressed"},
    "gzip": {"compression.type": "gzip"},
    "gzip-9": {"compression.type": "gzip", "compression.gzip.level": "9"},
    "snappy": {"compression.type": "snappy"},
    "lz4": {"compression.type": "lz4"},
    "lz4-1": {"compression.type": "lz4", "compression.lz4.level": "1"},
    "lz4-17": {"compression.type": "lz4", "compression.lz4.level": "17"},
    "zstd": {"compression.type": "zstd", "message.timestamp.type": "LogAppendTime"},
    "zstd-22": {"compression.type": "zstd", "compression.zstd.level": "22"},
    "zstd-fast": {"compression.type": "zstd", "compression.zstd.level": "-100"},
}


def value(number: int) -> str:
    return f"{number} " + " ".join(str(number * each) for each in range(number % 150 + 1)) * (number % 20 + 1)


@pytest.fixture(scope="module")
def folder(kafka_jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a node whose topics were written to under every codec, and read by Kafka's consumer."""
    data = tmp_path_factory.mktemp("data")
    server = Server("--brokers", "1", "--listen", "127.0.0.1:0", "--data-dir", str(data))
    try:
        with Admin(bootstrap_servers=server.bootstrap) as admin:
            admin.create_topics([NewTopic(name, 1, 1, topic_configs=configs) for name, configs in TOPICS.items()])
        for first, codec in enumerate(CODECS):
            config = {"compression.type": codec, "enable.idempotence": True, "linger.ms": 50}
            producer = Producer({"bootstrap.servers": server.bootstrap, **config})
            for number in range(first * COUNT, (first + 1) * COUNT):
                for topic in TOPICS:
                    producer.produce(topic, key=str(number), value=value(number), partition=0, headers={"h": b"x"})
            assert producer.flush(60) == 0
        for topic in TOPICS:
            count = str(COUNT * len(CODECS))
            read = tool(
                CONSUMER, "--bootstrap-server", server.bootstrap, "--topic", topic, "--from-beginning",
                "--max-messages", count, "--timeout-ms", "30000",
            )  # fmt: skip
            assert read.splitlines() == [value(number) for number in range(COUNT * len(CODECS))], topic
    finally:
        server.stop()
    return data / "node-1"


@pytest.mark.parametrize("topic", TOPICS)
def test_kafkas_tool_finds_every_batch_sound_and_under_the_topics_codec(folder: Path, topic: str) -> None:
    printed = tool(DUMP, "--deep-iteration", "--files", folder / f"{topic}-0" / f"{0:020d}.log")
    codec = TOPICS[topic]["compression.type"].replace("uncompressed", "none")
    assert set(re.findall(r"compresscodec: (\w+)", printed)) == {codec}
    assert set(re.findall(r"isvalid: (\w+)", printed)) == {"true"}
    assert re.findall(r"^\| offset: (\d+)", printed, re.M) == [str(offset) for offset in range(COUNT * len(CODECS))]
