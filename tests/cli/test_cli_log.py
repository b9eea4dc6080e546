"""``kstore log``: what it says of the files of logs, in folders of kstore and of Apache Kafka."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Commands

from actors.cli.log.timeline import SPANS, Timeline
from kstore import Cluster

GOLDEN = Path(__file__).parents[1] / "log" / "golden" / "kafka-4.4.0"
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(commands: Commands, tmp_path: Path) -> Run:
    """Run ``kstore log`` with these words."""
    return lambda *words: commands.run("log", *words, stdin=b"", env=dict(os.environ), cwd=tmp_path)


@pytest.fixture
def lines(run: Run) -> Callable[..., list[Any]]:
    """What ``kstore log dump --json`` prints of these paths, which must be in order."""

    def dumped(*words: str) -> list[Any]:
        done = run("dump", *words, "--json")
        assert (done.returncode, done.stderr) == (0, b""), done
        return [json.loads(line) for line in done.stdout.splitlines()]

    return dumped


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Cluster, Path]]:
    """A cluster on disk that has a transaction of each end in its topic, and a group with an offset."""
    folder = tmp_path / "data"
    with Cluster(1, data_dir=str(folder)) as cluster:
        cluster.create_topic("orders")
        with cluster.producer(transactional_id="biller") as producer:
            producer.init_transactions()
            for end in (producer.commit_transaction, producer.abort_transaction):
                producer.begin_transaction()
                producer.send("orders", b"caf\xc3\xa9", key=b"\xff", headers=[("h", b"1")]).get(10)
                end()
        with cluster.consumer("orders", group_id="g", auto_offset_reset="earliest") as consumer:
            cluster.wait_for(lambda: consumer.poll(0.1))
            consumer.commit()
        yield cluster, folder


@pytest.fixture
def folder(running: tuple[Cluster, Path]) -> Path:
    """The folder of that cluster, which has stopped."""
    cluster, folder = running
    cluster.close()
    return folder


def records(dumped: list[Any]) -> list[Any]:
    return [record for line in dumped for record in line["records"]]


def test_batches_and_records_are_shown_with_the_ends_of_transactions(
    folder: Path, lines: Callable[..., list[Any]]
) -> None:
    found = lines(str(folder / "node-1" / "orders-0"))
    assert [(line["base_offset"], line["count"], line["transactional"], line["control"]) for line in found] == [
        (0, 1, True, False),
        (1, 1, True, True),
        (2, 1, True, False),
        (3, 1, True, True),
    ]
    first, committed, _, aborted = records(found)
    assert (first["key"], first["value"], first["headers"]) == ({"base64": "/w=="}, "café", [["h", "1"]])
    assert committed["control"] == {"type": "commit", "coordinator_epoch": 0}
    assert aborted["control"]["type"] == "abort"
    assert [line["position"] for line in found[1:]] == [found[0]["size_bytes"]] + [
        sum(line["size_bytes"] for line in found[:number]) for number in (2, 3)
    ]


def test_records_of_internal_topics_are_decoded(folder: Path, lines: Callable[..., list[Any]]) -> None:
    found = lines(str(folder))
    by_topic: dict[str, list[Any]] = {}
    for line in found:
        by_topic.setdefault(line["log"].rpartition("-")[0], []).extend(line["records"])
    values = {record["value"]["type"] for record in by_topic["__cluster_metadata"] if "value" in record}
    assert {"TopicRecord", "PartitionRecord", "RegisterBrokerRecord"} <= values
    assert by_topic["__cluster_metadata"][0]["control"]["type"] == "LeaderChangeMessage"
    ids = [record["key"]["data"]["transactional_id"] for record in by_topic["__transaction_state"]]
    assert set(ids) == {"biller"}
    assert {record["value"]["type"] for record in by_topic["__transaction_state"]} == {"TransactionLogValue"}
    commits = [each for each in by_topic["__consumer_offsets"] if each["key"]["type"] == "OffsetCommitKey"]
    assert commits[0]["key"] == {
        "type": "OffsetCommitKey",
        "version": 1,
        "data": {"group": "g", "topic": "orders", "partition": 0},
    }
    assert commits[0]["value"]["data"]["offset"] >= 1


def test_a_part_of_a_log_is_shown(folder: Path, run: Run, lines: Callable[..., list[Any]]) -> None:
    log = str(folder / "node-1" / "orders-0")
    assert [record["offset"] for record in records(lines(log, "--from", "1", "-n", "2"))] == [1, 2]
    shown = run("dump", log, "--batches").stdout.decode().splitlines()
    assert len(shown) == 4
    assert shown[1].startswith(
        "orders-0 1-1  1 record, 78 bytes, epoch 0, producer 0:1 sequence -1, transaction, control"
    )


def test_a_log_in_use_is_read_up_to_its_high_watermark(running: tuple[Cluster, Path], run: Run) -> None:
    cluster, folder = running
    log = folder / "node-1" / "orders-0"
    checkpoint = folder / "node-1" / "replication-offset-checkpoint"
    cluster.wait_for(lambda: checkpoint.exists() and "orders 0 4" in checkpoint.read_text())
    with cluster.producer() as producer:
        producer.send("orders", b"later").get(10)
    done = run("dump", str(log), "--batches")
    assert b"up to the high watermark 4" in done.stderr
    assert len(done.stdout.splitlines()) == 4
    assert len(run("dump", str(log), "--batches", "--all").stdout.splitlines()) == 5


def test_nothing_is_changed_even_where_nothing_may_be(folder: Path, run: Run, lines: Callable[..., list[Any]]) -> None:
    log = folder / "node-1" / "orders-0"
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(log.iterdir())}
    for path in [*before, log]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        assert len(lines(str(log))) == 4
        assert [run(verb, str(log)).returncode for verb in ("verify", "stats")] == [0, 0]
    finally:
        log.chmod(0o700)
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(log.iterdir())} == before


def test_what_kafka_wrote_is_read(lines: Callable[..., list[Any]], run: Run) -> None:
    found = lines(str(GOLDEN))
    assert {line["codec"] for line in found} >= {"none", "gzip", "snappy", "lz4", "zstd"}
    assert all(line["crc_valid"] for line in found)
    offsets = [record["offset"] for record in records(found)]
    assert offsets == sorted(set(offsets))
    (told,) = json.loads(run("stats", str(GOLDEN / "golden-0"), "--json").stdout)["logs"]
    assert told["batches"] == len(found)
    assert told["records"] + sum(line["count"] for line in found if line["control"]) == len(offsets)
    assert told["size_bytes"] == sum(path.stat().st_size for path in GOLDEN.glob("golden-0/*.log"))


def test_a_wrong_checksum_is_told_and_the_rest_is_shown(folder: Path, run: Run) -> None:
    log = folder / "node-1" / "orders-0"
    (file,) = log.glob("*.log")
    data = bytearray(file.read_bytes())
    data[70] ^= 1
    file.write_bytes(data)
    done = run("dump", str(log), "--json")
    assert done.returncode == 1
    assert b"orders-0: the batch at offset 0" in done.stderr
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["crc_valid"] for line in shown] == [False, True, True, True]
    assert shown[0]["records"] == []


def test_all_files_are_verified(folder: Path, run: Run) -> None:
    done = run("verify", str(folder))
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b" bytes: all sound\n")
    log = folder / "node-1" / "orders-0"
    for pattern, at, offset in (("*.log", 70, 0), ("*.txnindex", 5, 3)):
        (file,) = log.glob(pattern)
        whole = file.read_bytes()
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        done = run("verify", str(log), "--json")
        told = json.loads(done.stdout)
        assert (done.returncode, told["logs"]) == (1, 1)
        (wrong,) = told["wrong"]
        assert (Path(wrong["file"]).name, wrong["start"], wrong["offset"]) == (file.name, 0, offset)
        assert b"1 range wrong" in run("verify", str(log)).stdout
        file.write_bytes(whole)


def test_a_log_in_use_is_verified_up_to_its_high_watermark(running: tuple[Cluster, Path], run: Run) -> None:
    _, folder = running
    assert run("verify", str(folder)).returncode == 0


def test_what_kafka_wrote_is_verified(run: Run) -> None:
    assert run("verify", str(GOLDEN)).stdout.endswith(b"all sound\n")


def test_a_file_that_ends_in_no_batch_is_told(folder: Path, run: Run) -> None:
    log = folder / "node-1" / "orders-0"
    (file,) = log.glob("*.log")
    file.write_bytes(file.read_bytes() + bytes(100))
    done = run("dump", str(log), "--batches")
    assert done.returncode == 1
    assert b"00000000000000000000.log at %d: " % (len(file.read_bytes()) - 100) in done.stderr
    assert len(done.stdout.splitlines()) == 4


def test_a_batch_that_is_cut_off_is_told(folder: Path, run: Run) -> None:
    log = folder / "node-1" / "orders-0"
    (file,) = log.glob("*.log")
    whole = file.read_bytes()
    for size in (1, 60, 77):
        file.write_bytes(whole[: size - 78])
        done = run("dump", str(log), "--batches")
        assert (done.returncode, len(done.stdout.splitlines())) == (1, 3), done
        assert b"ends in the middle of a record batch" in done.stderr


def test_a_path_without_logs_is_refused_in_a_line(tmp_path: Path, run: Run) -> None:
    for words, said in ((str(tmp_path), b"has no logs"), (str(tmp_path / "gone"), b"No such file or directory")):
        done = run("dump", words)
        assert done.returncode == 1
        assert said in done.stderr
        assert done.stderr.count(b"\n") == 1


def test_stats_count_keys_and_what_compression_saves(tmp_path: Path, run: Run) -> None:
    with Cluster(1, data_dir=str(tmp_path / "data")) as cluster:
        cluster.create_topic("orders")
        with cluster.producer(compression_type="zstd", linger_ms=1000) as producer:
            for number in range(100):
                value = None if number % 10 == 0 else b"a" * 100
                producer.send("orders", value, key=b"%d" % (number % 5), timestamp_ms=1_700_000_000_000 + number * 1000)
    log = str(tmp_path / "data" / "node-1" / "orders-0")
    (told,) = json.loads(run("stats", log, "--json").stdout)["logs"]
    assert (told["records"], told["keys"], told["tombstones"], told["keyed_records"]) == (100, 5, 10, 100)
    assert told["compression_ratio"] > 10
    assert sum(told["records_over_time"]) == 100
    shown = run("stats", log).stdout.decode()
    assert "5, 20.00 records each, 10 without a value" in shown
    assert f"; compressed {told['compression_ratio']:.2f}:1\n" in shown
    assert f"each column: {told['span_ms'] / 1000:g} s\n" in shown


def test_a_timeline_has_as_many_spans_as_fit_whatever_time_it_covers() -> None:
    timeline = Timeline()
    for time_ms in (5_000_000, 0, 10_000_000, -1):
        timeline.add(time_ms, 7)
    assert sum(timeline.amounts) == 21
    assert 2 < len(timeline.amounts) <= SPANS
    assert timeline.first_ms == 0
    assert timeline.drawn().count("█") == 3
