"""The disk fails under one log: its replica goes offline, another leads, and it comes back when the disk works."""

import errno
import logging

import pytest
from partition.client import batch, values

from actors.partition.leader.leader import Leader
from actors.runtime.failures import Failures
from kstore.errors import KafkaStorageError
from kstore.schema.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)

STORAGE = KafkaStorageError.code
LOG = "t-0/*.log"


def is_whole(client, topic="t", index=0, members=(1, 2, 3)):
    found = client.partition(topic, index)
    return found.leader > 0 and sorted(found.isr) == list(members)


def all_online(client, topic="t", index=0):
    return all(client.replica(node, topic, index).offline is None for node in client.partition(topic, index).replicas)


def heals(client, disks):
    """Within 60 virtual seconds of the disks' working again everything is as it was."""
    disks.heal()
    client.cluster.wait_for(lambda: is_whole(client) and all_online(client), 60)


def content(client, topic="t", index=0):
    client.wait_for_leader(topic, index)
    found, offset = [], 0
    while batches := values(client.fetch(topic, offset, index=index).records or b""):
        found += batches
        offset += len(batches)
    return found


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EACCES])
def test_a_leader_whose_append_fails_is_replaced_by_another_in_sync_replica_and_comes_back(start, disks, number):
    client = start()
    client.create("t")
    client.create("other")
    client.produce("t", b"a")
    before = client.leader("t")
    fault = disks[before].fail("append", LOG, number)
    assert client.produce("t", b"b").error_code == STORAGE
    after = client.wait_for_leader("t", other_than=before)
    assert client.produce("t", b"c").error_code == 0
    assert client.produce("other", b"x").error_code == 0
    assert before not in client.partition("t").isr
    assert client.replica(before, "t").offline is not None
    assert fault.hits == 1
    heals(client, disks)
    assert content(client) == [b"a", b"c"]
    assert client.replica(before, "t").log.end_offset == client.replica(after, "t").log.end_offset == 2


@pytest.mark.parametrize("operation", ["append", "replace", "create", "open"])
def test_a_follower_whose_log_fails_leaves_the_in_sync_set_and_joins_again(start, disks, operation):
    client = start()
    client.create("t", segment_bytes="1048576")
    client.produce("t", bytes(600_000))
    leader = client.leader("t")
    follower = next(node for node in (1, 2, 3) if node != leader)
    disks[follower].fail(operation, "t-0/*")
    for _ in range(3):
        assert client.produce("t", bytes(600_000)).error_code == 0
    client.cluster.wait_for(lambda: follower not in client.partition("t").isr, 5)
    assert client.leader("t") == leader
    heals(client, disks)
    assert client.replica(follower, "t").log.end_offset == 4


def test_everybody_who_asks_an_offline_replica_hears_of_a_storage_error(start, disks):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a")
    disks[1].fail(("append", "replace"), "t-0/*")
    assert client.produce("t", b"b").error_code == STORAGE
    client.cluster.wait_for(lambda: client.replica(1, "t").offline is not None, 5)
    assert client.produce("t", b"c", node=1).error_code == STORAGE
    assert client.produce("t", b"c", node=1, acks=1).error_code == STORAGE
    assert client.fetch("t", 0, node=1).error_code == STORAGE
    assert client.latest("t", node=1).error_code == STORAGE
    epochs = OffsetForLeaderEpochRequest(
        replica_id=-1,
        topics=[
            OffsetForLeaderTopic(
                topic="t", partitions=[OffsetForLeaderPartition(partition=0, current_leader_epoch=-1, leader_epoch=0)]
            )
        ],
    )
    assert client.ask(1, epochs).topics[0].partitions[0].error_code == STORAGE
    deletion = DeleteRecordsRequest(
        topics=[DeleteRecordsTopic(name="t", partitions=[DeleteRecordsPartition(partition_index=0, offset=1)])],
        timeout_ms=1_000,
    )
    assert client.ask(1, deletion).topics[0].partitions[0].error_code == STORAGE
    client.cluster.wait_for(lambda: client.leader("t") == -1, 5)
    described = client.ask(1, MetadataRequest(topics=[MetadataRequestTopic(name="t")]))
    (partition,) = described.topics[0].partitions
    assert (partition.leader_id, list(partition.offline_replicas), list(partition.isr_nodes)) == (-1, [1], [1])
    disks.heal()
    client.wait_for_leader("t")
    assert content(client) == [b"a"]


def test_a_reader_and_a_producer_who_wait_at_a_leader_are_told_when_its_log_fails(start, disks):
    client = start()
    client.create("t")
    client.produce("t", b"a")
    leader = client.leader("t")
    for node in {1, 2, 3} - {leader}:
        client.cluster.faults.pause(node)
    waiting = client.send(leader, client.produce_request("t", batch(b"b")), connection=1)
    reading = client.send(leader, client.fetch_request("t", 1, max_wait_ms=60_000), connection=2)
    client.run(1)
    assert (waiting, reading) == ([], [])
    disks[leader].fail("append", LOG)
    client.produce("t", b"c", acks=1, node=leader)
    client.cluster.wait_for(lambda: waiting and reading, 5)
    assert waiting[0].responses[0].partition_responses[0].error_code == STORAGE
    assert reading[0].responses[0].partitions[0].error_code == STORAGE
    for node in {1, 2, 3} - {leader}:
        client.cluster.faults.resume(node)
    heals(client, disks)


def test_a_torn_append_is_cut_off_before_anything_is_appended_again(start, disks):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a")
    disks[1].fail("append", LOG, errno.ENOSPC, times=1, torn=True)
    assert client.produce("t", b"torn").error_code == STORAGE
    client.cluster.wait_for(lambda: client.leader("t") == 1 and all_online(client), 60)
    assert client.produce("t", b"b").base_offset == 1
    assert content(client) == [b"a", b"b"]
    replica = client.replica(1, "t")
    assert [each.base_offset for each in replica.log.batches(0)] == [0, 1]


def test_a_log_whose_sync_failed_takes_no_append_before_it_was_recovered(start, disks):
    client = start(brokers=1)
    client.create("t", copies=1, flush_messages="1")
    client.produce("t", b"a")
    first = client.replica(1, "t").log
    disks[1].fail("sync", LOG, times=1)
    assert client.produce("t", b"b").error_code == STORAGE
    client.cluster.wait_for(lambda: client.leader("t") == 1 and all_online(client), 60)
    assert client.replica(1, "t").log is not first
    assert client.produce("t", b"c").error_code == 0
    assert content(client) == [b"a", b"b", b"c"]


def test_a_replica_never_leads_again_in_the_epoch_in_which_its_log_failed(start, disks):
    client = start(brokers=1)
    client.create("t", copies=1)
    before = client.partition("t").leader_epoch
    disks[1].fail("append", LOG, times=1)
    assert client.produce("t", b"a").error_code == STORAGE
    client.cluster.wait_for(lambda: client.leader("t") == 1 and all_online(client), 60)
    assert client.partition("t").leader_epoch == before + 2
    assert client.produce("t", b"b").error_code == 0
    assert client.replica(1, "t").leader.in_sync.leader_epoch == before + 2


def test_a_replica_that_lost_records_begins_anew_when_others_have_them(start, disks):
    client = start()
    client.create("t")
    for number in range(5):
        client.produce("t", b"%d" % number)
    leader = client.leader("t")
    disks[leader].fail("append", LOG, times=1)
    disks[leader].inner.open("t-0/00000000000000000000.log").truncate(100)
    assert client.produce("t", b"x").error_code == STORAGE
    client.wait_for_leader("t", other_than=leader)
    heals(client, disks)
    assert client.replica(leader, "t").log.end_offset == 5
    assert content(client) == [b"%d" % number for number in range(5)]


def test_a_follower_whose_cut_failed_half_way_comes_back_with_what_is_left(start, disks):
    """Its last segment is gone, and was to go: that is no reason to copy the whole log again."""
    client = start()
    client.create("t", segment_bytes="1048576")
    for _ in range(4):
        client.produce("t", bytes(600_000))
    follower = next(node for node in (1, 2, 3) if node != client.leader("t"))
    client.cluster.wait_for(lambda: client.replica(follower, "t").log.end_offset == 4)
    disks[follower].fail("truncate", LOG, errno.ENOSPC)
    with pytest.raises(KafkaStorageError, match="couldn't cut t-0 at 2"):
        client.replica(follower, "t").log.truncate_to(2)
    client.cluster.wait_for(lambda: client.replica(follower, "t").offline is not None)
    heals(client, disks)
    recorder = client.cluster.world.recorder
    assert (recorder.count("ReplicaOnline"), recorder.count("LogDiscarded")) == (1, 0)
    assert client.replica(follower, "t").log.end_offset == 4


def test_the_only_holder_of_records_that_are_gone_stays_offline_and_says_so(start, disks, caplog):
    client = start(brokers=1)
    client.create("t", copies=1)
    for number in range(5):
        client.produce("t", b"%d" % number)
    name = "t-0/00000000000000000000.log"
    whole = disks[1].inner.read_bytes(name)
    disks[1].fail("append", LOG, times=1)
    disks[1].inner.open(name).truncate(100)
    with caplog.at_level(logging.WARNING):
        assert client.produce("t", b"x").error_code == STORAGE
        client.run(60)
    assert client.leader("t") == -1
    assert disks[1].inner.size(name) == 100  # nothing of it was cut
    said = [record.getMessage() for record in caplog.records if "put its files back" in record.getMessage()]
    assert len(said) == 1
    assert "t-0 is sound up to 1, and held all up to 5" in said[0]
    disks[1].inner.replace(name, whole)
    client.wait_for_leader("t")
    assert content(client) == [b"%d" % number for number in range(5)]


def test_a_deleted_folder_of_a_partition_is_fetched_anew_once_it_is_noticed(start, disks):
    client = start()
    client.create("t", segment_bytes="1048576")
    client.produce("t", bytes(600_000))
    leader = client.leader("t")
    disks[leader].inner.remove_tree("t-0")
    disks[leader].fail(("replace",), "t-0/*", errno.ENOENT, times=1)
    for _ in range(3):
        client.produce("t", bytes(600_000), node=client.wait_for_leader("t"))
    heals(client, disks)
    ends = {client.replica(node, "t").log.end_offset for node in (1, 2, 3)}
    assert len(ends) == 1


def test_the_log_says_once_that_a_replica_is_offline_and_once_that_it_is_back(start, disks, caplog):
    client = start()
    client.create("t")
    leader = client.leader("t")
    disks[leader].fail(("append", "replace"), "t-0/*", errno.ENOSPC)
    with caplog.at_level(logging.WARNING):
        client.produce("t", b"a")
        client.run(120)
        heals(client, disks)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3, lines
    assert f"node {leader}: the log of t-0 is offline: couldn't append to t-0: [Errno 28] No space left" in lines[0]
    assert "stays offline: can't write to t-0" in lines[1]
    assert "is back" in lines[2]


def test_a_topic_is_deleted_though_one_of_its_replicas_is_offline(start, disks):
    client = start()
    client.create("t")
    leader = client.leader("t")
    disks[leader].fail(("append", "replace"), "t-0/*")
    client.produce("t", b"a")
    client.cluster.wait_for(lambda: client.replica(leader, "t").offline is not None, 5)
    client.cluster.admin().delete_topics(["t"])
    client.cluster.wait_for(
        lambda: not any("replica/t-0" in name for n in client.cluster.nodes.values() for name in n.actors), 30
    )
    disks.heal()
    client.create("t")
    assert client.produce("t", b"b").base_offset == 0


def test_everybody_whose_append_was_under_way_is_answered_when_the_turn_fails(start, disks, monkeypatch):
    client = start()
    client.cluster.world.strict = False
    client.create("t")
    leader = client.leader("t")
    whole = Leader._accepted
    taken = []

    def failing(self, *about):
        taken.append(about)
        if len(taken) == 3:
            raise RuntimeError("half of them are answered")
        whole(self, *about)

    monkeypatch.setattr(Leader, "_accepted", failing)
    client.cluster.faults.pause(leader)
    sent = [client.send(leader, client.produce_request("t", batch(b"%d" % n)), connection=n) for n in range(6)]
    client.run(0.1)
    client.cluster.faults.resume(leader)
    client.cluster.wait_for(lambda: all(sent) and len(taken) >= 3, 20)
    codes = [answers[0].responses[0].partition_responses[0].error_code for answers in sent]
    assert STORAGE in codes
    heals(client, disks)
    Failures.recent.clear()
