"""Which protocols of groups a cluster serves: what ``group.version`` and brokers' configs say, and what clients see."""

from __future__ import annotations

from typing import Any

import pytest

from kstore import Admin, Cluster
from kstore.errors import UnsupportedVersion
from kstore.schema.messages.api_versions import ApiVersionsRequest
from kstore.schema.messages.consumer_group_describe import ConsumerGroupDescribeRequest
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest

OFF = {"group.coordinator.rebalance.protocols": "classic"}


def set_level(admin: Admin, cluster: Cluster, level: int) -> None:
    admin.update_features({"group.version": ("UPGRADE" if level else "SAFE_DOWNGRADE", level)})
    cluster.wait_for(lambda: cluster.nodes[1].view.image.features.get("group.version", 0) == level)


def polled(cluster: Cluster) -> None:
    with cluster.consumer("orders", group_id="g", group_protocol="consumer") as consumer:
        cluster.wait_for(lambda: consumer.poll(0) is not None or bool(consumer.assignment()))


def test_the_requests_of_the_consumer_protocol_are_refused_where_it_is_not_configured(start: Any) -> None:
    client = start(1, config=OFF)
    beat = ConsumerGroupHeartbeatRequest(group_id="g", member_id="m", member_epoch=0)
    answer = client.ask(1, beat, version=1)
    assert (answer.error_code, answer.error_message) == (UnsupportedVersion.code, None)
    groups = client.ask(1, ConsumerGroupDescribeRequest(group_ids=["g", "x"]), version=1).groups
    assert [(each.group_id, each.error_code, each.error_message) for each in groups] == [
        ("g", UnsupportedVersion.code, None),
        ("x", UnsupportedVersion.code, None),
    ]
    asked = ApiVersionsRequest(client_software_name="a", client_software_version="1")
    keys = {each.api_key for each in client.ask(1, asked, version=4).api_keys}
    assert {68, 69} <= keys, "Kafka tells them as well"


def test_the_protocol_is_switched_off_and_on_for_the_cluster_while_groups_stay() -> None:
    with Cluster() as cluster, cluster.admin() as admin:
        cluster.create_topic("orders")
        assert admin.describe_features().finalized_features["group.version"] == (1, 1)
        polled(cluster)
        set_level(admin, cluster, 0)
        assert "group.version" not in admin.describe_features().finalized_features
        with pytest.raises(UnsupportedVersion):
            polled(cluster)
        assert [each.group_id for each in admin.list_groups()] == ["g"]
        set_level(admin, cluster, 1)
        polled(cluster)


def test_a_consumer_says_at_once_that_the_brokers_lack_its_protocol() -> None:
    with Cluster(config=OFF) as cluster:
        cluster.create_topic("orders")
        with pytest.raises(UnsupportedVersion, match="group_protocol"):
            polled(cluster)
