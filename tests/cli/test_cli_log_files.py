"""``kstore log`` on single files, files that can't be read, renamed folders, and bytes that would act on a terminal."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Commands

from actors.cli.log import stats
from actors.cli.log.reading import FoundLog, LogReader
from kstore import Cluster
from kstore.log.checkpoints import CLEAN_SHUTDOWN
from kstore.log.offline import find_logs

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "log" / "golden" / "kafka-4.4.0" / "golden-0"
SNAPSHOT = TESTS / "controller" / "golden" / "kafka-4.4.0-bootstrap.checkpoint"
MAGIC_AT = 16
Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(commands: Commands, tmp_path: Path) -> Run:
    """Run ``kstore log`` with these words, in the folder of the test."""
    return lambda *words: commands.run("log", *words, stdin=b"", env=dict(os.environ), cwd=tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of Kafka's with seven segments, in a folder of a broker's that was stopped."""
    broker = tmp_path / "data" / "node-1"
    shutil.copytree(GOLDEN, broker / "golden-0")
    (broker / "meta.properties").write_text("version=1\nnode.id=1\ncluster.id=c\n")
    (broker / CLEAN_SHUTDOWN).write_text('{"version":0,"brokerEpoch":1}')
    return broker / "golden-0"


def in_use(log: Path, high_watermark: int) -> None:
    """Make its broker look as if it had crashed when this was committed."""
    (log.parent / CLEAN_SHUTDOWN).unlink()
    (log.parent / "replication-offset-checkpoint").write_text(f"0\n1\ngolden 0 {high_watermark}\n")


def segments(log: Path) -> list[Path]:
    return sorted(log.glob("*.log"))


def shown_by(run: Run, *words: str) -> list[Any]:
    done = run("dump", *words, "--json")
    assert (done.returncode, done.stderr) == (0, b""), done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_message_of_an_old_format_is_told_with_its_file_and_other_segments_are_shown(log: Path, run: Run) -> None:
    wrong = segments(log)[1]
    data = bytearray(wrong.read_bytes())
    data[MAGIC_AT] = 0
    wrong.write_bytes(data)
    for verb in ("dump", "stats"):
        done = run(verb, str(log), "--json")
        assert done.returncode == 1
        assert f"{wrong.name} at 0: message format 0".encode() in done.stderr
    done = run("dump", str(log), "--json")
    assert {json.loads(line)["segment"] for line in done.stdout.splitlines()} == {
        path.name for path in segments(log) if path != wrong
    }


def test_a_segment_that_cannot_be_read_is_told_and_the_others_are_shown(log: Path, run: Run) -> None:
    wrong = segments(log)[1]
    wrong.unlink()
    wrong.mkdir()
    for verb in ("dump", "stats", "verify"):
        done = run(verb, str(log), "--json")
        assert done.returncode == 1, verb
        assert wrong.name.encode() in done.stderr + done.stdout
        assert b"Is a directory" in done.stderr + done.stdout
        assert segments(log)[2].name.encode() in done.stdout or verb != "dump"


def test_a_folder_that_cannot_be_read_is_told_and_the_others_are_shown(log: Path, run: Run) -> None:
    (log.parent / "loop-0").symlink_to("loop-0")
    for verb in ("dump", "stats", "verify"):
        done = run(verb, "data", "--json")
        assert done.returncode == 1, verb
        assert b"loop-0" in done.stderr + done.stdout
        assert b"symbolic links" in done.stderr + done.stdout
        assert b"golden-0" in done.stdout or verb == "verify"


def test_a_checkpoint_that_cannot_be_read_is_told_and_logs_are_shown(log: Path, run: Run) -> None:
    in_use(log, 5)
    (log.parent / "replication-offset-checkpoint").write_text("0\n1\ngolden 0 x\n")
    done = run("dump", "data", "--json")
    assert done.returncode == 1
    assert b"replication-offset-checkpoint:3" in done.stderr
    assert len(done.stdout.splitlines()) > 5


def test_a_segment_that_retention_removes_meanwhile_is_no_error(log: Path) -> None:
    (found,) = find_logs(str(log))
    reader = LogReader(FoundLog(found, str(log), str(log), found.name))
    batches = reader.batches()
    first, _ = next(batches)
    gone = segments(log)[3]
    gone.unlink()
    seen = {first.name} | {segment.name for segment, _ in batches}
    assert seen == {path.name for path in segments(log)}
    assert not reader.is_wrong


def test_a_batch_that_is_just_written_behind_the_high_watermark_is_no_error(log: Path, run: Run) -> None:
    last = segments(log)[-1]
    (end,) = {line["last_offset"] + 1 for line in shown_by(run, str(log))[-1:]}
    in_use(log, end)
    last.write_bytes(last.read_bytes() + struct.pack(">qi", end, 500) + bytes(100))
    done = run("dump", str(log), "--batches")
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1), done
    assert run("verify", str(log)).returncode == 0
    assert run("dump", str(log), "--all").returncode == 1
    assert run("verify", str(log), "--all").returncode == 1


def test_a_wrong_index_entry_is_told_whatever_offset_it_names(log: Path, run: Run) -> None:
    in_use(log, 60)
    index = segments(log)[2].with_suffix(".index")
    data = bytearray(index.read_bytes())
    assert len(data) >= 8
    data[:8] = struct.pack(">ii", 1_000_000, 1)
    index.write_bytes(data)
    done = run("verify", str(log), "--json")
    (wrong,) = json.loads(done.stdout)["wrong"]
    assert (done.returncode, Path(wrong["file"]).name, wrong["path"]) == (1, index.name, str(log))
    assert wrong["offset"] > 60


def test_a_wrong_batch_below_the_high_watermark_is_told_whatever_offset_it_names(log: Path, run: Run) -> None:
    (end,) = {line["last_offset"] + 1 for line in shown_by(run, str(log))[-1:]}
    in_use(log, end)
    last = segments(log)[-1]
    data = bytearray(last.read_bytes())
    data[:8] = (end + 1000).to_bytes(8, "big")
    last.write_bytes(data)
    done = run("verify", str(log))
    assert (done.returncode, last.name.encode() in done.stdout) == (1, True), done


def test_entries_of_indexes_are_shown_as_they_lead_to_batches(log: Path, run: Run) -> None:
    segment = segments(log)[2]
    batches = shown_by(run, str(segment))
    assert {line["segment"] for line in batches} == {segment.name}
    at = {line["position"]: line["last_offset"] for line in batches}
    entries = shown_by(run, str(segment.with_suffix(".index")))
    assert entries
    assert [at[each["position"]] for each in entries] == [each["offset"] for each in entries]
    times = shown_by(run, str(segment.with_suffix(".timeindex")))
    assert times[-1]["timestamp"] == max(line["max_timestamp"] for line in batches)
    assert times[-1]["path"] == str(segment.with_suffix(".timeindex"))
    text = run("dump", str(segment.with_suffix(".index")), "-n", "1").stdout.decode()
    assert text == f"offset {entries[0]['offset']}  position {entries[0]['position']}\n"
    later = shown_by(run, str(segment.with_suffix(".index")), "--from", str(entries[-1]["offset"]))
    assert later == entries[-1:]


def test_aborted_transactions_and_producers_are_shown(log: Path, run: Run) -> None:
    (aborted,) = [path for path in log.glob("*.txnindex") if path.stat().st_size][:1]
    entries = shown_by(run, str(aborted))
    assert len(entries) * 34 == aborted.stat().st_size
    assert all(0 <= each["first_offset"] <= each["last_offset"] for each in entries)
    (snapshot, *_) = sorted(log.glob("*.snapshot"))[-1:]
    producers = shown_by(run, str(snapshot))
    assert all({"producer_id", "epoch", "last_sequence", "transaction_first_offset"} <= set(each) for each in producers)
    assert producers


def test_a_snapshot_of_the_metadata_log_is_shown_decoded(run: Run) -> None:
    records = [each for line in shown_by(run, str(SNAPSHOT)) for each in line["records"]]
    assert records[0]["control"]["type"] == "SnapshotHeaderRecord"
    assert records[-1]["control"]["type"] == "SnapshotFooterRecord"
    assert "FeatureLevelRecord" in {each["value"]["type"] for each in records[1:-1]}


def test_a_file_that_is_cut_or_unknown_is_told(log: Path, run: Run) -> None:
    index, snapshot = segments(log)[2].with_suffix(".index"), sorted(log.glob("*.snapshot"))[-1]
    index.write_bytes(index.read_bytes()[:8] + b"\1\2\3")
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    for path, said in ((index, b"isn't whole"), (snapshot, b"checksum")):
        done = run("dump", str(path), str(segments(log)[0]))
        assert done.returncode == 1
        assert said in done.stderr
        assert path.name.encode() in done.stderr
        assert segments(log)[0].name.encode() in done.stdout
    done = run("dump", str(log.parent / "meta.properties"))
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"is no file of a log" in done.stderr


def test_folders_that_were_renamed_are_logs_as_well(log: Path, run: Run) -> None:
    for name in ("golden-1.7d1c-stray", "golden-1.7d1c-delete", "backup"):
        shutil.copytree(GOLDEN, log.parent / name)
    (log.parent / "other").mkdir()
    told = json.loads(run("verify", "data", "--json").stdout)
    assert told["logs"] == 4
    assert {line["log"] for line in shown_by(run, str(log.parent / "backup"), "--batches")} == {"backup"}
    assert len(find_logs(str(log.parent.parent))) == 1


def test_replicas_of_several_brokers_are_told_apart_and_brokers_in_use_are_told_once(log: Path, run: Run) -> None:
    shutil.copytree(log, log.parent / "golden-1")
    in_use(log, 5)
    (log.parent / "replication-offset-checkpoint").write_text("0\n2\ngolden 0 5\ngolden 1 5\n")
    shutil.copytree(log.parent, log.parent.parent / "node-2")
    done = run("dump", "data", "--batches")
    labels = [f"node-{node}/golden-{number}" for node in (1, 2) for number in (0, 1)]
    assert list(dict.fromkeys(line.split()[0].decode() for line in done.stdout.splitlines())) == labels
    assert done.stderr.decode().splitlines() == [
        f"kstore: node-{node}: no mark of a clean stop: logs are read up to their high watermarks (--all: beyond)"
        for node in (1, 2)
    ]
    shown = [json.loads(line) for line in run("dump", "data", "--batches", "--json").stdout.splitlines()]
    assert list(dict.fromkeys(line["path"] for line in shown)) == [f"data/{label}" for label in labels]
    told = json.loads(run("stats", "data", "--json").stdout)["logs"]
    assert [each["path"] for each in told] == [f"data/{label}" for label in labels]


def test_keys_and_values_are_quoted_so_that_a_terminal_does_not_act_on_them(tmp_path: Path, run: Run) -> None:
    with Cluster(1, data_dir=str(tmp_path / "data")) as cluster:
        cluster.create_topic("orders")
        with cluster.producer() as producer:
            producer.send("orders", b"", key=None)
            producer.send("orders", b"null", key=b"caf\xc3\xa9\t")
            producer.send("orders", None, key=b"\x1b[2J\n", headers=[("a\x1b", b"\xc2\x9b"), ("b", None)])
    shown = run("dump", "data/node-1/orders-0").stdout.decode().splitlines()
    found = [line.split("  ", 4)[4] for line in shown if line.startswith("    ")]
    assert found == [
        'null  ""',
        '"café\\t"  "null"',
        '"\\u001b[2J\\n"  null  "a\\u001b"="\\u009b"  "b"=null',
    ]


def test_stats_of_a_log_are_printed_and_dropped_before_the_next_log_is_read(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(log, log.parent / "golden-1")
    order: list[str] = []

    class Out:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> None:
            order.append(text.strip().splitlines()[0])

        def flush(self) -> None:
            order.append("flushed")

    batches = LogReader.batches

    readers: list[weakref.ref[LogReader]] = []

    def noted(reader: LogReader) -> Any:
        assert [each() for each in readers] == [None] * len(readers)
        readers.append(weakref.ref(reader))
        order.append(f"read {reader.label}")
        return batches(reader)

    monkeypatch.setattr(sys, "stdout", Out())
    monkeypatch.setattr(LogReader, "batches", noted)
    assert stats(argparse.Namespace(paths=[str(log.parent)], all=False, json=False)) == 0
    assert order == ["read golden-0", "golden-0", "flushed", "read golden-1", "golden-1", "flushed"]
