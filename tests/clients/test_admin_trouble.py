"""Admins in trouble, on virtual time: brokers that die, are unreachable or refuse; calls that end in time."""

from collections.abc import Iterator

import pytest

from actors.clients.errors import ClientClosed, KafkaTimeout, SeveralFailed
from kstore import Admin, Cluster, ConfigResource, NewTopic, OffsetSpec, TopicPartition
from kstore.errors import (
    CoordinatorLoadInProgress,
    InvalidTopic,
    KafkaError,
    NotController,
    NotLeaderOrFollower,
    RequestTimedOut,
    TopicAlreadyExists,
)
from kstore.errors.config import ConfigError

PLACE = TopicPartition("t", 0)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(3, seed=11) as found:
        found.create_topic("t", partitions=1, replication_factor=3)
        yield found


@pytest.fixture
def admin(cluster: Cluster) -> Admin:
    return cluster.admin()


def test_a_leader_that_dies_is_asked_for_at_the_next(cluster: Cluster, admin: Admin) -> None:
    if cluster.leader("t", 0) == 1:  # the controller's, which nobody replaces yet
        cluster.faults.kill(1)
        cluster.faults.restart(1)
        cluster.wait_for(lambda: cluster.leader("t", 0) != 1)
    admin.list_partition_offsets({PLACE: OffsetSpec.LATEST})
    before = cluster.leader("t", 0)
    cluster.faults.kill(before)
    assert admin.list_partition_offsets({PLACE: OffsetSpec.LATEST})[PLACE].offset == 0
    assert cluster.leader("t", 0) != before


def test_a_coordinator_that_dies_is_looked_for_anew(cluster: Cluster, admin: Admin) -> None:
    groups = [f"g{number}" for number in range(20)]
    for group in groups:
        admin.alter_group_offsets(group, {PLACE: 1})
    at = {each.group_id: each.coordinator for each in admin.list_groups()}
    group = next(name for name in groups if at[name] != 1)
    cluster.faults.kill(at[group])
    assert admin.list_group_offsets(group)[group][PLACE].offset == 1
    assert admin.describe_groups([group])[group].coordinator != at[group]
    assert {each.group_id for each in admin.list_groups()} == set(groups)


@pytest.mark.parametrize(
    ("api", "error"),
    [
        ("ListOffsets", NotLeaderOrFollower),
        ("DeleteRecords", NotLeaderOrFollower),
        ("CreateTopics", NotController),
        ("OffsetFetch", CoordinatorLoadInProgress),
    ],
)
def test_what_passes_is_tried_again(cluster: Cluster, admin: Admin, api: str, error: type[KafkaError]) -> None:
    cluster.faults.error(api, error, times=2)
    admin.create_topics([NewTopic("new", 1, 3)])
    assert admin.list_partition_offsets({PLACE: OffsetSpec.LATEST})[PLACE].offset == 0
    assert admin.delete_records({PLACE: -1})[PLACE].low_watermark == 0
    assert admin.list_group_offsets("g") == {"g": {}}


def test_retries_are_as_many_as_the_user_says(cluster: Cluster) -> None:
    admin = cluster.admin(retries=1)
    cluster.faults.error("ListOffsets", NotLeaderOrFollower, times=2)
    with pytest.raises(NotLeaderOrFollower):
        admin.list_partition_offsets({PLACE: OffsetSpec.LATEST})


def test_a_call_ends_when_its_time_is_over(cluster: Cluster, admin: Admin) -> None:
    cluster.faults.error("ListOffsets", NotLeaderOrFollower, times=1_000_000)
    before_s = cluster.now
    with pytest.raises(KafkaTimeout, match="list_partition_offsets was not done in 60 seconds"):
        admin.list_partition_offsets({PLACE: OffsetSpec.LATEST})
    assert cluster.now - before_s == pytest.approx(60, abs=1)
    with pytest.raises(KafkaTimeout, match=r"list_partition_offsets was not done in 0\.5 seconds"):
        admin.list_partition_offsets({PLACE: OffsetSpec.LATEST}, timeout_ms=500)


def test_without_a_broker_a_call_ends_in_time_too(cluster: Cluster) -> None:
    admin = cluster.admin(default_api_timeout_ms=5_000, request_timeout_ms=1_000)
    for node in (1, 2, 3):
        cluster.faults.kill(node)
    with pytest.raises(KafkaTimeout, match="list_topics was not done in 5 seconds"):
        admin.list_topics()


def test_a_follower_that_does_not_answer_holds_a_deletion_up_no_longer_than_said(
    cluster: Cluster, admin: Admin
) -> None:
    with cluster.producer() as producer:
        producer.send("t", b"v").get(timeout=20)
    leader = cluster.leader("t", 0)
    cluster.faults.partition({leader}, {node for node in (1, 2, 3) if node != leader})
    before_s = cluster.now
    with pytest.raises((KafkaTimeout, RequestTimedOut)):
        admin.delete_records({PLACE: 1}, timeout_ms=1_000)
    assert cluster.now - before_s == pytest.approx(1, abs=0.1)
    cluster.faults.heal()
    assert admin.delete_records({PLACE: 1})[PLACE].low_watermark == 1


def test_who_finds_nobody_is_told_where_nobody_answers() -> None:
    with (
        Admin(bootstrap_servers="127.0.0.1:1,127.0.0.1:2", default_api_timeout_ms=100, request_timeout_ms=100) as admin,
        pytest.raises(KafkaTimeout, match=r"in 0\.1 seconds: nobody answers at 127\.0\.0\.1:1, 127\.0\.0\.1:2"),
    ):
        admin.list_topics()


def test_an_admin_that_is_closed_says_so(cluster: Cluster, admin: Admin) -> None:
    admin.close()
    admin.close()
    with pytest.raises(ClientClosed, match="admin was closed"):
        admin.list_topics()


def test_a_wrong_keyword_is_refused_with_the_nearest(cluster: Cluster) -> None:
    with pytest.raises(ConfigError, match=r"an admin has no keyword request_timeout \(did you mean request_timeout_ms"):
        cluster.admin(request_timeout=5)  # type: ignore[call-arg]
    with pytest.raises(ConfigError, match="linger_ms"):
        cluster.admin(linger_ms=5)  # type: ignore[call-arg]


def test_several_errors_are_told_in_one(cluster: Cluster, admin: Admin) -> None:
    with pytest.raises(SeveralFailed, match=r"2 of 2 failed: t: TOPIC_ALREADY_EXISTS .*; a b: INVALID_TOPIC") as raised:
        admin.create_topics(["t", "a b"])
    assert [type(error) for error in raised.value.errors.values()] == [TopicAlreadyExists, InvalidTopic]
    assert raised.value.results == {}


def test_a_created_topic_is_known_to_every_broker_at_once(cluster: Cluster, admin: Admin) -> None:
    for number in range(5):
        admin.create_topics([NewTopic(f"fresh-{number}", 2, 3)])
        assert all(cluster.image(node).topic(f"fresh-{number}") is not None for node in (1, 2, 3))
    admin.delete_topics([f"fresh-{number}" for number in range(5)])
    assert all(cluster.image(node).topic("fresh-0") is None for node in (1, 2, 3))


def test_the_preferred_replica_leads_again_when_asked_for(cluster: Cluster, admin: Admin) -> None:
    admin.create_topics([NewTopic("led", replica_assignments={0: [2, 3, 1]})])
    cluster.faults.kill(2)
    cluster.wait_for(lambda: cluster.leader("led", 0) == 3)
    cluster.faults.restart(2)
    cluster.wait_for(lambda: len(cluster.isr("led", 0)) == 3)
    assert admin.elect_leaders("preferred", {"led": [0]}) == [TopicPartition("led", 0)]
    cluster.wait_for(lambda: cluster.leader("led", 0) == 2)


def test_configs_of_each_broker_come_from_itself(cluster: Cluster, admin: Admin) -> None:
    cluster.faults.kill(3)
    resources = [ConfigResource("broker", str(node), ["num.partitions"]) for node in (1, 2)]
    assert list(admin.describe_configs(resources)["broker"]) == ["1", "2"]


def test_a_topic_that_its_reader_has_made_anew_was_deleted_all_the_same(cluster: Cluster, admin: Admin) -> None:
    before = cluster.image().topic("t")
    with cluster.consumer("t", metadata_max_age_ms=100, auto_offset_reset="earliest") as consumer:
        consumer.poll(timeout_ms=1_000)
        admin.delete_topics(["t"])
        cluster.wait_for(lambda: cluster.image().topic("t") is not None)
    after = cluster.image().topic("t")
    assert before is not None
    assert after is not None
    assert after.id != before.id
