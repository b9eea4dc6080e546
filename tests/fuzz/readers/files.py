"""Readers of the files beside the batches: indexes, snapshots, checkpoints, properties, the mark of a clean stop."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from fuzz.readers.batches import with_fitting_checksums
from fuzz.readers.reader import Reader

from actors.broker.folder_check import read_copy
from actors.broker.unsupported.quorum import voters_in
from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import QUORUM_STATE, Replay, encode_batch, encode_leader_change, read_quorum_state
from actors.trace import file as trace_file
from kstore.codec import crc32c
from kstore.fs import MemoryFileSystem
from kstore.log import checkpoints, manifest, snapshot
from kstore.log.epochs import LeaderEpochs
from kstore.log.indexes import OffsetIndex, TimeIndex
from kstore.log.producers import ProducerStates
from kstore.log.transaction_index import TransactionIndex
from kstore.schema.messages.metadata_records import PartitionRecord, TopicRecord

KAFKA = Path(__file__).parents[2] / "log" / "golden" / "kafka-4.4.0"
LOG_BYTES = 1 << 20
OFFSETS = 1 << 16
NOW_MS = 1_700_000_000_000
LONG = range(-(2**63), 2**63)
MARK = b'{"version":0,"brokerEpoch":17}'


def golden(pattern: str) -> tuple[bytes, ...]:
    """What Kafka wrote into files whose names fit."""
    found = {path.read_bytes() for path in KAFKA.rglob(pattern)}
    assert found, pattern
    return tuple(sorted(found, key=len))


def kept(name: str, data: bytes) -> MemoryFileSystem:
    """A folder with this one file."""
    fs = MemoryFileSystem()
    if "/" in name:
        fs.mkdir(name.rpartition("/")[0])
    fs.replace(name, data)
    return fs


def read_offset_index(data: bytes) -> None:
    """Every entry, and look-ups of every kind."""
    index = OffsetIndex(kept("i", data), "i", 0)
    index.load(LOG_BYTES, OFFSETS)
    for offset in (-1, 0, 7, OFFSETS, 2**62):
        assert 0 <= index.position_before(offset) < LOG_BYTES
        index.has(offset)
        index.position_not_above(offset)
    for number in range(len(index)):
        index.entry(number)
    index.truncate_to(7, LOG_BYTES)
    index.append(OFFSETS, LOG_BYTES)
    index.save()


def read_time_index(data: bytes) -> None:
    """Every entry, and look-ups of every kind."""
    index = TimeIndex(kept("i", data), "i", 0)
    index.load(OFFSETS)
    for timestamp in (-1, 0, 1_700_000_000_000, 2**63 - 1):
        assert 0 <= index.entry_before(timestamp)[1] < OFFSETS
    index.truncate_to(7)
    index.maybe_append(2**63 - 1, 8)
    index.save()


def read_transaction_index(data: bytes) -> None:
    """What a reader of committed records is told."""
    index = TransactionIndex(kept("i", data), "i", 0)
    index.load(OFFSETS)
    for offset in (0, 62, 2**62):
        index.collect(offset, 2**62, [])


def read_snapshot(data: bytes) -> None:
    """Into the state of a log's producers."""
    producers = ProducerStates()
    producers.restore(snapshot.decode(data))
    snapshot.encode(producers.snapshot())


def fit_snapshot(data: bytes) -> bytes:
    return data[:2] + struct.pack(">I", crc32c(data[6:])) + data[6:]


def read_epochs(data: bytes) -> None:
    """And asked as a follower asks."""
    epochs = LeaderEpochs.read(kept("e", data), "e")
    epochs.check()
    assert all(epoch < 2**31 and start in LONG for epoch, start in epochs.entries)
    epochs.end_offset(1, 100)
    epochs.at(50)
    epochs.write()


def read_offsets(data: bytes) -> None:
    """Every partition and offset is one that Kafka could have."""
    for (_, partition), offset in checkpoints.read_offsets(kept("o", data), "o").items():
        assert 0 <= partition < 2**31
        assert 0 <= offset < 2**63


def read_meta_properties(data: bytes) -> None:
    """A node's id is one that Kafka could have."""
    meta = checkpoints.read_meta_properties(kept(checkpoints.META_PROPERTIES, data))
    assert meta is not None
    assert 0 <= meta.node_id < 2**31
    assert len(meta.directory_id) in (0, 16)


def read_partition_metadata(data: bytes) -> None:
    found = checkpoints.read_partition_metadata(kept(f"t-0/{checkpoints.PARTITION_METADATA}", data), "t-0")
    assert found is None or len(found) == 16


def read_manifest(data: bytes) -> None:
    """Every number is one of a log."""
    fs = kept(manifest.MANIFEST, data)
    fs.replace(checkpoints.CLEAN_SHUTDOWN, MARK)
    for path, note in manifest.read_manifest(fs).items():
        assert path
        for each in note.segments:
            assert all(0 <= number < 2**63 for number in each)


def sound_manifest() -> bytes:
    lines = [
        f"mark {crc32c(MARK):08x}",
        "log orders-0 0 24 24 0badcafe 2",
        "0 1200 900 0badcafe 8 00000000 12 00000000",
        "12 1200 900 0badcafe 8 00000000 12 00000000 34 0badcafe",
    ]
    return fit_manifest(b"kstore 1 00000000\n" + "".join(f"{line}\n" for line in lines).encode())


def fit_manifest(data: bytes) -> bytes:
    _, _, body = data.partition(b"\n")
    return f"{manifest.VERSION} {crc32c(body):08x}\n".encode() + body


def read_quorum(data: bytes) -> None:
    """The state of a voter, and who else votes."""
    voters_in(data)
    state = read_quorum_state(kept(f"{METADATA_LOG}/{QUORUM_STATE}", data), METADATA_LOG)
    assert -1 <= state.leader_id < 2**31
    assert 0 <= state.leader_epoch < 2**31


def read_metadata_log(data: bytes) -> None:
    """As a start looks through a controller's log, and a replay of it."""
    copy = read_copy(kept(f"{METADATA_LOG}/{0:020d}.log", data))
    replay = Replay()
    for batch in copy.batches:
        replay.records(batch)


def sound_metadata_log() -> bytes:
    topic = TopicRecord(name="orders", topic_id=b"i" * 16)
    partition = PartitionRecord(topic_id=b"i" * 16, replicas=[1], isr=[1])
    return encode_leader_change(1, [1], 0, 0, NOW_MS) + encode_batch([topic, partition], 1, 0, NOW_MS)


def read_trace(data: bytes) -> None:
    """A recording, as far as it is whole."""
    try:
        found = trace_file.parse(data)
    except trace_file.TraceFileError:
        return
    for row in found.rows():
        str(row)


def fit_trace(data: bytes) -> bytes:
    """The header's checksum, and those of the blocks up to one that isn't whole."""
    if len(data) < trace_file.HEADER_BYTES:
        return data
    out = bytearray(data)
    size = trace_file.HEADER.size
    out[size : size + 4] = trace_file.CRC.pack(crc32c(out[:size]))
    at = trace_file.HEADER_BYTES
    while len(out) - at >= trace_file.BLOCK.size:
        kind, length, _, zero = trace_file.BLOCK.unpack_from(out, at)
        begin = at + trace_file.BLOCK.size
        trace_file.BLOCK.pack_into(out, at, kind, length, crc32c(out[begin : begin + length]), zero)
        at = begin + length
    return bytes(out)


def sound_trace() -> bytes:
    rows = b"".join(struct.pack("<q", number + 1) + bytes(trace_file.ROW_BYTES - 8) for number in range(3))
    return b"".join(
        [
            trace_file.header(17, virtual=True),
            *trace_file.name_blocks([(1, "broker-1"), (2, "orders-0")]),
            *trace_file.row_blocks(rows),
            trace_file.end_block(4),
        ]
    )


def file_readers() -> list[Reader]:
    many = b"0\n3\norders 0 17\norders 1 0\n__consumer_offsets 49 9223372036854775807\n"
    epochs = (*golden("leader-epoch-checkpoint"), b"0\n3\n0 0\n3 17\n9 9223372036854775807\n", b"")
    quorum = (
        b'{"clusterId":"","leaderId":1,"leaderEpoch":3,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],'
        b'"data_version":0}'
    )
    offsets = (*golden("*-offset-checkpoint"), many)
    fitted: list[tuple[str, Callable[[bytes], None], tuple[bytes, ...], Callable[[bytes], bytes]]] = [
        ("producer snapshot", read_snapshot, golden("*.snapshot"), fit_snapshot),
        ("manifest", read_manifest, (sound_manifest(),), fit_manifest),
        ("metadata log", read_metadata_log, (sound_metadata_log(),), with_fitting_checksums),
        ("trace", read_trace, (sound_trace(),), fit_trace),
    ]
    return [
        Reader("offset index", read_offset_index, golden("*.index")),
        Reader("time index", read_time_index, golden("*.timeindex")),
        Reader("transaction index", read_transaction_index, golden("*.txnindex")),
        Reader("leader epochs", read_epochs, epochs),
        Reader("offset checkpoint", read_offsets, offsets),
        Reader("meta.properties", read_meta_properties, golden("meta.properties")),
        Reader("partition.metadata", read_partition_metadata, golden("partition.metadata")),
        Reader("quorum-state", read_quorum, (quorum,)),
        *(Reader(*each) for each in fitted),
    ]
