"""Folders of stopped clusters, changed by hand as Apache Kafka would have left them, and what a start says of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from actors.cluster import Cluster
from actors.node.folder import FolderError
from kstore.records import BatchBuilder, scan_batches
from kstore.schema.envelopes import encode_metadata

METADATA = "__cluster_metadata-0"
FIRST = "00000000000000000000.log"
NOW = 1_700_000_000_000
SAID = [b"%d" % number for number in range(5)]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, every folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refused(folder: Path, brokers: int = 3, data_dir: Path | None = None) -> str:
    """The line with which the folders are refused; nothing in them has changed, and nothing was made."""
    before = tree(folder)
    with pytest.raises(FolderError) as refusal:
        Cluster(brokers, data_dir=str(data_dir or folder), seed=1)
    assert tree(folder) == before
    line = str(refusal.value)
    assert "\n" not in line
    return line


def append_records(data: Path, *records: Any, node: str = "*") -> None:
    """One more decision of the controller's, in every node's copy of the metadata log, or in one node's."""
    for log in data.glob(f"{node}/{METADATA}/{FIRST}"):
        batches, _ = scan_batches(log.read_bytes())
        builder = BatchBuilder(base_offset=batches[-1].last_offset + 1, leader_epoch=batches[-1].leader_epoch)
        for record in records:
            builder.append(NOW, None, encode_metadata(record, record.VERSIONS[1]))
        log.write_bytes(log.read_bytes() + builder.build())


def append_batch(data: Path, batch: bytes) -> None:
    for log in data.glob(f"*/{METADATA}/{FIRST}"):
        log.write_bytes(log.read_bytes() + batch)


def end_of_metadata(data: Path) -> int:
    batches, _ = scan_batches((data / "node-1" / METADATA / FIRST).read_bytes())
    return batches[-1].last_offset + 1


def forget_clean_stop(data: Path) -> None:
    for mark in data.glob("node-*/.kafka_cleanshutdown"):
        mark.unlink()


def old_message(offset: int, magic: int, key: bytes | None = b"k", value: bytes | None = b"v" * 30, codec: int = 0):
    """A message of format 0 or 1; under a codec, one that wraps others."""
    body = bytes((magic, codec)) + (struct.pack(">q", NOW) if magic else b"")
    for field in (key, value):
        body += struct.pack(">i", -1 if field is None else len(field)) + (field or b"")
    return struct.pack(">qiI", offset, len(body) + 4, zlib.crc32(body)) + body


def old_messages(first: int, count: int, magic: int) -> bytes:
    return b"".join(old_message(offset, magic) for offset in range(first, first + count))


def write_segment(folder: Path, base: int, parts: Iterable[bytes]) -> Path:
    """A segment of these bytes, without indexes."""
    path = folder / f"{base:020d}.log"
    path.write_bytes(b"".join(parts))
    for suffix in (".index", ".timeindex", ".snapshot"):
        path.with_suffix(suffix).unlink(missing_ok=True)
    return path


def stopped_with(start, data: Path, brokers: int) -> Path:
    client = start(brokers, data_dir=str(data))
    client.create("t", copies=brokers)
    for value in SAID:
        client.say("t", value)
    client.run(5)
    client.cluster.close()
    return data


def served(start, data: Path, brokers: int = 3) -> None:
    """The cluster starts, and everything is there."""
    client = start(brokers, data_dir=str(data))
    client.wait_for_leader("t")
    assert client.everything("t") == SAID
    client.cluster.close()
