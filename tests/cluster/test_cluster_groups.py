"""Consumer groups and a cluster that fails under them: membership lives with a coordinator, offsets outlive it."""

from typing import Any

from cluster import group_requests as requests
from cluster.group_requests import GROUP, REBALANCE_MS, SESSION_MS
from cluster.members import NOT_NOW, PATIENCE_S, Member, alone, coordinator, pair
from cluster.speaking import Speaker, batches_in

from actors.image.topic_names import OFFSETS_TOPIC
from kstore.errors import IllegalGeneration, RebalanceInProgress, UnknownMemberId
from kstore.schema import decode
from kstore.schema.messages.consumer_offsets import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState

FETCH_VERSION = 9


def committed(client: Speaker, *partitions: int) -> dict[int, int]:
    """The group's committed offsets."""
    request = requests.offset_fetch(client.topic_id("t"), list(partitions))
    while True:
        answer = client.ask(coordinator(client), request, version=FETCH_VERSION, connection=9)
        if getattr(answer, "name", "") != "DISCONNECTED":
            code, offsets = requests.fetched_offsets(answer)
            if code == 0:
                return offsets
            assert code in NOT_NOW, code
        client.run(0.1)


def begin(start: Any, **how: Any) -> Speaker:
    client: Speaker = start(**how)
    client.create("t", partitions=2)
    return client


def test_two_members_share_the_partitions_and_the_one_that_stays_gets_all(start):
    client = begin(start)
    first, second = pair(client)
    assert (first.heartbeat(), second.heartbeat()) == (0, 0)
    assert second.leave() == 0
    assert first.heartbeat() == RebalanceInProgress.code
    before = first.generation
    first.join()
    assert first.generation == before + 1
    assert first.sync({first.member_id: [0, 1]}) == [0, 1]
    assert second.heartbeat() == UnknownMemberId.code


def test_a_member_that_is_not_heard_of_for_its_session_is_out(start):
    client = begin(start)
    first, second = pair(client)
    for _ in range(3):
        client.run(SESSION_MS / 1000 / 4)
        assert first.heartbeat() == 0
    client.run(SESSION_MS / 1000 / 3)
    assert first.heartbeat() == RebalanceInProgress.code
    first.join()
    assert first.sync({first.member_id: [0, 1]}) == [0, 1]
    assert second.commit({1: 7}) == UnknownMemberId.code
    assert committed(client, 1) == {1: -1}


def test_a_commit_of_an_older_generation_is_refused(start):
    client = begin(start)
    member = alone(client)
    member.generation -= 1
    assert member.commit({0: 1}) == IllegalGeneration.code
    member.generation += 1
    assert member.commit({0: 1, 1: 2}) == 0
    assert committed(client, 0, 1) == {0: 1, 1: 2}


def test_committed_offsets_survive_the_death_of_the_coordinators_node(start, kept):
    client = begin(start, **kept)
    member = alone(client)
    assert member.commit({0: 3, 1: 4}) == 0
    assert member.commit({1: 5}) == 0
    dead = coordinator(client)
    others = [n for n in (1, 2, 3) if n != dead]
    client.cluster.kill_node(dead)
    if dead == 1:
        client.run(1)
        client.cluster.restart_node(dead)
    client.cluster.wait_for(lambda: coordinator(client) in others, PATIENCE_S)
    assert committed(client, 0, 1) == {0: 3, 1: 5}
    assert member.heartbeat() == 0, "the members are replayed too"
    assert member.commit({0: 6}) == 0
    assert committed(client, 0, 1) == {0: 6, 1: 5}


def test_committed_offsets_and_members_survive_the_whole_cluster(start, kept):
    client = begin(start, **kept)
    member = alone(client)
    assert member.commit({0: 3, 1: 4}) == 0
    for node in (1, 2, 3):
        client.cluster.kill_node(node)
    client.run(1)
    for node in (1, 2, 3):
        client.cluster.restart_node(node)
    client.cluster.wait_for(client.cluster.is_ready, PATIENCE_S)
    assert committed(client, 0, 1) == {0: 3, 1: 4}
    assert member.heartbeat() == 0
    assert member.commit({0: 5}) == 0
    client.run(2 * SESSION_MS / 1000)
    assert member.heartbeat() == UnknownMemberId.code


def test_committed_offsets_survive_a_stop_in_order(start, tmp_path):
    client = begin(start, data_dir=str(tmp_path))
    member = alone(client)
    assert member.commit({0: 3, 1: 4}) == 0
    client.cluster.close()
    again: Speaker = start(data_dir=str(tmp_path))
    assert committed(again, 0, 1) == {0: 3, 1: 4}


def test_a_static_member_that_returns_within_its_session_keeps_its_partitions_without_a_rebalance(start):
    client = begin(start)
    member = alone(client, instance="one")
    before = member.generation
    back = Member(client, 3, instance="one")
    back.join()
    assert back.generation == before
    assert back.member_id != member.member_id
    assert back.sync() == [0, 1]
    assert member.heartbeat() == 82, "the one before is fenced"
    assert back.heartbeat() == 0


def test_offsets_stand_in_the_log_as_kafka_writes_them(start, kept):
    client = begin(start, **kept)
    member = alone(client)
    assert member.commit({0: 3}) == 0
    index = next(
        i for i in client.cluster.image().topics[OFFSETS_TOPIC].partitions if client.log_bytes(1, OFFSETS_TOPIC, i)
    )
    client.run(1)
    found: dict[str, Any] = {}
    for batch in batches_in(client.log_bytes(1, OFFSETS_TOPIC, index)):
        for record in batch.records():
            assert record.key is not None
            assert record.value is not None
            version = int.from_bytes(record.key[:2], "big")
            value_version = int.from_bytes(record.value[:2], "big")
            if version == 1:
                key, value = (
                    decode(OffsetCommitKey, 0, record.key, 2),
                    decode(OffsetCommitValue, value_version, record.value, 2),
                )
                found[f"{key.group}/{key.topic}/{key.partition}"] = value.offset
            else:
                assert version == 2
                group = decode(GroupMetadataKey, 0, record.key, 2)
                found[group.group] = decode(GroupMetadataValue, value_version, record.value, 2)
    assert found["g/t/0"] == 3
    assert found[GROUP].generation == member.generation
    assert [each.member_id for each in found[GROUP].members] == [member.member_id]
    assert client.logs_are_equal(OFFSETS_TOPIC, index)


def test_offsets_of_a_deleted_topic_are_forgotten(start):
    client = begin(start)
    client.create("u")
    member = alone(client)
    assert member.commit({0: 3}) == 0
    client.delete("t")
    client.create("t", partitions=2)
    client.run(1)
    assert committed(client, 0) == {0: -1}


def test_a_rebalance_whose_coordinator_dies_is_begun_again_with_the_next_one(start):
    client = begin(start)
    first, second = pair(client)
    assert first.commit({0: 3}) == 0
    dead = coordinator(client)
    Member(client, 3).join_later()
    client.run(1)
    client.cluster.kill_node(dead)
    client.run(1)
    client.cluster.restart_node(dead)
    client.cluster.wait_for(client.cluster.is_ready, PATIENCE_S)
    before = first.generation
    joins = [(member, member.join_later()) for member in (first, second)]
    while not all(heard and heard[0].error_code == 0 for _, heard in joins):
        client.run(0.5)
        joins = [
            (member, member.join_later() if heard and heard[0].error_code in NOT_NOW else heard)
            for member, heard in joins
        ]
    for member, heard in joins:
        assert member.joined(heard).generation_id > before
    assert first.sync({first.member_id: [0], second.member_id: [1]}) == [0]
    assert second.sync() == [1]
    assert committed(client, 0) == {0: 3}


def test_a_member_waits_for_the_others_no_longer_than_their_rebalance_may_take(start):
    client = begin(start)
    first, second = pair(client)
    assert second.heartbeat() == 0
    third = Member(client, 3)
    joining = third.join_later()
    client.run(1)
    assert first.heartbeat() == RebalanceInProgress.code
    first_joining = first.join_later()
    for _ in range(int(REBALANCE_MS / 1000) + 2):
        client.run(1)
        second.heartbeat()  # it lives, but doesn't join
    third.joined(joining)
    assert first.joined(first_joining).generation_id == third.generation
    assert second.heartbeat() == UnknownMemberId.code


def test_groups_of_many_names_are_spread_over_the_nodes(start):
    client = begin(start)
    places = {coordinator(client, f"group-{number}") for number in range(20)}
    assert places == {1, 2, 3}


def test_the_offsets_topic_may_be_deleted_and_comes_back_empty_whatever_the_order_of_the_turns(start):
    for seed in range(20):
        client = begin(start, seed=seed)
        assert alone(client).commit({0: 3}) == 0
        for _ in range(2):
            asked = DeleteTopicsRequest(topics=[DeleteTopicState(name=OFFSETS_TOPIC)], timeout_ms=10_000)
            assert client.ask(1, asked).responses[0].error_code == 0
            assert committed(client, 0) in ({0: 3}, {0: -1})
            client.run(1)
            assert committed(client, 0) == {0: -1}
        assert alone(client).commit({0: 4}) == 0
        assert committed(client, 0) == {0: 4}
