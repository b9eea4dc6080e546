"""Requests that alter one topic's configs again and again, or more of them than there are, hold nobody up."""

from __future__ import annotations

import pytest
from broker.test_connection import Peer
from broker.test_requests_at_the_limits import ask

from actors.cluster import Cluster
from kstore.errors import InvalidConfig, InvalidRequest
from kstore.schema.messages import alter_configs, incremental_alter_configs, list_offsets

TOPIC = "t"


@pytest.fixture
def cluster():
    with Cluster(1, seed=7) as running:
        running.create_topic(TOPIC)
        yield running


def again_and_again(count: int) -> incremental_alter_configs.IncrementalAlterConfigsRequest:
    wish = incremental_alter_configs.AlterableConfig(name="flush.ms", config_operation=0, value="7")
    resource = incremental_alter_configs.AlterConfigsResource(resource_type=2, resource_name=TOPIC, configs=[wish])
    return incremental_alter_configs.IncrementalAlterConfigsRequest(resources=[resource] * count)


@pytest.mark.parametrize("count", [2, 200, 201, 202, 401])
def test_a_topic_whose_configs_a_request_alters_again_and_again_is_refused_each_time(cluster, count):
    answer = ask(Peer(cluster, 1), again_and_again(count), 1)
    assert [each.error_code for each in answer.responses] == [InvalidRequest.code] * count


def test_who_asks_little_is_answered_before_who_alters_one_topic_again_and_again(cluster):
    long, short = Peer(cluster, 1), Peer(cluster, 1)
    rows = cluster.world.recorder.next_sequence
    long.send(long.frame(again_and_again(20_000), 1))
    portions = 20_000 // 200
    cluster.world.driver.drive(lambda: asked_of_the_controller(cluster, rows) > 1, 1)
    partitions = [list_offsets.ListOffsetsPartition(partition_index=0, timestamp=-1)]
    topics = [list_offsets.ListOffsetsTopic(name=TOPIC, partitions=partitions)]
    ask(short, list_offsets.ListOffsetsRequest(replica_id=-1, topics=topics), 1)
    assert asked_of_the_controller(cluster, rows) < portions / 2, "it held the other up"
    long.wait_for_answers(1)
    assert asked_of_the_controller(cluster, rows) == portions


def asked_of_the_controller(cluster: Cluster, since: int) -> int:
    """How many wishes have come to the controller since a row of the trace."""
    found = cluster.world.recorder.recent(cluster.world.recorder.next_sequence - since)
    return sum(row.actor.endswith("/controller") and row.kind == "Decide" for row in found)


@pytest.mark.parametrize("count", [1_000, 1_001])
def test_more_configs_than_there_are_keys_are_refused_unread(cluster, count):
    wishes = [alter_configs.AlterableConfig(name=f"no-{n}", value="1") for n in range(count)]
    resource = alter_configs.AlterConfigsResource(resource_type=2, resource_name=TOPIC, configs=wishes)
    answer = ask(Peer(cluster, 1), alter_configs.AlterConfigsRequest(resources=[resource]), 1)
    why = InvalidConfig.code if count == 1_000 else InvalidRequest.code
    assert [each.error_code for each in answer.responses] == [why]
