"""Rot in a log that is in use: it is never given out, and what it has changed comes back from another replica."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from log.rot import PAGE_BYTES, flip, tear
from partition.client import batch

from kstore.fs.posix import PosixFileSystem
from kstore.log.verify import verify

COUNT = 60
NODES = (1, 2, 3)


def value(number: int) -> bytes:
    return b"%09d" % number + b"x" * 65_500


@pytest.fixture
def running(start, tmp_path):
    """Three nodes that have a topic of several segments, nothing of which is in memory any more."""
    client = start(data_dir=str(tmp_path))
    client.create("t", segment_bytes=str(1 << 20))
    for number in range(COUNT):
        client.put("t", batch(value(number)))
    client.wait_for_isr("t", 3)
    client.run(8)
    return client


def disk(folders: Path, node: int) -> PosixFileSystem:
    return PosixFileSystem(folders / f"node-{node}", max_open_files=4)


def segments(folders: Path, node: int) -> list[str]:
    return sorted(f"t-0/{path.name}" for path in (folders / f"node-{node}" / "t-0").glob("*.log"))


def read(client, wanted: int = COUNT) -> list[bytes]:
    found: list[bytes] = []
    with client.cluster.consumer("t", auto_offset_reset="earliest") as consumer:

        def has_all() -> bool:
            for records in consumer.poll(0).values():
                found.extend(record.value for record in records)
            return len(found) >= wanted

        client.cluster.wait_for(has_all, 60)
    return found


def is_whole_again(client, folders: Path, count: int = COUNT) -> None:
    """All replicas are in sync, and their files are equal and sound."""
    client.wait_for_isr("t", 3)
    client.run(1)
    assert client.logs_are_equal("t")
    assert read(client, count) == [value(number) for number in range(count)]
    client.cluster.close()
    for node in NODES:
        assert verify(disk(folders, node), "t-0") == []


@pytest.mark.parametrize("number", [0, 2, -1])
@pytest.mark.parametrize("harm", [flip, tear])
def test_rot_under_a_leader_is_never_served_and_repaired_from_another_replica(running, tmp_path, caplog, number, harm):
    client, leader = running, running.leader("t")
    fs, path = disk(tmp_path, leader), segments(tmp_path, leader)[number]
    harm(fs, path, PAGE_BYTES * 40 + 900 if harm is flip else 40)
    rotten = fs.read_bytes(path)
    with caplog.at_level(logging.WARNING):
        assert read(client) == [value(number) for number in range(COUNT)]
    assert client.leader("t") != leader
    client.wait_for_isr("t", 3)
    assert fs.read_bytes(f"{path}.damaged") == rotten
    assert any(f"node {leader}: t-0 is damaged, and kept as {path}.damaged" in line for line in caplog.messages)
    is_whole_again(client, tmp_path)


def test_the_segments_before_a_damaged_one_are_not_fetched_again(running, tmp_path):
    leader = running.leader("t")
    paths = segments(tmp_path, leader)
    flip(disk(tmp_path, leader), paths[2], 100)
    first = (tmp_path / f"node-{leader}" / paths[0]).stat().st_ino
    read(running)
    running.wait_for_isr("t", 3)
    running.run(1)
    rows = [row for row in running.cluster.trace.recording.rows() if row.kind == "LogQuarantined"]
    assert [row.offset1 for row in rows] == [int(paths[2][4:24])]
    assert (tmp_path / f"node-{leader}" / paths[0]).stat().st_ino == first
    assert not list(tmp_path.glob("node-*/t-0/*.aside"))
    is_whole_again(running, tmp_path)


def test_rot_under_a_leader_and_elsewhere_under_a_follower_is_repaired_one_after_the_other(running, tmp_path):
    leader = running.leader("t")
    follower = next(node for node in NODES if node != leader)
    flip(disk(tmp_path, leader), segments(tmp_path, leader)[1], 300_000)
    flip(disk(tmp_path, follower), segments(tmp_path, follower)[2], 300_000)
    for _ in range(3):
        assert read(running) == [value(number) for number in range(COUNT)]
        running.wait_for_isr("t", 3)
    for _ in NODES:  # each leads once, so each is read
        running.cluster.faults.restart(running.leader("t"))
        running.wait_for_isr("t", 3)
        read(running)
        running.wait_for_isr("t", 3)
    is_whole_again(running, tmp_path)


def test_what_is_written_while_a_leader_is_repaired_is_not_lost(running, tmp_path):
    leader = running.leader("t")
    flip(disk(tmp_path, leader), segments(tmp_path, leader)[0], 70_000)
    with running.cluster.producer(acks="all") as producer:
        sent = [producer.send("t", value(COUNT + number)) for number in range(20)]
        assert read(running)[:COUNT] == [value(number) for number in range(COUNT)]
        assert sorted(each.get(timeout=30).offset for each in sent) == list(range(COUNT, COUNT + 20))
    assert running.leader("t") != leader
    is_whole_again(running, tmp_path, COUNT + 20)


def test_a_leader_hears_of_rot_in_what_it_read_before_from_a_follower_that_is_behind(running, tmp_path):
    leader = running.leader("t")
    behind = next(node for node in NODES if node != leader)
    running.cluster.faults.kill(behind)
    for number in range(COUNT, COUNT + 20):
        running.put("t", batch(value(number)), node=running.wait_for_leader("t"))
    running.run(8)
    read(running, COUNT + 20)
    flip(disk(tmp_path, leader), segments(tmp_path, leader)[-1], 300_000)
    running.cluster.faults.restart(behind)
    running.cluster.wait_for(lambda: running.leader("t") not in (leader, -1), 60)
    is_whole_again(running, tmp_path, COUNT + 20)


def test_when_all_replicas_are_damaged_the_last_one_in_sync_serves_what_is_sound(running, tmp_path):
    for number, node in enumerate(NODES):
        flip(disk(tmp_path, node), segments(tmp_path, node)[number], 300_000)
    running.cluster.scrub("t")
    running.run(60)
    last = running.wait_for_leader("t")
    assert list(running.partition("t").isr) == [last]
    codes = [running.fetch("t", offset, partition_max_bytes=1).error_code for offset in range(COUNT)]
    assert sorted(codes) == [0] * (COUNT - 1) + [2]
    assert running.put("t", batch(value(COUNT))).error_code == 0
    for node in NODES:  # what the others have beyond their own damage isn't lost: the leader may lack it
        assert node == last or list((tmp_path / f"node-{node}" / "t-0").glob("*.log.aside"))


def test_a_leader_that_alone_is_in_sync_serves_what_is_sound_and_is_repaired_once_another_one_is(running, tmp_path):
    leader = running.leader("t")
    others = [node for node in NODES if node != leader]
    for node in others:
        running.cluster.faults.kill(node)
    running.cluster.wait_for(lambda: list(running.partition("t").isr) == [leader], 60)
    path = segments(tmp_path, leader)[1]
    flip(disk(tmp_path, leader), path, 300_000)
    wrong = next(
        offset for offset in range(COUNT) if running.fetch("t", offset, node=leader, partition_max_bytes=1).error_code
    )
    assert running.fetch("t", wrong, node=leader).error_code == 2
    assert running.fetch("t", wrong + 1, node=leader).error_code == 0
    assert running.put("t", batch(value(COUNT)), node=leader).error_code == 0
    for node in others:
        running.cluster.faults.restart(node)
    running.cluster.wait_for(lambda: running.leader("t") in others, 60)
    is_whole_again(running, tmp_path, COUNT + 1)
