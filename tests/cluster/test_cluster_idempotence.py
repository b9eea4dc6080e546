"""Idempotent producers and a cluster that fails under them: one copy of each batch, and the first offset each time."""

from functools import partial

import pytest
from cluster.speaking import IdempotentProducer, Speaker, answer_of, batches_in
from partition.client import batch

from actors.network.link import Disconnected
from kstore.errors import InvalidProducerEpoch, OutOfOrderSequenceNumber

SEQUENCE_MAX = 2**31 - 1
CLIENT = -1


def stands(client: Speaker, records: bytes, **how: int) -> tuple[int, int]:
    """Produce a batch; its error code and first offset."""
    answer = client.put("t", records, **how)
    return answer.error_code, answer.base_offset


def restart_all(client: Speaker) -> None:
    """Kill every node, and bring all back on their folders."""
    for node in (1, 2, 3):
        client.cluster.kill_node(node)
    client.run(1)
    for node in (1, 2, 3):
        client.cluster.restart_node(node)
    client.cluster.wait_for(client.cluster.is_ready, 60)
    client.wait_for_leader("t")


def test_a_batch_whose_answer_was_lost_is_there_once_and_the_retry_gets_its_first_offset(start, kept):
    client = start(**kept)
    client.create("t")
    producer = client.producer()
    leader = client.leader("t")
    assert stands(client, producer.batch(b"a")) == (0, 0)
    client.cluster.net.cut([leader], [CLIENT], both_ways=False)
    records = producer.batch(b"b", b"c")
    lost = client.put_later("t", records)
    client.run(2)
    assert client.replica(leader, "t").log.high_watermark == 3
    client.links[leader, 1].close()
    client.cluster.wait_for(lambda: lost)
    assert lost[0].name == "DISCONNECTED"
    client.cluster.net.heal()
    for _ in range(3):
        assert stands(client, records) == (0, 1)
    assert client.cluster.world.recorder.count("DuplicateAnswered") == 3
    assert stands(client, producer.batch(b"d")) == (0, 3)
    assert client.everything("t") == [b"a", b"b", b"c", b"d"]


def test_a_leader_that_dies_after_the_append_leaves_one_copy_with_its_offset(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, leader, _ = client.led_elsewhere("t")
    producer = client.producer()
    assert stands(client, producer.batch(b"a"), index=index) == (0, 0)
    client.cluster.net.cut([leader], [CLIENT], both_ways=False)
    records = producer.batch(b"b")
    lost = client.put_later("t", records, index=index)
    client.cluster.wait_for(lambda: client.replica(leader, "t", index).log.high_watermark == 2)
    client.cluster.kill_node(leader)
    client.wait_for_leader("t", index, other_than=leader)
    client.cluster.net.heal()
    assert stands(client, records, index=index) == (0, 1)
    assert stands(client, producer.batch(b"c"), index=index) == (0, 2)
    assert client.everything("t", index=index) == [b"a", b"b", b"c"]
    assert not lost or lost[0].name == "DISCONNECTED"


def test_a_leader_that_dies_before_anybody_has_the_batch_leaves_one_copy_too(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, leader, _ = client.led_elsewhere("t")
    producer = client.producer()
    assert stands(client, producer.batch(b"a"), index=index) == (0, 0)
    client.cluster.net.cut([leader], [n for n in (1, 2, 3) if n != leader])
    records = producer.batch(b"b")
    client.put_later("t", records, index=index)
    client.run(1)
    assert client.replica(leader, "t", index).log.end_offset == 2
    client.cluster.kill_node(leader)
    client.wait_for_leader("t", index, other_than=leader)
    client.cluster.net.heal()
    assert stands(client, records, index=index) == (0, 1)
    client.cluster.restart_node(leader)
    client.wait_for_isr("t", index=index)
    client.run(1)
    assert stands(client, records, index=index) == (0, 1)
    assert client.everything("t", index=index) == [b"a", b"b"]
    assert client.logs_are_equal("t", index)


def test_after_the_whole_cluster_was_killed_each_of_the_last_five_batches_is_known(start, kept):
    client = start(**kept)
    client.create("t")
    producer = client.producer()
    sent = [producer.batch(b"%d" % number, b"again") for number in range(8)]
    assert [stands(client, records) for records in sent] == [(0, 2 * number) for number in range(8)]
    restart_all(client)
    for number in range(3, 8):
        assert stands(client, sent[number]) == (0, 2 * number)
    assert stands(client, producer.batch(b"next")) == (0, 16)
    assert len(client.everything("t")) == 17


def test_after_a_stop_in_order_a_retry_is_known_too(start, kept, tmp_path):
    folder = str(tmp_path / "kept")
    client = start(data_dir=folder)
    client.create("t")
    producer = client.producer()
    sent = [producer.batch(b"%d" % number) for number in range(5)]
    assert [stands(client, records) for records in sent] == [(0, number) for number in range(5)]
    client.cluster.close()
    again = start(data_dir=folder)
    again.wait_for_leader("t")
    assert [stands(again, records) for records in sent] == [(0, number) for number in range(5)]
    assert stands(again, producer.batch(b"next")) == (0, 5)
    assert again.producer().producer_id > producer.producer_id


def test_a_gap_in_the_sequence_is_refused_by_the_leader_and_by_the_next_one(start):
    client = start()
    client.create("t", partitions=3)
    index, leader, _ = client.led_elsewhere("t")
    producer = client.producer()
    first = producer.batch(b"a", b"b")
    assert stands(client, first, index=index) == (0, 0)
    gap = producer.batch(b"late", sequence=3)
    assert stands(client, gap, index=index) == (OutOfOrderSequenceNumber.code, -1)
    client.cluster.kill_node(leader)
    client.wait_for_leader("t", index, other_than=leader)
    assert stands(client, gap, index=index) == (OutOfOrderSequenceNumber.code, -1)
    assert stands(client, first, index=index) == (0, 0)
    assert stands(client, producer.batch(b"c"), index=index) == (0, 2)
    assert client.everything("t", index=index) == [b"a", b"b", b"c"]


def test_an_older_epoch_of_the_producer_is_refused_also_after_a_restart(start):
    client = start()
    client.create("t")
    old = client.producer()
    assert stands(client, old.batch(b"a")) == (0, 0)
    new = IdempotentProducer(client.cluster, old.producer_id, old.epoch + 1)
    assert stands(client, new.batch(b"b", sequence=5)) == (OutOfOrderSequenceNumber.code, -1)
    assert stands(client, new.batch(b"b")) == (0, 1)
    late = old.batch(b"late")
    assert stands(client, late) == (InvalidProducerEpoch.code, -1)
    restart_all(client)
    assert stands(client, late) == (InvalidProducerEpoch.code, -1)
    assert stands(client, new.batch(b"c")) == (0, 2)


def test_sequence_numbers_begin_again_after_the_largest(start):
    client = start()
    client.create("t")
    producer = IdempotentProducer(client.cluster, client.producer().producer_id, sequence=SEQUENCE_MAX - 1)
    across = producer.batch(b"a", b"b", b"c")
    assert stands(client, across) == (0, 0)
    assert batches_in(client.log_bytes(client.leader("t"), "t"))[0].last_sequence == 0
    producer.sequence = 1
    after = producer.batch(b"d")
    assert stands(client, after) == (0, 3)
    assert stands(client, across) == (0, 0)
    restart_all(client)
    assert stands(client, across) == (0, 0)
    assert stands(client, after) == (0, 3)
    assert stands(client, producer.batch(b"e")) == (0, 4)


def test_requests_in_flight_when_the_leader_dies_are_retried_in_order_without_a_second_copy(start, kept):
    client = start(**kept)
    client.create("t", partitions=3)
    index, leader, _ = client.led_elsewhere("t")
    producer = client.producer()
    sent = [producer.batch(b"%d" % number) for number in range(5)]
    answers = [client.put_later("t", records, index=index) for records in sent]
    client.cluster.wait_for(lambda: any(answers) or client.replica(leader, "t", index).log.end_offset >= 2)
    client.cluster.kill_node(leader)
    client.wait_for_leader("t", index, other_than=leader)
    assert [stands(client, records, index=index) for records in sent] == [(0, number) for number in range(5)]
    for heard in answers:
        assert not heard or heard[0].name == "DISCONNECTED" or answer_of(heard[0]).error_code == 0
    assert client.everything("t", index=index) == [b"%d" % number for number in range(5)]


def test_producers_without_numbers_are_not_told_apart(start):
    client = start()
    client.create("t")
    assert stands(client, batch(b"a")) == (0, 0)
    assert stands(client, batch(b"a")) == (0, 1)


def test_no_producer_id_is_given_twice_whichever_nodes_die(start, kept):
    client = start(**kept)
    given = []
    for _ in range(3):
        given += [client.producer().producer_id for _ in range(2)]
        client.cluster.kill_node(1)
        client.run(1)
        client.cluster.restart_node(1)
        client.cluster.wait_for(client.cluster.is_ready, 60)
    assert len(set(given)) == len(given)


def push(client: Speaker, sent: list[bytes], acknowledged: int) -> int:
    """Send what isn't acknowledged, five at a time, until something fails; how many are acknowledged then."""
    while acknowledged < len(sent):
        leader = client.leader("t")
        if leader < 0 or not client.cluster.nodes[leader].alive:
            return acknowledged
        window = sent[acknowledged : acknowledged + 5]
        answers = [client.put_later("t", records) for records in window]
        node = client.cluster.nodes[leader]
        client.cluster.wait_for(partial(lambda answers, node: all(answers) or not node.alive, answers, node), 60)
        for number, heard in enumerate(answers, start=acknowledged):
            if not heard or isinstance(heard[0], Disconnected) or answer_of(heard[0]).error_code:
                return acknowledged
            assert answer_of(heard[0]).base_offset == number
            acknowledged = number + 1
    return acknowledged


def push_through_deaths(client: Speaker, count: int) -> int:
    """Have a producer say so much while leaders, and sometimes all nodes, die; check it; how many times they died."""
    client.create("t", segment_bytes="1048576", index_interval_bytes="1000")
    producer = client.producer()
    values = [b"%d" % number + b"." * (number % 7) * 3000 for number in range(count)]
    sent = [producer.batch(value) for value in values]
    draw, acknowledged, deaths = client.cluster.world.random, 0, 0
    while acknowledged < len(sent):
        victims = (1, 2, 3) if deaths % 4 == 3 else (client.leader("t"),)

        def die(victims: tuple[int, ...] = victims) -> None:
            for node in victims:
                client.cluster.kill_node(node)

        client.cluster.world.timers.at(client.cluster.world.clock.now_us() + draw.randrange(15_000), die)
        deaths += 1
        acknowledged = push(client, sent, acknowledged)
        client.run(0.1)
        for node in (1, 2, 3):
            if not client.cluster.nodes[node].alive:
                client.cluster.restart_node(node)
        client.cluster.wait_for(client.cluster.is_ready, 60)
        client.wait_for_leader("t")
    client.run(0.1)
    assert client.everything("t") == values
    client.wait_for_isr("t")
    client.run(1)
    assert client.logs_are_equal("t")
    return deaths


@pytest.mark.parametrize("number", range(4))
def test_a_pipeline_through_deaths_of_leaders_and_of_the_whole_cluster_is_there_once_and_in_order(start, seed, number):
    assert push_through_deaths(start(seed=100 * seed + number), 300) >= 5


def test_a_pipeline_through_deaths_on_the_disk_is_there_once_and_in_order(start, tmp_path):
    assert push_through_deaths(start(data_dir=str(tmp_path)), 120) >= 1
