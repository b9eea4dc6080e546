"""What a cluster knows of itself: it survives restarts, takes effect at once, and leaves nothing behind."""

import json
from typing import Any

import pytest
from cluster.speaking import BROKER, Speaker
from partition.client import batch

from actors.cluster import Cluster
from kstore.errors import (
    CoordinatorNotAvailable,
    InvalidTopic,
    MessageTooLarge,
    NotEnoughReplicas,
    UnknownTopicOrPartition,
)
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.uuids import to_string

READY_S = 60


def partition_folders(client: Speaker, node: int, topic: str) -> list[str]:
    """The folders of a node that belong to a topic, whatever they are called by now."""
    return [name for name in client.names(node) if name.startswith(f"{topic}-")]


def restart_all(client: Speaker) -> None:
    for node in (1, 2, 3):
        client.cluster.kill_node(node)
    for node in (1, 2, 3):
        client.cluster.restart_node(node)
    client.cluster.wait_for(client.cluster.is_ready, READY_S)


def test_topics_with_their_ids_partitions_and_settings_survive_the_whole_cluster(start, kept):
    client = start(**kept)
    client.create("t", partitions=3, max_message_bytes="4096")
    client.create("u", copies=1)
    client.set_config("t", min_insync_replicas="2")
    client.say("t", b"a", index=2)
    before = client.cluster.image()
    restart_all(client)
    after = client.cluster.image()
    for name in ("t", "u"):
        assert after.topics[name].id == before.topics[name].id
        assert [p.replicas for p in after.topics[name].partitions.values()] == [
            p.replicas for p in before.topics[name].partitions.values()
        ]
    assert after.topic_config("t") == {"max.message.bytes": "4096", "min.insync.replicas": "2"}
    assert after.cluster_id == before.cluster_id
    client.wait_for_leader("t", 2)
    assert client.everything("t", index=2) == [b"a"]
    assert client.put("t", batch(b"x" * 5000)).error_code == MessageTooLarge.code


def test_topics_survive_a_stop_in_order(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("t", partitions=2)
    client.say("t", b"a")
    before = client.topic_id("t")
    client.cluster.close()
    again = start(data_dir=str(tmp_path))
    again.wait_for_leader("t")
    assert again.topic_id("t") == before
    assert again.everything("t") == [b"a"]
    for node in (1, 2, 3):
        assert again.replica(node, "t").log.recovery.clean


def test_all_nodes_keep_the_same_metadata_log(start, kept):
    client = start(**kept)
    client.create("t")
    client.cluster.kill_node(3)
    client.create("u", copies=2)
    client.cluster.restart_node(3)
    client.cluster.wait_for(client.cluster.is_ready, READY_S)
    client.run(1)
    contents = [client.log_bytes(node, "__cluster_metadata") for node in (1, 2, 3)]
    assert len(contents[0]) > 500
    assert contents[0] == contents[1] == contents[2]


def test_a_deleted_topics_folders_go(start, kept):
    client = start(**kept)
    client.create("t", partitions=2)
    client.say("t", b"a")
    assert all(partition_folders(client, node, "t") == ["t-0", "t-1"] for node in (1, 2, 3))
    client.delete("t")
    client.run(1)
    assert all(partition_folders(client, node, "t") == [] for node in (1, 2, 3))
    assert client.described("t", 1).error_code == UnknownTopicOrPartition.code


def test_the_folders_of_a_topic_that_was_deleted_while_a_node_was_away_are_set_aside_when_it_returns(start, kept):
    client = start(**kept)
    client.create("t", partitions=2)
    client.create("u")
    client.say("t", b"a")
    client.cluster.kill_node(3)
    client.delete("t")
    client.cluster.restart_node(3)
    client.cluster.wait_for(client.cluster.is_ready, READY_S)
    client.run(1)
    strays = partition_folders(client, 3, "t")
    assert len(strays) == 2
    assert all(name.endswith("-stray") for name in strays)
    assert partition_folders(client, 3, "u") == ["u-0"]


def test_what_a_node_left_half_deleted_when_it_died_goes_when_it_returns(start, kept):
    client = start(**kept)
    client.create("t", partitions=2)
    client.cluster.kill_node(3)
    fs = client.cluster.folders[3].fs
    fs.rename("t-1", "t-1.0123456789abcdef0123456789abcdef-delete")
    client.cluster.restart_node(3)
    client.cluster.wait_for(client.cluster.is_ready, READY_S)
    client.run(1)
    assert partition_folders(client, 3, "t") == ["t-0", "t-1"]


def test_a_topic_made_anew_while_a_node_was_away_is_another_topic(start, kept):
    client = start(**kept)
    client.create("t")
    first = client.topic_id("t")
    for _ in range(5):
        client.say("t", b"old")
    lost = next(node for node in client.followers("t") if node != 1)
    client.run(10)
    client.cluster.kill_node(lost)
    client.delete("t")
    client.create("t")
    second = client.topic_id("t")
    assert second != first
    client.say("t", b"new")
    client.cluster.restart_node(lost)
    client.wait_for_isr("t")
    client.run(1)
    assert client.logs_are_equal("t")
    assert client.everything("t") == [b"new"]
    assert to_string(second) in client.file(lost, "t-0/partition.metadata").decode()
    assert client.replica(lost, "t").log.start_offset == 0


def make_anew_again_and_again(client: Speaker) -> None:
    for number in range(4):
        client.create("t", partitions=2)
        client.wait_for_leader("t")
        client.say("t", b"%d" % number)
        assert client.everything("t") == [b"%d" % number]
        client.delete("t")
    client.run(1)
    assert all(partition_folders(client, node, "t") == [] for node in (1, 2, 3))


def test_a_topic_made_anew_again_and_again_is_always_empty(start, kept):
    make_anew_again_and_again(start(**kept))


def test_a_topic_may_be_made_anew_whatever_the_order_of_the_turns(start):
    for seed in range(30):
        make_anew_again_and_again(start(seed=seed))


def test_added_partitions_are_led_replicated_and_kept(start, kept):
    client = start(**kept)
    client.create("t")
    client.say("t", b"a")
    client.add_partitions("t", 4)
    for index in range(1, 4):
        client.wait_for_leader("t", index)
        assert client.say("t", b"%d" % index, index=index) == 0
    client.run(1)
    restart_all(client)
    for index in range(1, 4):
        client.wait_for_leader("t", index)
        assert client.everything("t", index=index) == [b"%d" % index]
        assert client.logs_are_equal("t", index)
    assert client.everything("t") == [b"a"]


def test_a_changed_setting_of_a_topic_holds_from_then_on(start):
    client = start()
    client.create("t", partitions=1)
    assert client.put("t", batch(b"x" * 2000)).error_code == 0
    client.set_config("t", max_message_bytes="1000")
    assert client.put("t", batch(b"x" * 2000)).error_code == MessageTooLarge.code
    client.set_config("t", max_message_bytes="4000")
    assert client.put("t", batch(b"x" * 2000)).error_code == 0
    client.cluster.kill_node(next(n for n in client.followers("t") if n != 1))
    client.wait_for_isr("t", 2)
    client.set_config("t", min_insync_replicas="3")
    assert client.put("t", batch(b"a")).error_code == NotEnoughReplicas.code
    client.set_config("t", min_insync_replicas="2")
    assert client.put("t", batch(b"a")).error_code == 0


def test_a_changed_default_of_the_brokers_holds_for_topics_without_a_setting_of_their_own(start):
    client = start()
    client.create("t")
    client.create("own", max_message_bytes="3000")
    client.set_config("", BROKER, message_max_bytes="1000")
    assert client.put("t", batch(b"x" * 2000)).error_code == MessageTooLarge.code
    assert client.put("own", batch(b"x" * 2000)).error_code == 0


def test_a_smaller_segment_size_rolls_the_next_segments(start, kept):
    client = start(**kept)
    client.create("t")
    client.say("t", b"x" * 1000)
    client.set_config("t", segment_bytes="1048576")
    client.set_config("t", index_interval_bytes="100")
    for _ in range(1200):
        client.put_later("t", batch(b"x" * 1000))
    client.cluster.wait_for(lambda: client.replica(client.leader("t"), "t").log.high_watermark == 1201)
    client.run(1)
    for node in (1, 2, 3):
        logs = [name for name in client.names(node, "t-0") if name.endswith(".log")]
        assert len(logs) == 2
    assert client.logs_are_equal("t")


def test_the_files_beside_the_partitions_are_those_of_kafka(start, kept):
    client = start(**kept)
    client.create("t")
    client.say("t", b"a")
    client.run(6)
    for node in (1, 2, 3):
        properties = dict(
            line.split("=", 1)
            for line in client.file(node, "meta.properties").decode().splitlines()
            if not line.startswith("#")
        )
        assert properties["version"] == "1"
        assert properties["node.id"] == str(node)
        assert properties["cluster.id"] == client.cluster.cluster_id
        assert len(properties["directory.id"]) == 22
        quorum = json.loads(client.file(node, "__cluster_metadata-0/quorum-state"))
        assert (quorum["leaderId"], quorum["data_version"]) == (1, 0)
        assert quorum["leaderEpoch"] >= 1
        assert quorum["currentVoters"] == [{"voterId": 1}]
        assert client.file(node, "t-0/partition.metadata").decode() == (
            f"version: 0\ntopic_id: {to_string(client.topic_id('t'))}"
        )
        marks = client.file(node, "replication-offset-checkpoint").decode().splitlines()
        assert marks[:2] == ["0", str(len(marks) - 2)]
        assert "t 0 1" in marks
        epoch = client.partition("t").leader_epoch
        assert client.file(node, "t-0/leader-epoch-checkpoint").decode() == f"0\n1\n{epoch} 0\n"


def test_a_folder_of_another_cluster_is_not_taken(start, tmp_path):
    from actors.node.folder import FolderError

    for name in ("one", "two"):
        start(data_dir=str(tmp_path / name), seed=len(name) + (name == "two")).cluster.close()
    (tmp_path / "one" / "node-2").rename(tmp_path / "aside")
    (tmp_path / "two" / "node-2").rename(tmp_path / "one" / "node-2")
    with pytest.raises(FolderError, match="belongs to cluster"):
        Cluster(3, seed=1, data_dir=str(tmp_path / "one"))


def test_metadata_is_the_same_at_every_node(start):
    client = start()
    client.create("t", partitions=3)
    client.run(1)
    described: list[Any] = []
    for node in (1, 2, 3):
        partitions = client.described("t", node).partitions
        described.append([(p.partition_index, p.leader_id, p.leader_epoch, p.isr_nodes) for p in partitions])
    assert len(described[0]) == 3
    assert described[0] == described[1] == described[2]


def test_dead_replicas_are_named_offline_and_dead_nodes_not_at_all(start):
    client = start()
    client.create("t")
    dead = next(node for node in client.followers("t") if node != 1)
    client.cluster.kill_node(dead)
    client.wait_for_isr("t", 2)
    client.run(1)
    living = client.living()
    for node in living:
        response = client.ask(node, MetadataRequest(topics=None, allow_auto_topic_creation=False))
        assert sorted(broker.node_id for broker in response.brokers) == living
        assert (response.controller_id, response.cluster_id) in {(n, client.cluster.cluster_id) for n in living}
        (partition,) = response.topics[0].partitions
        assert (partition.error_code, partition.offline_replicas) == (0, [dead])
        assert sorted(partition.isr_nodes) == living
        assert sorted(partition.replica_nodes) == [1, 2, 3]


def test_a_topic_that_is_asked_for_is_made_when_the_client_and_the_brokers_allow_it(start):
    client = start(config={"num.partitions": "2", "min.insync.replicas": "2"})
    named = MetadataRequest(topics=[MetadataRequestTopic(name="t")], allow_auto_topic_creation=True)
    client.ask(2, named)
    client.cluster.wait_for(lambda: all("t" in client.cluster.image(node).topics for node in (1, 2, 3)))
    client.wait_for_leader("t", 1)
    assert len(client.described("t", 3).partitions) == 2
    assert all(len(p.replica_nodes) == 3 for p in client.described("t", 3).partitions)
    client.say("t", b"a", index=1)
    refusing = start(config={"auto.create.topics.enable": "false"})
    assert refusing.ask(2, named).topics[0].error_code == UnknownTopicOrPartition.code
    refusing.run(1)
    assert "t" not in refusing.cluster.image().topics


def test_the_brokers_defaults_hold_for_topics_without_settings_of_their_own(start):
    client = start(config={"min.insync.replicas": "2", "unclean.leader.election.enable": "true"})
    client.create("t", partitions=6, copies=2)
    partitions = client.cluster.image().topics["t"].partitions
    index, found = next((i, p) for i, p in partitions.items() if 1 not in p.replicas)
    leader = found.leader
    follower = next(n for n in found.replicas if n != leader)
    client.say("t", b"a", index=index)
    client.cluster.kill_node(follower)
    client.wait_for_isr("t", 1, index=index)
    client.run(0.1)
    assert client.produce("t", b"b", index=index).error_code == NotEnoughReplicas.code
    assert client.produce("t", b"c", index=index, acks=1).error_code == 0
    client.cluster.kill_node(leader)
    client.run(1)
    client.cluster.restart_node(follower)
    assert client.wait_for_leader("t", index, other_than=leader) == follower
    client.cluster.restart_node(leader)
    client.wait_for_isr("t", 2, index=index)
    assert client.everything("t", index=index) == [b"a"]


def test_a_partition_of_the_offsets_topic_without_a_leader_has_no_coordinator(start):
    client = start(config={"offsets.topic.replication.factor": "1", "offsets.topic.num.partitions": "2"})
    request = FindCoordinatorRequest(coordinator_keys=["a", "b", "c", "d"])
    client.ask(1, request)
    client.run(2)
    places = {found.key: found.node_id for found in client.ask(1, request).coordinators}
    dead = next(node for node in places.values() if node != 1)
    client.cluster.kill_node(dead)
    client.run(1)
    for found in client.ask(1, request).coordinators:
        expected = (CoordinatorNotAvailable.code, -1) if places[found.key] == dead else (0, places[found.key])
        assert (found.error_code, found.node_id) == expected


def test_a_request_for_very_many_topics_lets_others_have_their_turns(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    names = [f"absent-{number}" for number in range(9_999)]
    names[5_000] = "t"
    asked = [MetadataRequestTopic(name=name) for name in [*names, "t", "absent-1", "not/legal"]]
    recorder = client.cluster.world.recorder
    pauses = recorder.count("TurnsLeftToOthers")
    many = client.send(1, MetadataRequest(topics=asked, allow_auto_topic_creation=False), connection=1)
    client.cluster.wait_for(lambda: many, READY_S)
    assert recorder.count("TurnsLeftToOthers") - pauses >= 9_999 // 2_000
    topics = many[0].topics
    assert [topic.name for topic in topics] == [*names, "not/legal"]
    assert {topic.error_code for topic in topics if topic.name.startswith("absent")} == {UnknownTopicOrPartition.code}
    assert [(topic.error_code, len(topic.partitions)) for topic in topics if topic.name == "t"] == [(0, 1)]
    assert topics[-1].error_code == InvalidTopic.code


def test_very_many_topics_are_made_on_first_use_as_few_are(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    asked = [MetadataRequestTopic(name="t", topic_id=bytes(16)) for _ in range(2_500)]
    answer = client.ask(1, MetadataRequest(topics=[*asked, MetadataRequestTopic(name="new")]))
    assert [topic.name for topic in answer.topics] == ["t", "new"]
    assert client.cluster.image().topics["new"].partitions
