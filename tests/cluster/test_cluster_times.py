"""One story over every kind of time, place and link; and the same story twice is the same to the last row."""

from pathlib import Path
from typing import Any

import pytest
from cluster.speaking import IdempotentProducer, Speaker, answer_of
from partition.client import batch, values

from actors.network.link import Disconnected
from kstore.errors import OutOfOrderSequenceNumber, for_code

WORLDS: dict[str, dict[str, Any]] = {
    "virtual": {},
    "virtual, over the wire": {"wire": True},
    "real": {"seed": None},
    "real, over the wire": {"seed": None, "wire": True},
    "an event loop with sockets": {"seed": None, "listen": "127.0.0.1:0"},
}


def retry(client: Speaker, records: bytes, index: int = 0) -> int:
    """Produce until it is taken; its first offset."""
    while True:
        client.wait_for_leader("t", index)
        outcome = client.ask(client.leader("t", index), client.produce_request("t", records, index=index))
        if not isinstance(outcome, Disconnected):
            answer = answer_of(outcome)
            if answer.error_code == 0:
                return int(answer.base_offset)
            assert for_code(answer.error_code).retriable, answer
        client.run(0.02)


def tell_the_story(client: Speaker) -> None:
    """Produce, read, wait, kill a node, bring it back, and find everything once and in order."""
    client.create("t", partitions=3, copies=min(3, len(client.cluster.node_ids)))
    producer = client.producer()
    index, leader = 0, client.leader("t")
    sent = [producer.batch(b"%d" % number) for number in range(10)]
    assert [retry(client, records) for records in sent[:5]] == [0, 1, 2, 3, 4]
    assert values(client.fetch("t", 2).records) == [b"2", b"3", b"4"]
    request = client.fetch_request("t", 5, max_wait_ms=30_000)
    waiting = client.send(leader, request, connection=2)
    assert retry(client, sent[5]) == 5
    client.cluster.wait_for(lambda: waiting)
    assert values(waiting[0].responses[0].partitions[0].records) == [b"5"]
    client.cluster.kill_node(leader)
    if leader == 1:
        client.cluster.restart_node(leader)
    assert [retry(client, records) for records in sent[5:]] == [5, 6, 7, 8, 9]
    if leader != 1:
        client.cluster.restart_node(leader)
    client.wait_for_isr("t", len(client.cluster.node_ids), index=index)
    gap = producer.batch(b"gap", sequence=99)
    assert client.put("t", gap).error_code == OutOfOrderSequenceNumber.code
    assert [retry(client, records) for records in sent[5:]] == [5, 6, 7, 8, 9]
    assert client.everything("t") == [b"%d" % number for number in range(10)]
    client.cluster.wait_for(lambda: client.logs_are_equal("t"))


@pytest.mark.parametrize("brokers", [1, 3])
@pytest.mark.parametrize("world", WORLDS)
def test_the_story_is_the_same_in_every_world(start, kept, world, brokers):
    tell_the_story(start(brokers, **WORLDS[world], **kept))


def test_the_story_goes_on_in_real_time_after_the_cluster_was_stopped_and_started_anew(start, tmp_path):
    folder = str(tmp_path)
    client = start(seed=None, data_dir=folder)
    tell_the_story(client)
    producer = client.producer()
    last = producer.batch(b"last")
    assert retry(client, last) == 10
    client.cluster.close()
    again = start(seed=None, data_dir=folder)
    again.wait_for_leader("t")
    assert retry(again, last) == 10
    assert retry(again, producer.batch(b"one more")) == 11
    assert len(again.everything("t")) == 12


def trouble(client: Speaker) -> str:
    """A cut, a kill, a restart and a heal under traffic; the hash of all that happened."""
    client.create("t", partitions=6)
    producers = [IdempotentProducer(client.cluster, 900 + index) for index in range(6)]
    for step in range(20):
        for index, producer in enumerate(producers):
            client.put_later("t", producer.batch(b"%d" % step), index=index, acks=-1 if step % 3 else 1)
        if step == 3:
            client.cluster.net.cut([3], [1, 2])
        if step == 8:
            client.cluster.kill_node(2)
        if step == 11:
            client.cluster.restart_node(2)
        if step == 13:
            client.cluster.net.heal()
        client.run(1.5)
    client.cluster.wait_for(client.cluster.is_ready)
    for index in range(6):
        client.wait_for_isr("t", index=index)
        client.put("t", batch(b"end"), index=index)
    return str(client.cluster.world.recorder.trace_hash())


def hash_of(start: Any, **how: Any) -> str:
    return trouble(start(**how))


def test_the_same_seed_gives_the_same_trace_of_a_run_with_failures(start, tmp_path: Path):
    first = hash_of(start)
    assert hash_of(start) == first
    assert hash_of(start, data_dir=str(tmp_path)) == first, "where the files are is no difference"
    assert hash_of(start, seed=12345) != first


def test_the_same_seed_gives_the_same_trace_over_the_wire(start):
    assert hash_of(start, wire=True) == hash_of(start, wire=True)
