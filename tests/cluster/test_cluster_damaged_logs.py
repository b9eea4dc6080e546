"""Logs that a disk damaged while all nodes were down: nothing wrong is given out, and everything else is served."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

import pytest
from partition.client import batch

from kstore.errors import CorruptMessage, KafkaStorageError
from kstore.fs.posix import PosixFileSystem

COUNT = 60
OTHERS = ("a", "z")


def fill(client, copies: int) -> None:
    """A topic of several segments between two small ones."""
    client.create("t", copies=copies, segment_bytes=str(1 << 20))
    for topic in OTHERS:
        client.create(topic, copies=copies)
        client.say(topic, b"x")
    for number in range(COUNT):
        client.put("t", batch(b"%09d" % number + b"x" * 65_500))
    client.wait_for_isr("t", copies)
    client.run(8)


@pytest.fixture
def stopped(start, tmp_path) -> Path:
    """Three nodes that have it all, after a clean stop."""
    client = start(data_dir=str(tmp_path))
    fill(client, 3)
    client.cluster.close()
    return tmp_path


@pytest.fixture
def alone(start, tmp_path) -> Path:
    """The only node, after a clean stop."""
    client = start(1, data_dir=str(tmp_path))
    fill(client, 1)
    client.cluster.close()
    return tmp_path


def segments(folders: Path, node: int) -> list[Path]:
    found = sorted((folders / f"node-{node}" / "t-0").glob("*.log"))
    assert len(found) > 3
    return found


def flip(path: Path) -> None:
    """A wrong bit in the middle, without a change of names or sizes."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def read(client, topic: str) -> list[int]:
    """What a consumer gets."""
    with client.cluster.consumer(topic, group_id="g", auto_offset_reset="earliest") as consumer:
        found: list[int] = []
        wanted = COUNT if topic == "t" else 1

        def has_all() -> bool:
            for records in consumer.poll(0).values():
                for record in records:
                    assert record.value[9:] in (b"x" * 65_500, b"")
                    found.append(int(record.value[:9]) if topic == "t" else 0)
            return len(found) >= wanted

        client.cluster.wait_for(has_all, 60)
    return found


def serves_all_but_t(client) -> None:
    """The other topics work, and this one says that its disk is to blame."""
    for topic in OTHERS:
        client.say(topic, b"y")
        assert client.everything(topic)[-1] == b"y"
    assert client.put("t", batch(b"z"), node=1).error_code == KafkaStorageError.code
    assert client.latest("t", node=1).error_code == KafkaStorageError.code


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_wrong_byte_at_the_leader_is_never_served_and_had_again_from_another(start, stopped, caplog, number):
    client = start(data_dir=str(stopped))
    client.wait_for_leader("t")
    leader = client.leader("t")
    flip(segments(stopped, leader)[number])
    assert read(client, "t") == list(range(COUNT))
    assert client.leader("t") != leader
    client.wait_for_isr("t")
    client.run(1)
    assert client.logs_are_equal("t")
    assert any(f"node {leader}: " in line and "the checksum or place of the batch" in line for line in caplog.messages)


def test_a_wrong_byte_that_no_other_replica_can_replace_is_an_error_to_readers_and_the_rest_is_served(start, alone):
    flip(segments(alone, 1)[2])
    for restarts in range(2):
        client = start(1, data_dir=str(alone))
        client.wait_for_leader("t")
        with pytest.raises(CorruptMessage, match="the broker's log of t-0 is damaged at offset") as refusal:
            read(client, "t")
        wrong = int(re.findall(r"offset (\d+)", str(refusal.value))[0])
        for offset in (0, wrong - 1, wrong + 1, COUNT - 1):
            assert client.fetch("t", offset).error_code == 0
        assert client.fetch("t", wrong).error_code == CorruptMessage.code
        assert client.put("t", batch(b"z")).base_offset == COUNT + restarts
        assert client.latest("t").offset == COUNT + restarts + 1
        client.cluster.close()


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))
    for derived in (*path.parent.glob("*.snapshot"), path.parent / "leader-epoch-checkpoint"):
        derived.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def missing(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize("damage", [zeros, cut, missing, a_folder, a_loop])
@pytest.mark.parametrize("number", [0, 2], ids=["first", "middle"])
def test_one_broker_starts_without_the_partition_that_it_cannot_open(start, alone, caplog, damage, number):
    segment = segments(alone, 1)[number]
    damage(segment)
    for _ in range(2):
        client = start(1, data_dir=str(alone))
        client.wait_for_leader("a")
        client.run(100)
        serves_all_but_t(client)
        assert any("t-0" in line for line in (*client.cluster.warnings, *caplog.messages))
        client.cluster.close()


@pytest.mark.parametrize("damage", [cut, missing, a_loop])
def test_files_that_are_put_back_are_taken_into_use_without_a_restart(start, alone, damage):
    segment = segments(alone, 1)[2]
    kept = segment.read_bytes()
    damage(segment)
    client = start(1, data_dir=str(alone))
    client.run(100)
    serves_all_but_t(client)
    segment.unlink(missing_ok=True)
    segment.write_bytes(kept)
    client.run(100)
    assert read(client, "t") == list(range(COUNT))


def test_replicas_that_no_other_can_replace_keep_their_files(start, stopped):
    """Each lacks another segment: none has all that was committed."""
    for node in (1, 2, 3):
        segments(stopped, node)[node - 1].unlink()
    before = {path: path.read_bytes() for path in stopped.glob("node-*/t-0/*.log")}
    for _ in range(2):
        client = start(data_dir=str(stopped))
        assert len(client.cluster.warnings) == 3
        assert all("no other replica has all of it" in line for line in client.cluster.warnings)
        client.run(100)
        for topic in OTHERS:
            assert client.everything(topic) == [b"x"]
        client.cluster.close()
        assert {path: path.read_bytes() for path in stopped.glob("node-*/t-0/*.log")} == before


@pytest.mark.parametrize("kind", ["log", "folder", "loop"])
def test_a_partition_of_another_user_is_out_of_use_and_named_and_the_rest_is_served(
    start, stopped, monkeypatch, caplog, kind
):
    caplog.set_level(logging.WARNING)
    if kind == "loop":
        place = stopped / "node-2" / "t-0"
        place.rename(stopped / "kept")
        place.symlink_to(place)
    else:
        refuse(monkeypatch, "open" if kind == "log" else "listdir")
    client = start(data_dir=str(stopped))
    client.run(20)
    lines = [*client.cluster.warnings, *caplog.messages]
    assert any("node-2/t-0" in line for line in lines)
    assert read(client, "t") == list(range(COUNT))
    assert client.leader("t") != 2
    for topic in OTHERS:
        assert client.everything(topic) == [b"x"]


def refuse(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    """Has node 2 denied what it asks of the files of a partition."""
    real = getattr(PosixFileSystem, operation)

    def refusing(fs: PosixFileSystem, path: str = "", **how: bool) -> object:
        if fs.root.endswith("node-2") and path.startswith("t-0"):
            raise PermissionError(13, "Permission denied", f"{fs.root}/{path}")
        return real(fs, path, **how)

    monkeypatch.setattr(PosixFileSystem, operation, refusing)
