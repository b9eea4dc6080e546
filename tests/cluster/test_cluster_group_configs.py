"""Configs of single groups (ConfigResource GROUP): living members follow them, and restarts keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cluster.members import coordinator
from cluster.speaking import BROKER, Speaker

from actors.config.resource_type import ResourceType
from kstore.errors import InvalidConfig, UnknownMemberId
from kstore.schema.messages.consumer_group_heartbeat import (
    ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
)
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)

GROUP, OTHER = "g", "others"


def beat(client: Speaker, epoch: int, group: str = GROUP, **fields: Any) -> ConsumerGroupHeartbeatResponse:
    request = ConsumerGroupHeartbeatRequest(group_id=group, member_id="A", member_epoch=epoch, **fields)
    answer = client.ask(coordinator(client, group), request, version=1)
    assert isinstance(answer, ConsumerGroupHeartbeatResponse)
    return answer


def join(client: Speaker, group: str = GROUP) -> ConsumerGroupHeartbeatResponse:
    for _ in range(100):
        answer = beat(client, 0, group, topic_partitions=[], rebalance_timeout_ms=30_000, subscribed_topic_names=["t"])
        if answer.error_code == 0:
            return answer
        client.run(0.1)
    raise AssertionError(answer)


def begin(start: Any, **how: Any) -> Speaker:
    client: Speaker = start(**how)
    client.create("t", partitions=2)
    return client


def test_a_living_member_follows_its_groups_configs_and_other_groups_dont(start: Any) -> None:
    client = begin(start)
    assert (join(client).heartbeat_interval_ms, join(client, OTHER).heartbeat_interval_ms) == (5_000, 5_000)
    client.set_config(
        GROUP, ResourceType.GROUP, consumer_heartbeat_interval_ms="9000", consumer_session_timeout_ms="60000"
    )
    answers = beat(client, 2), beat(client, 2, OTHER)
    assert [answer.heartbeat_interval_ms for answer in answers] == [9_000, 5_000]
    client.run(55)
    assert beat(client, 2).error_code == 0, "its session is a minute now"
    assert beat(client, 2, OTHER).error_code == UnknownMemberId.code


def test_a_value_beyond_the_brokers_bounds_is_refused_in_kafkas_words(start: Any) -> None:
    client = begin(start)
    resource = AlterConfigsResource(
        resource_type=ResourceType.GROUP,
        resource_name=GROUP,
        configs=[AlterableConfig(name="consumer.session.timeout.ms", config_operation=0, value="70000")],
    )
    (answer,) = client.ask(1, IncrementalAlterConfigsRequest(resources=[resource])).responses
    assert answer.error_code == InvalidConfig.code
    assert answer.error_message == "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."


def test_configs_of_groups_are_read_back_and_count_after_a_restart(start: Any, tmp_path: Path) -> None:
    client = begin(start, data_dir=str(tmp_path))
    client.set_config(GROUP, ResourceType.GROUP, consumer_heartbeat_interval_ms="9000")
    assert join(client).heartbeat_interval_ms == 9_000
    client.cluster.close()
    again = start(data_dir=str(tmp_path), config={"group.consumer.max.heartbeat.interval.ms": "8000"})
    again.wait_for_leader("t")
    assert join(again).heartbeat_interval_ms == 8_000, "a value that the brokers don't allow any more is their nearest"


def test_a_changed_assignment_interval_of_all_brokers_counts_at_once(start: Any) -> None:
    client = begin(start)
    join(client)
    client.set_config("", BROKER, group_consumer_assignment_interval_ms="0")
    fields: dict[str, Any] = {"topic_partitions": [], "rebalance_timeout_ms": 30_000, "subscribed_topic_names": ["t"]}
    request = ConsumerGroupHeartbeatRequest(group_id=GROUP, member_id="B", member_epoch=0, **fields)
    assert client.ask(coordinator(client, GROUP), request, version=1).member_epoch == 3
