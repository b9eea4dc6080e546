"""Compressed batches that may come to much are appended one a turn of the loop, and keep their order."""

import pytest
from partition.client import Client

from kstore import Cluster
from kstore.records import BatchBuilder
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

PARTITIONS = 20


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_batches_that_may_come_to_much_keep_their_order_among_those_that_may_not(seed: int, codec: str) -> None:
    with Cluster(seed=seed) as cluster:
        cluster.create_topic("t", PARTITIONS)
        with cluster.producer(compression_type=codec, max_request_size=4_000_000) as producer:
            for number in range(200):
                producer.send("t", bytes(300_000 if number % 3 else 1), partition=number % PARTITIONS)
        sizes = {
            number: [len(each.value) for each in cluster.records("t", partition=number)] for number in range(PARTITIONS)
        }
    for number, seen in sizes.items():
        assert seen == [300_000 if each % 3 else 1 for each in range(number, 200, PARTITIONS)]


@pytest.mark.parametrize("codec", [5, 6, 7])
def test_a_codec_that_is_none_is_refused_and_ends_nothing(seed: int, codec: int) -> None:
    builder = BatchBuilder()
    builder.append(0, None, b"x")
    batch = bytearray(builder.build())
    batch[22] |= codec  # the attributes' low bits
    with Cluster(seed=seed) as cluster:
        cluster.create_topic("t")
        part = TopicProduceData(name="t", partition_data=[PartitionProduceData(index=0, records=bytes(batch))])
        answer = Client(cluster).ask(1, ProduceRequest(acks=1, timeout_ms=1000, topic_data=[part]), version=9)
        assert answer.responses[0].partition_responses[0].error_code > 0
