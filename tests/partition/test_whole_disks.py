"""A whole disk fails, fills up or is deleted under one node: its brothers go on, and it comes back by itself."""

import errno
import logging
import shutil

import pytest

from actors.simulation.faults import WRITES
from kstore.errors import KafkaStorageError

TOPICS = [f"t{number}" for number in range(6)]


def filled(client):
    for topic in TOPICS:
        client.create(topic)
        client.produce(topic, b"0")


def everybody_has(client, count):
    def holds() -> bool:
        for topic in TOPICS:
            found = client.partition(topic)
            if found.leader < 0 or sorted(found.isr) != [1, 2, 3]:
                return False
            for node in client.cluster.nodes.values():
                replica = node.actors.get(f"{node.name}/replica/{topic}-0")
                if replica is None or replica.offline is not None or replica.log.high_watermark != count:
                    return False
        return True

    client.cluster.wait_for(holds, 60)


def others_serve(client, node, value):
    """Each topic takes a record within a while, though a node has a bad disk."""
    for topic in TOPICS:

        def is_taken(topic=topic) -> bool:
            leader = client.leader(topic)
            return leader > 0 and client.produce(topic, value, node=leader).error_code == 0

        if client.leader(topic) == node:
            answer = client.produce(topic, value, node=node)
            assert answer.error_code == KafkaStorageError.code
        client.wait_for_leader(topic, other_than=node)
        assert is_taken()
        assert node not in client.partition(topic).isr or client.leader(topic) != node


@pytest.mark.parametrize("node", [1, 2])
def test_a_full_disk_ends_nothing_but_the_lead_of_its_node_and_heals(start, disks, node):
    client = start()
    filled(client)
    disks[node].fail(WRITES, "*", errno.ENOSPC)
    if node == 1:  # its controller can't have another lead: what others lead goes on
        client.run(20)
        led = [topic for topic in TOPICS if client.leader(topic) != 1]
        for topic in led:
            assert client.fetch(topic, 0).error_code == 0
        disks.heal()
        client.cluster.wait_for(lambda: all(client.partition(topic).leader > 0 for topic in TOPICS), 60)
        everybody_has(client, 1)
        return
    others_serve(client, node, b"1")
    client.run(20)
    disks.heal()
    everybody_has(client, 2)


def test_when_every_disk_is_full_nothing_is_taken_or_lost_and_all_goes_on_when_there_is_room(start, disks):
    client = start()
    filled(client)
    for disk in disks.values():
        disk.fail(WRITES, "*", errno.ENOSPC)
    for topic in TOPICS:
        assert client.produce(topic, b"x", node=client.leader(topic)).error_code
    client.run(30)
    assert len(client.cluster.living()) == 3
    disks.heal()
    everybody_has(client, 1)
    for topic in TOPICS:
        assert client.produce(topic, b"1").error_code == 0


def test_a_deleted_folder_is_noticed_and_made_anew_from_the_other_nodes(start, disks, caplog):
    client = start()
    filled(client)
    disks[2].inner.remove_tree("")
    with caplog.at_level(logging.WARNING):
        for topic in TOPICS:
            client.produce(topic, b"1", node=client.wait_for_leader(topic))
        client.run(70)
    assert any("node-2 is gone" in record.getMessage() for record in caplog.records)
    everybody_has(client, 2)
    names = disks[2].inner.listdir()
    assert {"meta.properties", ".lock", "__cluster_metadata-0", *(f"{topic}-0" for topic in TOPICS)} <= set(names)
    client.cluster.faults.restart(2)
    everybody_has(client, 2)


def test_a_deleted_folder_of_the_real_file_system_is_made_anew(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    filled(client)
    before = (tmp_path / "node-3/meta.properties").read_text()
    shutil.rmtree(tmp_path / "node-3")
    for topic in TOPICS:
        client.produce(topic, b"1", node=client.wait_for_leader(topic))
    client.run(70)
    everybody_has(client, 2)
    assert (tmp_path / "node-3/meta.properties").read_text() == before


def test_the_only_node_whose_folder_was_deleted_serves_nothing_and_says_why(start, disks, caplog):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"0")
    disks[1].inner.remove_tree("")
    with caplog.at_level(logging.WARNING):
        client.produce("t", b"1")
        client.run(70)
    assert client.produce("t", b"2", node=1).error_code == KafkaStorageError.code
    said = [record.getMessage() for record in caplog.records]
    assert any("the files of t-0 are gone" in line for line in said), said
    assert any("the files of __cluster_metadata-0 are gone" in line for line in said), said


def test_a_checkpoint_that_cannot_be_written_is_logged_once_and_written_when_it_can_be(start, disks, caplog):
    client = start()
    filled(client)
    disks[2].fail("replace", "*-checkpoint", errno.EACCES)
    with caplog.at_level(logging.WARNING):
        for number in range(1, 30):
            client.produce("t0", b"%d" % number)
            client.run(5)
        assert client.cluster.image().brokers[2].active
        disks.heal()
        client.run(20)
    said = [record.getMessage() for record in caplog.records if "high watermarks" in record.getMessage()]
    assert [line.partition(": ")[2][:52] for line in said] == [
        "the checkpoint of high watermarks can't be written: ",
        "the checkpoint of high watermarks can be written aga",
    ]
    assert b"t0 0 30" in disks[2].inner.read_bytes("replication-offset-checkpoint")


def test_a_stop_on_a_full_disk_ends_says_so_and_the_next_start_recovers(start, disks, caplog):
    client = start()
    filled(client)
    disks[2].fail(WRITES, "*", errno.ENOSPC)
    with caplog.at_level(logging.WARNING):
        client.cluster.close()
    assert not disks[2].inner.exists(".kafka_cleanshutdown")
    assert disks[3].inner.exists(".kafka_cleanshutdown")
    assert any("No space left on device" in record.getMessage() for record in caplog.records)
