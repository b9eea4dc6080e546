"""What replicas do beside the data path: checkpoints, starting anew where the leader begins, changes that wait."""

import pytest
from partition.client import Client, batch, values

from kstore.errors import KafkaStorageError
from kstore.log.checkpoints import HIGH_WATERMARKS, read_offsets


def lost_follower(client: Client, topic: str = "t", index: int = 0) -> int:
    """A follower that isn't the controller's node."""
    leader = client.leader(topic, index)
    return next(n for n in client.partition(topic, index).replicas if n not in (1, leader))


def contents(client: Client, node: int) -> list[bytes]:
    log = client.replica(node, "t").log
    return [found.to_bytes() for found in log.batches(log.start_offset)]


def checkpointed(client: Client, node: int) -> int | None:
    return read_offsets(client.cluster.nodes[node].fs, HIGH_WATERMARKS).get(("t", 0))


def test_high_watermarks_are_written_in_time_and_only_when_they_have_moved(start):
    client = start()
    client.create("t")
    client.produce("t", b"a")
    client.run(6)
    assert [checkpointed(client, node) for node in (1, 2, 3)] == [1, 1, 1]
    writes = client.cluster.world.recorder.count("CheckpointTime")
    client.run(60)
    assert client.cluster.world.recorder.count("CheckpointTime") == writes
    client.produce("t", b"b")
    client.run(6)
    assert [checkpointed(client, node) for node in (1, 2, 3)] == [2, 2, 2]


def test_a_replica_that_comes_back_knows_what_was_committed(start):
    client = start()
    client.create("t")
    client.produce("t", b"a")
    client.run(6)
    lost = lost_follower(client)
    client.cluster.kill_node(lost)
    client.run(1)
    client.cluster.net.cut([lost], [client.leader("t")])
    client.cluster.restart_node(lost)
    client.cluster.wait_for(lambda: client.cluster.nodes[lost].actors.get(f"{client.cluster.nodes[lost].name}/broker"))
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == 3)
    assert client.replica(lost, "t").log.high_watermark == 1


def test_a_follower_begins_anew_where_the_leaders_log_begins(start):
    client = start()
    client.create("t")
    client.produce("t", b"old")
    lost = lost_follower(client)
    client.cluster.kill_node(lost)
    for number in range(20):
        client.produce("t", b"%d" % number)
    leader = client.leader("t")
    client.run(1)
    for node in (1, 2, 3):
        if node != lost:
            client.replica(node, "t").log.advance_start_offset(15)
    client.cluster.restart_node(lost)
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == 3)
    client.run(1)
    log = client.replica(lost, "t").log
    assert (log.start_offset, log.end_offset, log.high_watermark) == (15, 21, 21)
    assert contents(client, lost) == contents(client, leader)[-6:]


def test_a_follower_that_is_far_behind_catches_up_from_the_leaders_files(start):
    client = start(wire=True)
    client.create("t")
    lost = lost_follower(client)
    client.cluster.kill_node(lost)
    for number in range(30):
        client.produce("t", b"%d" % number * 1000)
    log = client.replica(client.leader("t"), "t").log
    log.hot.clear()
    client.cluster.restart_node(lost)
    client.cluster.wait_for(lambda: len(client.partition("t").isr) == 3)
    assert contents(client, lost) == contents(client, client.leader("t"))


def test_a_change_of_the_in_sync_set_waits_for_the_controller(start):
    client = start(config={"replica.lag.time.max.ms": "3000", "broker.session.timeout.ms": "600000"})
    client.create("t", partitions=3)
    index = next(i for i in range(3) if client.leader("t", i) == 2)
    client.cluster.net.cut([2], [1, 3])
    sent = client.send(2, client.produce_request("t", batch(b"a"), index=index, timeout_ms=200_000))
    client.run(90)
    assert not sent
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: sent, 60)
    assert sent[0].responses[0].partition_responses[0].error_code == 0
    client.cluster.wait_for(lambda: len(client.partition("t", index).isr) == 3, 60)


def test_a_clean_stop_loses_nothing_and_recovers_nothing(start, tmp_path):
    from actors.cluster import Cluster

    for values_before in (0, 1, 2):
        cluster = Cluster(brokers=3, seed=7, data_dir=str(tmp_path))
        client = Client(cluster)
        if not values_before:
            client.create("t")
        client.wait_for_leader("t")
        client.produce("t", b"%d" % values_before)
        assert len(values(client.fetch("t", 0).records)) == values_before + 1
        assert all(client.replica(node, "t").log.recovery.clean or not values_before for node in (1, 2, 3))
        cluster.close()


@pytest.mark.parametrize("acks", [-1, 1])
def test_with_flush_messages_1_what_is_acknowledged_is_on_the_disk(start, acks):
    client = start()
    client.create("t", flush_messages="1")
    leader = client.leader("t")
    for number in range(5):
        assert client.produce("t", b"%d" % number, acks=acks).base_offset == number
        assert client.replica(leader, "t").log.recovery_point == number + 1
        if acks == -1:
            assert all(client.replica(node, "t").log.recovery_point == number + 1 for node in (1, 2, 3))


def test_with_flush_messages_1_many_appends_share_a_sync(start):
    client = start(brokers=1)
    client.create("t", copies=1, flush_messages="1")
    sent = [client.send(1, client.produce_request("t", batch(b"a")), connection=n) for n in range(100)]
    client.cluster.wait_for(lambda: all(sent))
    assert sorted(s[0].responses[0].partition_responses[0].base_offset for s in sent) == list(range(100))
    assert client.replica(1, "t").log.recovery_point == 100


def test_with_flush_messages_1_an_append_whose_sync_fails_is_refused(start, disks):
    client = start(brokers=1)
    client.create("t", copies=1, flush_messages="1")
    client.produce("t", b"a")
    disks[1].fail(("sync", "replace"), "t-0*")
    assert client.produce("t", b"b").error_code == KafkaStorageError.code
    assert client.produce("t", b"c", node=1).error_code == KafkaStorageError.code
    assert client.replica(1, "t").log.high_watermark == 1


def test_an_idle_log_is_not_looked_after(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a")
    client.run(5)
    looks = client.cluster.world.recorder.count("Upkeep")
    client.run(3_600)
    assert client.cluster.world.recorder.count("Upkeep") == looks
    assert len(client.replica(1, "t").log.hot) == 0


def test_what_recovery_cuts_off_is_told_in_the_trace(start, tmp_path):
    client = start(brokers=1, data_dir=str(tmp_path))
    client.create("t", copies=1)
    for value in (b"a", b"b", b"c"):
        client.produce("t", value)
    client.run(6)
    client.cluster.kill_node(1)
    with (tmp_path / "node-1" / "t-0" / f"{0:020}.log").open("r+b") as file:
        file.truncate(file.seek(0, 2) - 1)
    recorder = client.cluster.world.recorder
    assert not recorder.count("LogCut")
    client.cluster.restart_node(1)
    client.cluster.wait_for(lambda: recorder.count("LogCut"))
    told = [(row.partition, row.offset1, row.offset2) for row in recorder.recent() if row.kind == "LogCut"]
    assert told == [("t-0", 2, 3)]
