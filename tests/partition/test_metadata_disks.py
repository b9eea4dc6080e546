"""The disk fails under the metadata log: the controller resigns, a copy is halted, and both come back by themselves."""

import errno
import logging

import pytest
from partition.client import Client

from kstore.errors import NotController
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest

METADATA = "__cluster_metadata-0/*"


def creation(name: str) -> CreateTopicsRequest:
    return CreateTopicsRequest(
        topics=[CreatableTopic(name=name, num_partitions=1, replication_factor=3)], timeout_ms=10_000
    )


@pytest.mark.parametrize("operation", ["append", "sync"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_controller_that_cannot_write_resigns_the_brokers_go_on_and_it_comes_back(start, disks, operation, number):
    client: Client = start()
    client.create("before")
    epoch = client.cluster.image().epoch
    fault = disks[1].fail((operation, "replace"), METADATA, number)
    answer = client.ask(1, creation("meanwhile"))
    assert [topic.error_code for topic in answer.topics] in ([], [NotController.code])
    client.run(20)
    assert fault.hits
    assert client.produce("before", b"a").error_code == 0
    assert client.fetch("before", 0).error_code == 0
    disks.heal()
    client.cluster.wait_for(lambda: client.cluster.image().epoch > epoch, 60)
    client.create("after")
    client.wait_for_leader("after")
    assert client.produce("after", b"a").error_code == 0


def test_a_broker_that_dies_while_the_controller_has_resigned_is_fenced_when_it_is_back(start, disks):
    client: Client = start()
    client.create("t")
    disks[1].fail(("append", "replace"), METADATA)
    client.ask(1, creation("meanwhile"))
    client.cluster.faults.kill(3)
    client.run(5)
    assert not client.cluster.image(2).brokers[3].fenced
    disks.heal()
    client.cluster.wait_for(lambda: client.cluster.image(2).brokers[3].fenced, 60)
    client.cluster.faults.restart(3)
    client.cluster.wait_for(lambda: sorted(client.partition("t").isr) == [1, 2, 3], 60)


def test_a_decision_that_could_not_be_written_is_not_half_taken(start, disks):
    client: Client = start()
    disks[1].fail("append", METADATA, times=1)
    client.ask(1, creation("t"))
    client.run(10)
    images = [client.cluster.image(node) for node in (1, 2, 3)]
    assert ["t" in image.topics for image in images] == [False, False, False]
    client.create("t")
    assert client.produce("t", b"a").error_code == 0


@pytest.mark.parametrize("operation", ["append", "replace", "create"])
def test_a_node_whose_copy_cannot_be_written_is_fenced_and_its_brothers_lead(start, disks, operation):
    client: Client = start()
    for number in range(6):
        client.create(f"t{number}")
    disks[2].fail(("append", operation), METADATA, errno.ENOSPC)
    client.ask(1, creation("meanwhile"))
    client.cluster.wait_for(lambda: all(client.cluster.image(node).brokers[2].fenced for node in (1, 3)), 30)
    for number in range(6):
        leader = client.cluster.image(1).topics[f"t{number}"].partitions[0].leader
        assert leader in (1, 3)
        assert client.produce(f"t{number}", b"a", node=leader).error_code == 0
    disks.heal()
    client.cluster.wait_for(lambda: all(client.cluster.image(n).brokers[2].active for n in (1, 2, 3)), 60)
    client.cluster.wait_for(
        lambda: all(sorted(client.partition(f"t{number}").isr) == [1, 2, 3] for number in range(6)), 60
    )
    assert client.cluster.image(2).topics.keys() == client.cluster.image(1).topics.keys()


def test_a_copy_that_is_damaged_is_fetched_anew(start, disks):
    client: Client = start()
    client.create("t")
    name = "__cluster_metadata-0/00000000000000000000.log"
    disks[2].fail("append", METADATA, times=1)
    disks[2].inner.open(name).truncate(100)
    client.create("u")
    client.cluster.wait_for(lambda: "u" in client.cluster.image(2).topics, 60)
    client.cluster.wait_for(lambda: disks[2].inner.read_bytes(name) == disks[1].inner.read_bytes(name), 60)


def test_what_happens_is_logged_once_however_often_it_is_tried(start, disks, caplog):
    client: Client = start()
    disks[1].fail(("append", "replace"), METADATA, errno.ENOSPC)
    with caplog.at_level(logging.WARNING):
        client.ask(1, creation("t"))
        client.run(55)
        disks.heal()
        client.run(30)
    lines = [record.getMessage() for record in caplog.records if record.name == "kstore.storage"]
    assert sum("the controller has resigned" in line for line in lines) <= 2, lines
    assert "No space left on device" in lines[0]
    assert sum("is back" in line for line in lines) == 1, lines


def test_what_happens_long_after_the_first_start_is_logged_as_seldom(start, disks, caplog):
    client: Client = start()
    client.run(120)
    disks[1].fail(("append", "replace"), METADATA, errno.ENOSPC)
    with caplog.at_level(logging.WARNING):
        client.ask(1, creation("t"))
        client.run(55)
    lines = [record.getMessage() for record in caplog.records if record.name == "kstore.storage"]
    assert sum("the controller has resigned" in line for line in lines) <= 2, lines
    rows = client.cluster.world.recorder.recent(100_000)
    halts = [row for row in rows if row.kind == "MetadataHalted" and row.actor.endswith("/controller")]
    assert len(halts) <= 20


def test_a_stop_while_the_metadata_log_is_out_of_use_is_not_marked_clean(start, disks):
    client: Client = start()
    client.create("t")
    client.produce("t", b"a")
    disks[2].fail(("append", "replace", "create", "sync"), METADATA)
    client.ask(1, creation("meanwhile"))
    client.run(5)
    client.cluster.close()
    marks = [disk.inner.exists(".kafka_cleanshutdown") for disk in disks.values()]
    assert marks == [True, False, True]
