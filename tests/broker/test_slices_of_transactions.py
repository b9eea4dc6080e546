"""Requests about the transactions of thousands of partitions hold nobody up."""

from __future__ import annotations

import pytest
from broker.test_connection import Peer
from broker.test_requests_at_the_limits import ask

from actors.cluster import Cluster
from kstore.errors import UnknownTopicOrPartition
from kstore.schema.messages import describe_producers, list_offsets, write_txn_markers

TOPIC = "t"
NUMBERS = range(4_000)

LONG = {
    "describe producers": describe_producers.DescribeProducersRequest(
        topics=[describe_producers.TopicRequest(name=TOPIC, partition_indexes=list(NUMBERS))]
    ),
    "write markers": write_txn_markers.WriteTxnMarkersRequest(
        markers=[
            write_txn_markers.WritableTxnMarker(
                topics=[write_txn_markers.WritableTxnMarkerTopic(name=TOPIC, partition_indexes=list(NUMBERS))]
            )
        ]
    ),
}


@pytest.mark.parametrize("name", LONG)
def test_who_asks_little_is_answered_before_who_asks_of_many_partitions(name: str) -> None:
    with Cluster(1, seed=7) as cluster:
        cluster.create_topic(TOPIC, partitions=1)
        long, short = Peer(cluster, 1), Peer(cluster, 1)
        begun = cluster.world.recorder.next_sequence
        request = LONG[name]
        long.send(long.frame(request, request.VERSIONS[1]))
        cluster.world.driver.drive(lambda: cluster.world.recorder.next_sequence > begun + 1, 1)
        assert not long.channel.answered, "it was done in its first turn"
        partitions = [list_offsets.ListOffsetsPartition(partition_index=0, timestamp=-1)]
        topics = [list_offsets.ListOffsetsTopic(name=TOPIC, partitions=partitions)]
        ask(short, list_offsets.ListOffsetsRequest(replica_id=-1, topics=topics), 1)
        assert not long.channel.answered, "it held the other up"
        long.wait_for_answers(1)


def test_each_partition_of_a_long_description_is_answered() -> None:
    with Cluster(1, seed=7) as cluster:
        cluster.create_topic(TOPIC, partitions=1)
        (topic,) = ask(Peer(cluster, 1), LONG["describe producers"], 0).topics
        codes = [each.error_code for each in topic.partitions]
        assert codes == [0] + [UnknownTopicOrPartition.code] * (len(NUMBERS) - 1)
