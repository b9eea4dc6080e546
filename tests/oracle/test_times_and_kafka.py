"""Where the newest record is, in logs whose timestamps are none: a real Kafka and kstore say alike."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from matrix.case import encoded, response_of
from matrix.raw import RawClient, Silence
from model.batch_model import ModelBatch, ModelRecord

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster
from bench.peers.processes import HOST
from kstore.errors import NotLeaderOrFollower
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

NOW = 1_700_000_000_000
LOGS: dict[str, list[list[int]]] = {
    "empty": [],
    "none": [[-1, -1, -1]],
    "none-in-two-batches": [[-1, -1], [-1]],
    "before-none": [[-5, -5]],
    "before-none-then-none": [[-5, -5], [-1]],
    "mixed-below-zero": [[-5, -1], [-7]],
    "zero": [[-1, 0, 0], [0]],
    "none-then-some": [[-1], [NOW, NOW + 5, NOW + 5], [-1]],
}


def found_by(port: int) -> dict[str, tuple[int, int, int]]:
    client = RawClient(HOST, port)
    try:
        return dict(told(lambda request, version: asked(client, request, version)))
    finally:
        client.close()


def asked(client: RawClient, request: object, version: int) -> object:
    client.send(encoded(request, version, 1))
    frame = client.receive()
    assert not isinstance(frame, Silence)
    return response_of(request.API_KEY, version, frame)  # type: ignore[attr-defined]


def told(ask: Callable[..., object]):
    for name, batches in LOGS.items():
        for times in batches:
            records = [ModelRecord(i, time, None, b"v" * 5000) for i, time in enumerate(times)]
            part = PartitionProduceData(index=0, records=ModelBatch(records).to_bytes())
            data = [TopicProduceData(name=name, partition_data=[part])]
            answer = ask(ProduceRequest(acks=-1, timeout_ms=30_000, topic_data=data), 12)
            assert answer.responses[0].partition_responses[0].error_code == 0  # type: ignore[attr-defined]
        yield name, newest(ask, name)


def newest(ask: Callable[..., object], name: str) -> tuple[int, int, int]:
    part = ListOffsetsPartition(partition_index=0, timestamp=-3)
    request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=[part])])
    found = ask(request, 7).topics[0].partitions[0]  # type: ignore[attr-defined]
    while found.error_code == NotLeaderOrFollower.code:  # the topic is new
        found = ask(request, 7).topics[0].partitions[0]  # type: ignore[attr-defined]
    return found.error_code, found.timestamp, found.offset


def create(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(name, 1, 1) for name in LOGS]).values():
        future.result(30)


def test_the_newest_record_is_where_kafka_says_it_is(kafka: KafkaCluster) -> None:
    create(kafka.bootstrap)
    kafkas = found_by(kafka.ports[0])
    with Cluster(1, listen=f"{HOST}:0") as cluster:
        create(cluster.bootstrap_servers)
        ours = found_by(int(cluster.bootstrap_servers.rpartition(":")[2]))
    assert ours == kafkas
