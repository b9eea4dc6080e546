"""Trouble of other kinds: links that carry one way only or slowly, many partitions at once, deaths that coincide."""

import pytest
from cluster.speaking import Speaker, answer_of
from partition.client import batch

SESSION_S = 9
LAG_S = 30
BALANCE_S = 300
PARTITIONS = 300


def produce_steadily(client: Speaker, seconds: int, index: int = 0) -> list[bytes]:
    """An idempotent producer's word every half second; what it said."""
    producer, said = client.producer(), []
    for number in range(2 * seconds):
        value = b"%d" % number
        assert client.put("t", producer.batch(value), index=index, timeout_ms=120_000).error_code == 0
        said.append(value)
        client.run(0.5)
    return said


@pytest.mark.parametrize("deaf", ["the leader", "the follower"])
def test_a_link_that_carries_one_way_only_is_as_good_as_none_and_heals(start, kept, deaf):
    client = start(**kept)
    client.create("t", partitions=3)
    index, leader, follower = client.led_elsewhere("t")
    client.say("t", b"before", index=index)
    ends = ([leader], [follower]) if deaf == "the follower" else ([follower], [leader])
    client.cluster.net.cut(*ends, both_ways=False)
    answers = [client.put_later("t", batch(b"%d" % n), index=index, timeout_ms=300_000) for n in range(3)]
    client.cluster.wait_for(lambda: all(answers), 3 * LAG_S)
    assert [answer_of(answer[0]).error_code for answer in answers] == [0, 0, 0]
    client.run(LAG_S)
    assert follower not in client.partition("t", index).isr
    assert client.cluster.image().brokers[follower].active
    client.cluster.net.heal()
    client.wait_for_isr("t", index=index)
    client.run(1)
    assert client.logs_are_equal("t", index)
    assert len(client.everything("t", index=index)) == 4


@pytest.mark.parametrize("direction", ["to the controller", "from the controller"])
def test_a_node_that_the_controller_hears_or_speaks_to_in_vain_is_fenced_and_comes_back(start, direction):
    client = start()
    client.create("t", partitions=3)
    ends = ([2], [1]) if direction == "to the controller" else ([1], [2])
    client.cluster.net.cut(*ends, both_ways=False)
    client.run(3 * SESSION_S)
    client.cluster.net.heal()
    client.cluster.wait_for(client.cluster.is_ready, 60)
    for index in range(3):
        client.wait_for_isr("t", index=index)
        client.wait_for_leader("t", index)
        client.say("t", b"a", index=index)


def test_slow_links_make_the_commit_slow_but_shrink_nothing(start):
    client = start()
    client.create("t")
    for a in (1, 2, 3):
        for b in (1, 2, 3):
            if a != b:
                client.cluster.net.slow(a, b, 400)
    said = produce_steadily(client, 40)
    assert client.cluster.world.recorder.count("IsrShrunk") == 0
    assert client.everything("t") == said


def test_steady_traffic_shrinks_nothing(start):
    client = start()
    client.create("t", partitions=3)
    said = produce_steadily(client, 100)
    assert client.cluster.world.recorder.count("IsrShrunk") == 0
    assert client.everything("t") == said


def test_hundreds_of_partitions_change_their_leader_in_a_moment(start):
    client = start()
    client.create("t", partitions=PARTITIONS)
    for index in range(0, PARTITIONS, 10):
        client.say("t", b"a", index=index)
    before = client.cluster.world.clock.now_us()
    client.cluster.kill_node(2)
    for index in range(PARTITIONS):
        client.wait_for_leader("t", index, other_than=2)
    assert client.cluster.world.clock.now_us() - before < 200_000
    for index in range(0, PARTITIONS, 10):
        client.say("t", b"b", index=index)
    client.cluster.restart_node(2)
    for index in range(PARTITIONS):
        client.wait_for_isr("t", index=index)
    client.run(1)
    for index in range(0, PARTITIONS, 10):
        assert client.logs_are_equal("t", index)


def test_leaderships_go_back_to_the_preferred_replicas_after_a_while(start):
    client = start()
    client.create("t", partitions=6)
    preferred = {i: p.replicas[0] for i, p in client.cluster.image().topics["t"].partitions.items()}
    client.cluster.kill_node(2)
    client.run(1)
    client.cluster.restart_node(2)
    for index in preferred:
        client.wait_for_isr("t", index=index)
    assert any(client.leader("t", index) != node for index, node in preferred.items())
    client.run(BALANCE_S + 1)
    assert {index: client.leader("t", index) for index in preferred} == preferred
    for index in preferred:
        client.wait_for_leader("t", index)
        client.say("t", b"a", index=index)


def test_a_node_that_dies_while_the_controller_is_dead_is_fenced_when_that_is_back(start, kept):
    client = start(**kept)
    client.create("t", partitions=6)
    client.cluster.kill_node(1)
    client.run(1)
    client.cluster.kill_node(3)
    client.run(1)
    client.cluster.restart_node(1)
    client.cluster.wait_for(lambda: client.cluster.image(1).brokers and client.cluster.image(1).brokers[3].fenced, 60)
    for index in range(6):
        client.wait_for_leader("t", index, other_than=3)
        client.say("t", b"a", index=index)
    client.cluster.restart_node(3)
    for index in range(6):
        client.wait_for_isr("t", index=index)
        client.run(0.2)
        assert client.logs_are_equal("t", index)


def test_a_rolling_restart_loses_nothing_and_doubles_nothing(start, kept):
    client = start(**kept)
    client.create("t", partitions=3, min_insync_replicas="2")
    producers = [client.producer() for _ in range(3)]
    for number, node in enumerate((2, 3, 1, 3, 2, 1)):
        for index, producer in enumerate(producers):
            client.wait_for_leader("t", index)
            assert client.put("t", producer.batch(b"%d" % number), index=index).error_code == 0
        client.cluster.kill_node(node)
        client.run(2)
        client.cluster.restart_node(node)
        client.cluster.wait_for(client.cluster.is_ready, 60)
        for index in range(3):
            client.wait_for_isr("t", index=index)
    for index in range(3):
        client.wait_for_leader("t", index)
        assert client.everything("t", index=index) == [b"%d" % number for number in range(6)]
        client.run(0.5)
        assert client.logs_are_equal("t", index)


def test_a_stop_in_order_under_traffic_keeps_what_was_acknowledged(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("t")
    answers = [client.put_later("t", batch(b"%d" % number)) for number in range(200)]
    client.cluster.wait_for(lambda: any(answers))
    client.cluster.close()
    acknowledged = [
        b"%d" % n
        for n, heard in enumerate(answers)
        if heard and hasattr(heard[0], "responses") and answer_of(heard[0]).error_code == 0
    ]
    assert acknowledged
    again = start(data_dir=str(tmp_path))
    again.wait_for_leader("t")
    found = again.everything("t")
    assert found[: len(acknowledged)] == acknowledged


def test_a_node_may_be_killed_at_any_moment_of_its_start(start, kept):
    client = start(**kept)
    client.create("t", partitions=6)
    producer = client.producer()
    assert client.put("t", producer.batch(b"a")).error_code == 0
    for step in range(40):
        node = 1 + step % 3
        client.cluster.kill_node(node)
        client.cluster.restart_node(node)
        client.run(step * 0.0007)
    client.cluster.wait_for(client.cluster.is_ready, 60)
    for index in range(6):
        client.wait_for_leader("t", index)
        client.wait_for_isr("t", index=index)
    assert client.put("t", producer.batch(b"b")).base_offset == 1
    assert client.everything("t") == [b"a", b"b"]


def test_nodes_that_start_while_they_are_cut_off_join_when_the_links_heal(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    client.say("t", b"a")
    for node in (1, 2, 3):
        client.cluster.kill_node(node)
    client.cluster.net.cut([1], [2, 3])
    client.cluster.net.cut([2], [3])
    for node in (1, 2, 3):
        client.cluster.restart_node(node)
    client.run(30)
    assert not client.cluster.is_ready()
    client.cluster.net.heal()
    client.cluster.wait_for(client.cluster.is_ready, 60)
    for index in range(3):
        client.wait_for_isr("t", index=index)
    assert client.everything("t") == [b"a"]


def test_a_cluster_in_trouble_stops_in_order_and_starts_again(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("t", partitions=3)
    for index in range(3):
        client.say("t", b"a", index=index)
    client.cluster.net.cut([1], [2])
    client.cluster.kill_node(3)
    client.run(5)
    client.cluster.close()
    again = start(data_dir=str(tmp_path))
    for index in range(3):
        again.wait_for_leader("t", index)
        again.wait_for_isr("t", index=index)
        assert again.everything("t", index=index) == [b"a"]
