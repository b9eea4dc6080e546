"""Nodes that come back before the cluster has noticed that they were gone: what they were must not go on in them."""

from collections import Counter

TOPIC = "orders"


def leaderships(speaker) -> Counter[tuple[str, int]]:
    """How many incarnations began to lead each partition in each epoch."""
    rows = [row for row in speaker.cluster.world.recorder.recent() if row.kind == "BecameLeader"]
    return Counter((row.partition, row.offset1) for row in rows)


def test_a_node_that_returns_with_the_controller_leads_in_no_epoch_that_it_led_in(start):
    speaker = start()
    speaker.create(TOPIC, partitions=6)
    for _ in range(3):
        speaker.cluster.kill_node(1)
        speaker.cluster.restart_node(1)
        speaker.cluster.wait_for(speaker.cluster.is_ready, 60)
        for index in range(6):
            speaker.wait_for_isr(TOPIC, index=index)
    led = leaderships(speaker)
    assert {partition for partition, _ in led} == {f"{TOPIC}-{index}" for index in range(6)}
    assert max(led.values()) == 1


def test_a_node_whose_death_nobody_noticed_leads_in_no_epoch_that_it_led_in(start):
    speaker = start()
    speaker.create(TOPIC, partitions=6)
    for node_id in (2, 3):
        speaker.cluster.net.cut([node_id], [1])
        speaker.cluster.kill_node(node_id)
        speaker.cluster.restart_node(node_id)
        speaker.cluster.net.heal()
        speaker.cluster.wait_for(speaker.cluster.is_ready, 60)
        for index in range(6):
            speaker.wait_for_isr(TOPIC, index=index)
    assert max(leaderships(speaker).values()) == 1


def test_leaders_hear_of_a_followers_new_registration_in_partitions_that_are_idle_too(start):
    speaker = start()
    speaker.create(TOPIC, partitions=9)
    speaker.run(1)
    node = speaker.cluster.nodes[2]
    node.view = node.view._replace(broker_epoch=node.view.broker_epoch + 1000)
    speaker.run(2)
    for index in range(9):
        leader = speaker.leader(TOPIC, index)
        if leader != 2:
            in_sync = speaker.replica(leader, TOPIC, index).leader.in_sync
            assert in_sync.followers[2].broker_epoch == node.view.broker_epoch


def test_a_leader_that_appended_nothing_in_its_epoch_follows_the_next_one(start):
    speaker = start()
    speaker.create(TOPIC, partitions=6)
    index = next(index for index in range(6) if speaker.partition(TOPIC, index).replicas[2] == 1)
    first, second, _ = speaker.partition(TOPIC, index).replicas
    speaker.say(TOPIC, b"a", index=index)
    speaker.cluster.kill_node(first)
    assert speaker.wait_for_leader(TOPIC, index, other_than=first) == second
    speaker.cluster.net.cut([second], [first, 1])
    speaker.cluster.restart_node(first)
    assert speaker.wait_for_leader(TOPIC, index, other_than=second) in (first, 1)
    speaker.cluster.net.heal()
    speaker.wait_for_isr(TOPIC, index=index)
    speaker.say(TOPIC, b"b", index=index)
    speaker.wait_for_isr(TOPIC, index=index)
    assert speaker.everything(TOPIC, index=index) == [b"a", b"b"]
    assert speaker.replica(second, TOPIC, index).log.epochs.latest == speaker.partition(TOPIC, index).leader_epoch
