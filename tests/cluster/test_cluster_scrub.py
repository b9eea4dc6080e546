"""A check of all that the replicas have on their disks finds rot that nobody reads, while the cluster runs."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from cluster.test_cluster_rot import COUNT, NODES, disk, is_whole_again, read, running, segments, value
from log.rot import flip, tear
from partition.client import batch

from kstore.fs.posix import PosixFileSystem
from kstore.log.verify import verify

__all__ = ["running"]


def follower_of(client) -> int:
    return next(node for node in NODES if node != client.leader("t"))


def test_rot_under_a_follower_is_found_and_repaired_though_nobody_reads_it(running, tmp_path):
    leader, follower = running.leader("t"), follower_of(running)
    path = segments(tmp_path, follower)[1]
    flip(disk(tmp_path, follower), path, 300_000)
    (line,) = running.cluster.scrub("t")
    assert line.startswith(f"node {follower}: {path}, bytes 262324 to ")
    assert line.endswith("the checksum of the batch is wrong")
    running.cluster.wait_for(lambda: (tmp_path / f"node-{follower}" / f"{path}.damaged").exists(), 10)
    running.wait_for_isr("t", 3)
    assert running.leader("t") == leader
    assert running.cluster.scrub("t") == []
    is_whole_again(running, tmp_path)


def test_rot_in_what_was_read_before_is_found_and_repaired(running, tmp_path):
    assert read(running) == [value(number) for number in range(COUNT)]
    leader = running.leader("t")
    flip(disk(tmp_path, leader), segments(tmp_path, leader)[2], 300_000)
    assert len(running.cluster.scrub("t")) == 1
    running.cluster.wait_for(lambda: running.leader("t") != leader, 10)
    is_whole_again(running, tmp_path)


def test_a_background_scrub_finds_and_repairs_rot_at_its_rate(start, tmp_path):
    settings = {
        "log.scrub.bytes.per.second": "1000000",
        "log.scrub.interval.ms": "600000",
        "log.initial.task.delay.ms": "10000",
    }
    client = start(data_dir=str(tmp_path), config=settings)
    client.create("t", segment_bytes=str(1 << 20))
    for number in range(COUNT):
        client.put("t", batch(value(number)))
    client.run(60)  # the first pass
    follower = follower_of(client)
    flip(disk(tmp_path, follower), segments(tmp_path, follower)[1], 300_000)
    client.run(500)
    assert verify(disk(tmp_path, follower), "t-0")
    client.run(100)
    rows = [
        row for row in client.cluster.trace.recording.rows() if row.kind == "LogScrubbed" and row.partition == "t-0"
    ]
    assert len(rows) >= 5
    is_whole_again(client, tmp_path)


def test_there_is_no_scrub_unless_it_was_asked_for(running):
    running.run(3600)
    assert not any("scrub" in name for node in running.cluster.nodes.values() for name in node.actors)
    assert running.cluster.world.recorder.count("LogScrubbed") == 0


def test_rot_in_memory_is_found_and_repaired(start):
    client = start()
    client.create("t", segment_bytes=str(1 << 20))
    for number in range(COUNT):
        client.put("t", batch(value(number)))
    client.wait_for_isr("t", 3)
    client.run(8)
    for node, number in ((client.leader("t"), 0), (follower_of(client), 2)):
        log = client.replica(node, "t").log
        flip(log.fs, list(log.segments)[number].file.path, 300_000)
    assert len(client.cluster.scrub("t")) == 2
    client.cluster.wait_for(lambda: client.cluster.world.recorder.count("LogQuarantined") == 2, 30)
    client.wait_for_isr("t", 3)
    client.run(1)
    assert client.logs_are_equal("t")
    assert client.cluster.scrub("t") == []
    assert read(client) == [value(number) for number in range(COUNT)]


@pytest.mark.parametrize("suffix", ["index", "timeindex"])
def test_rot_in_an_index_is_put_right_and_ends_nothing(running, tmp_path, suffix):
    epoch = running.partition("t").leader_epoch
    for node in NODES:
        flip(disk(tmp_path, node), segments(tmp_path, node)[1].replace(".log", f".{suffix}"), 5)
    assert len({line.partition(",")[0] for line in running.cluster.scrub("t")}) == 3
    assert running.cluster.scrub("t") == []
    assert running.partition("t").leader_epoch == epoch
    assert running.cluster.world.recorder.count("ReplicaOffline") == 0
    is_whole_again(running, tmp_path)


def test_a_topic_with_one_replica_goes_on_and_every_scrub_says_what_is_wrong(start, tmp_path):
    client = start(1, data_dir=str(tmp_path))
    client.create("t", copies=1, segment_bytes=str(1 << 20))
    for number in range(COUNT):
        client.put("t", batch(value(number)))
    client.run(8)  # what is in memory is sound
    flip(disk(tmp_path, 1), segments(tmp_path, 1)[1], 300_000)
    for _ in range(2):
        assert len(client.cluster.scrub("t")) == 1
        assert client.put("t", batch(b"z")).error_code == 0
        assert client.fetch("t", 0).error_code == 0
    assert client.fetch("t", 19).error_code == 2


@pytest.mark.parametrize("round_", range(4))
def test_rot_at_random_places_of_two_replicas_at_a_time_loses_nothing(running, tmp_path, seed, round_):
    """The third has all of it; so it is as long as the damaged ones aren't in sync, or are repaired."""
    random = Random(seed * 10 + round_)
    for _ in range(3):
        for node in random.sample(NODES, 2):
            fs: PosixFileSystem = disk(tmp_path, node)
            path = random.choice(segments(tmp_path, node))
            size = fs.size(path)
            if random.random() < 0.5:
                flip(fs, path, random.randrange(size), random.randrange(8))
            else:
                tear(fs, path, random.randrange((size - 1) // 4096 + 1))
        running.cluster.scrub("t")
        running.cluster.wait_for(lambda: running.leader("t") > 0, 30)
        running.wait_for_isr("t", 3)
    is_whole_again(running, Path(tmp_path))
