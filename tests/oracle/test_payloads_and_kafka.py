"""A real Kafka is sent every odd compression in a raw Produce request: what it takes is what ``payloads.tsv`` says.

With ``KSTORE_MAKE_GOLDEN=1`` the file is made anew instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from codec.payload_variants import Variant, variants
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from matrix.case import encoded, response_of
from matrix.raw import RawClient, Silence

from bench.peers.kafka import KafkaCluster
from bench.peers.processes import HOST
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

GOLDEN = Path(__file__).parent.parent / "codec/golden/payloads.tsv"
VERSION = 12
TOPIC = "payloads"


@pytest.fixture(scope="module")
def answers(kafka: KafkaCluster) -> dict[str, int]:
    """The error code with which each variant was answered, 0 for those that were taken."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    client = RawClient(HOST, kafka.ports[0])
    try:
        return dict(produced(client))
    finally:
        client.close()


def produced(client: RawClient) -> Iterator[tuple[str, int]]:
    for number, variant in enumerate(variants()):
        client.send(encoded(request(variant), VERSION, number))
        frame = client.receive()
        assert not isinstance(frame, Silence), variant.name
        answer = response_of(ProduceRequest.API_KEY, VERSION, frame)
        yield variant.name, answer.responses[0].partition_responses[0].error_code


def request(variant: Variant) -> ProduceRequest:
    data = PartitionProduceData(index=0, records=variant.batch())
    topic = TopicProduceData(name=TOPIC, partition_data=[data])
    return ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=[topic])


def test_kafka_takes_what_the_golden_file_says(answers: dict[str, int]) -> None:
    found = "".join(f"{name}\t{'taken' if code == 0 else 'refused'}\n" for name, code in answers.items())
    if os.environ.get("KSTORE_MAKE_GOLDEN"):
        GOLDEN.write_text(found)
    assert found == GOLDEN.read_text()
