"""What a broker tells of its folder: the bytes of its logs, also of those that are out of use, and its disk's state."""

from __future__ import annotations

import errno
import shutil

import pytest

from actors.broker.slices import PART
from kstore.errors import KafkaStorageError
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_log_dirs import DescribableLogDirTopic, DescribeLogDirsRequest

ALL = DescribeLogDirsRequest(topics=None)


def told(client, node=1, request=ALL):
    """The one folder of a node."""
    (found,) = client.ask(node, request).results
    return found


def replicas(found):
    """Size and lag of each replica, by topic and number."""
    return {
        (topic.name, each.partition_index): (each.partition_size, each.offset_lag)
        for topic in found.topics
        for each in topic.partitions
    }


def on_disk(disk, label):
    return sum(disk.size(f"{label}/{name}") for name in disk.listdir(label) if name.endswith(".log"))


def test_sizes_are_those_of_the_segments_on_the_disk(start, disks):
    client = start()
    client.create("t", partitions=2, segment_bytes="1048576")
    for _ in range(5):
        client.produce("t", bytes(300_000))
    client.run(1)
    assert len([name for name in disks[1].listdir("t-0") if name.endswith(".log")]) > 1
    for node in (1, 2, 3):
        assert replicas(told(client, node)) == {("t", 0): (on_disk(disks[node], "t-0"), 0), ("t", 1): (0, 0)}


def test_a_replica_that_is_out_of_use_is_told_with_what_it_took_and_without_a_lag(start, disks):
    client = start()
    client.create("t")
    client.produce("t", b"a")
    node = client.leader("t")
    size = on_disk(disks[node], "t-0")
    disks[node].fail("append", "t-0/*", errno.EIO)
    client.produce("t", b"b")
    client.wait_for_leader("t", other_than=node)
    assert replicas(told(client, node)) == {("t", 0): (size, -1)}


def test_a_log_that_could_not_be_opened_is_left_out(start, disks):
    client = start()
    client.create("other")
    disks[2].fail("mkdir", "t-0", errno.EIO)
    client.create("t")
    assert replicas(told(client, 2)).keys() == {("other", 0)}
    assert replicas(told(client, 3)).keys() == {("other", 0), ("t", 0)}


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOENT])
def test_a_disk_that_does_not_answer_is_told_of_by_its_error_alone(start, disks, number):
    client = start()
    client.create("t")
    fault = disks[2].fail("disk_space", number=number)
    found = told(client, 2)
    assert (found.error_code, found.topics, found.total_bytes) == (KafkaStorageError.code, [], -1)
    assert fault.hits == 1
    assert told(client, 3).error_code == 0
    disks.heal()
    assert replicas(told(client, 2)) == {("t", 0): (0, 0)}


def test_a_folder_that_was_deleted_is_told_of_by_its_error(start, tmp_path):
    client = start(data_dir=str(tmp_path))
    client.create("t")
    assert told(client, 2).error_code == 0
    shutil.rmtree(tmp_path / "node-2")
    found = told(client, 2)
    assert (found.log_dir, found.error_code) == (str(tmp_path / "node-2"), KafkaStorageError.code)


def test_a_deleted_topic_is_gone_when_all_know_it(start):
    client = start()
    client.create("t")
    client.create("other")
    client.ask(1, DeleteTopicsRequest(topics=[DeleteTopicState(name="t")], timeout_ms=10_000))
    client.cluster.wait_for(lambda: all("t" not in client.cluster.image(node).topics for node in (1, 2, 3)), 60)
    asked = DescribeLogDirsRequest(topics=[DescribableLogDirTopic(topic="t", partitions=[0])])
    for node in (1, 2, 3):
        assert told(client, node, asked).topics == []
        assert replicas(told(client, node)).keys() == {("other", 0)}


def test_very_many_partitions_are_told_each_once_and_in_portions(start):
    client = start(1)
    client.create("t", partitions=PART + 5, copies=1)
    client.create("u", partitions=PART, copies=1)
    wanted = {(name, number) for name, count in (("t", PART + 5), ("u", PART)) for number in range(count)}
    pauses = client.cluster.world.recorder.count("TurnsLeftToOthers")
    found = told(client)
    assert replicas(found).keys() == wanted
    assert sum(len(topic.partitions) for topic in found.topics) == len(wanted)
    assert client.cluster.world.recorder.count("TurnsLeftToOthers") - pauses >= 4
