"""Three brokers on virtual time: what is acknowledged is on every in-sync replica, whatever happens to the nodes."""

from partition.client import Client, batch, values

from kstore.errors import NotEnoughReplicas, NotLeaderOrFollower, RequestTimedOut, UnknownLeaderEpoch

LAG_MAX_S = 30


def logs_are_equal(client: Client, topic: str, index: int = 0) -> bool:
    """Whether the replicas hold the same batches, byte for byte."""
    contents = []
    for node in (1, 2, 3):
        log = client.replica(node, topic, index).log
        contents.append([found.to_bytes() for found in log.batches(log.start_offset)])
    return all(content == contents[0] for content in contents)


def followers_of(client: Client, topic: str) -> list[int]:
    return [node for node in client.partition(topic).replicas if node != client.leader(topic)]


def led_away_from_the_controller(client: Client, topic: str) -> tuple[int, int, int]:
    """A partition of a topic with several whose leader isn't the controller's node: its index, leader, and a follower
    that isn't there either, so that cutting one from the other doesn't cut it from the controller.
    """
    for index, partition in sorted(client.cluster.image().topics[topic].partitions.items()):
        if partition.leader not in (1, -1):
            return index, partition.leader, next(n for n in partition.replicas if n not in (1, partition.leader))
    raise AssertionError("every partition is led by the controller's node")


def test_what_is_acknowledged_is_on_every_replica(start):
    client = start()
    client.create("t")
    answer = client.produce("t", b"a", b"b")
    assert (answer.error_code, answer.base_offset, answer.log_start_offset) == (0, 0, 0)
    assert [client.replica(node, "t").log.end_offset for node in (1, 2, 3)] == [2, 2, 2]
    assert client.replica(client.leader("t"), "t").log.high_watermark == 2
    client.run(1)
    assert [client.replica(node, "t").log.high_watermark for node in (1, 2, 3)] == [2, 2, 2]
    assert logs_are_equal(client, "t")


def test_many_produce_requests_at_once_keep_their_order(start):
    client = start()
    client.create("t")
    sent = [client.send(client.leader("t"), client.produce_request("t", batch(b"%d" % n))) for n in range(200)]
    client.cluster.wait_for(lambda: all(sent))
    assert [s[0].responses[0].partition_responses[0].base_offset for s in sent] == list(range(200))
    assert values(client.fetch("t", 0).records) == [b"%d" % n for n in range(200)]
    client.run(1)
    assert logs_are_equal(client, "t")


def test_an_acknowledgement_by_the_leader_alone_does_not_wait(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    client.cluster.net.cut([leader], followers_of(client, "t"))
    assert client.produce("t", b"a", acks=1).error_code == 0
    assert client.replica(leader, "t").log.high_watermark == 0


def test_with_a_followers_link_cut_nothing_is_committed_until_the_in_sync_set_has_shrunk(start):
    client = start()
    client.create("t", partitions=3)
    index, leader, lost = led_away_from_the_controller(client, "t")
    client.produce("t", b"before", index=index)
    client.cluster.net.cut([leader], [lost])
    request = client.produce_request("t", batch(b"during"), index=index, timeout_ms=120_000)
    sent = client.send(leader, request)
    client.run(LAG_MAX_S / 2)
    assert not sent
    assert client.replica(leader, "t", index).log.high_watermark == 1
    client.cluster.wait_for(lambda: sent, 2 * LAG_MAX_S)
    assert sent[0].responses[0].partition_responses[0].error_code == 0
    client.run(1)
    assert lost not in client.partition("t", index).isr
    assert client.cluster.world.recorder.count("IsrShrunk") >= 1
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: len(client.partition("t", index).isr) == 3, 2 * LAG_MAX_S)
    client.run(1)
    assert logs_are_equal(client, "t", index)
    assert client.replica(lost, "t", index).log.high_watermark == 2
    assert client.cluster.world.recorder.count("IsrGrown") >= 1


def test_an_append_that_is_not_committed_in_time_says_so(start):
    client = start()
    client.create("t")
    client.cluster.net.cut([client.leader("t")], followers_of(client, "t"))
    answer = client.produce("t", b"a", timeout_ms=1_500)
    assert answer.error_code == RequestTimedOut.code
    assert client.replica(client.leader("t"), "t").log.end_offset == 1


def test_too_few_in_sync_replicas_refuse_acks_all_and_commit_nothing(start):
    client = start()
    client.create("t", min_insync_replicas="3")
    client.produce("t", b"a")
    leader = client.leader("t")
    lost = next(node for node in followers_of(client, "t") if node != 1)
    client.cluster.kill_node(lost)
    client.cluster.wait_for(lambda: lost not in client.partition("t").isr)
    client.run(1)
    assert client.produce("t", b"b").error_code == NotEnoughReplicas.code
    assert client.produce("t", b"c", acks=1).error_code == 0
    client.run(2 * LAG_MAX_S)
    assert client.replica(leader, "t").log.high_watermark == 1
    client.cluster.restart_node(lost)
    client.cluster.wait_for(lambda: client.replica(leader, "t").log.high_watermark == 2)
    assert client.produce("t", b"d").error_code == 0


def test_when_the_leader_dies_what_was_acknowledged_stays(start):
    client = start()
    client.create("t", partitions=3)
    index, dead, _ = led_away_from_the_controller(client, "t")
    for number in range(10):
        client.produce("t", b"%d" % number, index=index)
    client.cluster.kill_node(dead)
    client.wait_for_leader("t", index, other_than=dead)
    assert client.produce("t", b"10", index=index).base_offset == 10
    assert values(client.fetch("t", 0, index=index).records) == [b"%d" % number for number in range(11)]
    client.cluster.restart_node(dead)
    client.cluster.wait_for(lambda: len(client.partition("t", index).isr) == 3)
    client.run(1)
    assert logs_are_equal(client, "t", index)


def test_a_returning_leader_cuts_off_what_was_never_committed(start):
    client = start()
    client.create("t", partitions=3)
    index, old, _ = led_away_from_the_controller(client, "t")
    client.produce("t", b"kept", index=index)
    client.cluster.net.cut([old], [node for node in (1, 2, 3) if node != old])
    for _ in range(3):
        client.produce("t", b"lost", acks=1, index=index)
    client.cluster.kill_node(old)
    client.wait_for_leader("t", index, other_than=old)
    client.cluster.net.heal()
    client.produce("t", b"new", index=index)
    client.cluster.restart_node(old)
    client.cluster.wait_for(lambda: len(client.partition("t", index).isr) == 3)
    client.run(1)
    assert logs_are_equal(client, "t", index)
    assert values(client.fetch("t", 0, index=index).records) == [b"kept", b"new"]
    assert client.cluster.world.recorder.count("Truncated") >= 1


def test_a_leader_that_was_cut_off_learns_that_it_leads_no_longer(start):
    client = start()
    client.create("t", partitions=3)
    index, old, _ = led_away_from_the_controller(client, "t")
    others = [node for node in (1, 2, 3) if node != old]
    client.cluster.net.cut([old], others)
    sent = client.send(old, client.produce_request("t", batch(b"lost"), index=index, timeout_ms=300_000))
    client.wait_for_leader("t", index, other_than=old)
    assert client.produce("t", b"new", index=index).error_code == 0
    client.cluster.net.heal()
    client.cluster.wait_for(lambda: sent, 120)
    assert sent[0].responses[0].partition_responses[0].error_code == NotLeaderOrFollower.code
    client.cluster.wait_for(lambda: len(client.partition("t", index).isr) == 3, 120)
    assert values(client.fetch("t", 0, index=index).records) == [b"new"]


def test_a_reader_that_knows_a_later_epoch_is_told_so(start):
    client = start()
    client.create("t")
    answer = client.fetch("t", 0, leader_epoch=7)
    assert answer.error_code == UnknownLeaderEpoch.code


def test_replication_goes_on_over_the_wire_at_any_version(start):
    client = start(wire=True)
    client.create("t", partitions=2)
    for number in range(20):
        assert client.produce("t", b"%d" % number).error_code == 0
    client.run(1)
    assert logs_are_equal(client, "t")
    assert values(client.fetch("t", 0, version=18).records) == [b"%d" % number for number in range(20)]


def test_a_new_topic_does_not_wait_for_a_parked_fetch(start):
    client = start()
    client.create("first")
    client.run(2)
    client.create("second")
    before_us = client.cluster.world.clock.now_us()
    client.produce("second", b"a")
    assert client.cluster.world.clock.now_us() - before_us < 100_000


def test_an_idle_cluster_does_next_to_nothing(start):
    client = start()
    client.create("t", partitions=50)
    for index in range(50):
        client.produce("t", b"a", index=index)
    client.run(40)
    turns = client.cluster.world.queue.turns
    client.run(60)
    assert (client.cluster.world.queue.turns - turns) / 60 < 20


def test_a_deleted_topic_answers_who_waits_and_makes_room_for_its_namesake(start):
    from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState

    client = start()
    client.create("t")
    client.produce("t", b"old")
    parked = client.send(client.leader("t"), client.fetch_request("t", 1, max_wait_ms=60_000), connection=1)
    client.run(1)
    response = client.ask(1, DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], timeout_ms=1_000))
    assert response.responses[0].error_code == 0
    client.cluster.wait_for(lambda: parked, 5)
    assert parked[0].responses[0].partitions[0].error_code != 0
    client.cluster.wait_for(lambda: all("t" not in client.cluster.image(node).topics for node in (1, 2, 3)))
    client.create("t")
    client.produce("t", b"new")
    assert values(client.fetch("t", 0).records) == [b"new"]
