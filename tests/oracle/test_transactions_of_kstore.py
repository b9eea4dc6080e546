"""Open, committed and aborted transactions that kstore wrote: Apache Kafka's tools read their files, and Apache Kafka
serves their folder to readers of either kind.
"""

import re
from pathlib import Path

import pytest
from oracle.test_files_of_kstore import DUMP, create, kstore
from oracle.test_transactions_of_kafka import TOPIC, heard

from actors.cluster import Cluster
from bench.peers.kafka import running_on, tool
from kstore.fs.posix import PosixFileSystem
from kstore.log import AppendInfo, Log, LogConfig
from kstore.log.verification import AppendOptions
from kstore.records import BatchBuilder, EndTransactionMarker, RecordBatch, end_transaction_batch, parse_batches

NOW_MS = 1_700_000_000_000
COMMITTED, ABORTED, OPEN = 7, 8, 9


def written_by(producer_id: int, sequence: int, value: bytes, *, epoch: int = 0) -> RecordBatch:
    builder = BatchBuilder(
        producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence, transactional=producer_id >= 0
    )
    builder.append(NOW_MS, None, value)
    return parse_batches(builder.build())[0]


def append(log: Log, batch: RecordBatch, *, from_client: bool = True, version: int = 0) -> None:
    options = [AppendOptions(transaction_version=version)]
    (answer,) = log.append_as_leader(
        [[batch]], max(0, log.latest_epoch), NOW_MS, from_client=from_client, options=options
    )
    assert isinstance(answer, AppendInfo), answer


def end(log: Log, producer_id: int, *, commit: bool, version: int = 0, epoch: int = 0) -> None:
    marker = end_transaction_batch(EndTransactionMarker(commit, 3), NOW_MS, producer_id, epoch)
    append(log, parse_batches(marker)[0], from_client=False, version=version)


def transact(log: Log) -> list[bytes]:
    """Turns of three producers over several segments; the last one's transaction stays open. What is committed and
    below it.
    """
    committed = []
    for turn in range(30):
        for producer_id in (COMMITTED, ABORTED):
            value = b"%d-%d" % (producer_id, turn)
            append(log, written_by(producer_id, 0, value, epoch=turn))
            committed += [value] if producer_id == COMMITTED else []
        end(log, ABORTED, commit=False, version=2, epoch=turn + 1)
        end(log, COMMITTED, commit=True, version=2, epoch=turn + 1)
    append(log, written_by(OPEN, 0, b"open"))
    append(log, written_by(COMMITTED, 0, b"committed beside an open one", epoch=30))
    end(log, COMMITTED, commit=True, version=2, epoch=31)
    return committed


def test_kafkas_tools_read_logs_snapshots_and_transaction_indexes(kafka_jars: Path, tmp_path: Path) -> None:
    log = Log.open(PosixFileSystem(tmp_path), f"{TOPIC}-0", LogConfig(segment_bytes=2000), now_ms=NOW_MS)
    transact(log)
    open_at = next(each.transaction_first_offset for each in log.producers if each.producer_id == OPEN)
    end_offset = log.end_offset
    log.close()
    folder = tmp_path / f"{TOPIC}-0"
    printed = "".join(
        tool(DUMP, "--deep-iteration", "--print-data-log", "--files", path) for path in sorted(folder.glob("*.log"))
    )
    assert printed.count("endTxnMarker: ABORT coordinatorEpoch: 3") == 30
    assert printed.count("endTxnMarker: COMMIT coordinatorEpoch: 3") == 31
    assert "isvalid: false" not in printed.lower()
    indexes = sorted(folder.glob("*.txnindex"))
    assert len(indexes) > 3
    found = "".join(tool(DUMP, "--files", path) for path in indexes)
    assert found.count(f"producerId: {ABORTED}") == 30
    assert f"producerId: {COMMITTED}" not in found
    snapshot = tool(DUMP, "--files", folder / f"{end_offset:020d}.snapshot")
    entries = {int(each[0]): each for each in re.findall(r"producerId: (\d+) producerEpoch: (\d+) .*?\n", snapshot)}
    assert {number: int(epoch) for number, epoch in entries.values()} == {str(ABORTED): 30, str(COMMITTED): 31, "9": 0}
    assert f"currentTxnFirstOffset: OptionalLong[{open_at}]" in snapshot


@pytest.mark.parametrize("stop", ["stopped", "killed"])
def test_kafka_serves_what_kstore_wrote_in_transactions(kafka_jars: Path, tmp_path: Path, stop: str) -> None:
    data = tmp_path / "data"
    with kstore(data, 1) as bootstrap:
        create(bootstrap, TOPIC, 1, 1)
    folder = data / "node-1"
    log = Log.open(PosixFileSystem(folder), f"{TOPIC}-0", LogConfig(segment_bytes=2000), now_ms=NOW_MS, clean=True)
    committed = transact(log)
    records = log.end_offset - 61
    log.close()
    for each in folder.glob(".k*_cleanshutdown") if stop == "killed" else folder.glob(".kstore_cleanshutdown"):
        each.unlink()  # what a stop in order has left, of a log that has grown since
    with running_on(data, tmp_path / "kafka", 1, voters=1) as kafka:
        assert heard(kafka.bootstrap, "read_committed", len(committed)) == sorted(committed)
        assert len(heard(kafka.bootstrap, "read_uncommitted", records)) == records
    with Cluster(1, data_dir=str(data), listen="127.0.0.1:0") as ours:
        assert heard(ours.bootstrap_servers, "read_committed", len(committed)) == sorted(committed)
        assert len(heard(ours.bootstrap_servers, "read_uncommitted", records)) == records
