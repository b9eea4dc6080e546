"""Messages from before format v2 behind batches: opening finds what the look at a segment's beginning can't."""

from __future__ import annotations

import struct

import pytest
from cluster.kept_folders import old_message, old_messages
from hypothesis import given
from hypothesis import strategies as st
from log.batching import NOW_MS, stamped

from kstore.fs import FileSystem
from kstore.log import Log, LogConfig
from kstore.log.old_formats import OldFormat, find_old_message, old_format

PATH = "orders-0"
FILE = f"{PATH}/{0:020d}.log"


def kept(fs: FileSystem, *parts: bytes) -> dict[str, bytes]:
    """A log of some batches with these bytes behind; its files."""
    log = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS)
    log.append_as_follower([stamped(offset, 5, size=1000) for offset in range(0, 100, 5)], NOW_MS)
    log.close()
    fs.replace(FILE, fs.read_bytes(FILE) + b"".join(parts))
    return files(fs)


def files(fs: FileSystem) -> dict[str, bytes]:
    return {name: fs.read_bytes(f"{PATH}/{name}") for name in fs.listdir(PATH)}


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("with_batches_behind", [True, False])
@pytest.mark.parametrize("indexed", [True, False])
def test_a_log_with_old_messages_is_not_opened_and_nothing_of_it_is_cut(
    fs: FileSystem, clean: bool, magic: int, with_batches_behind: bool, indexed: bool
) -> None:
    kept(fs, old_messages(100, 3, magic), stamped(103, 2).to_bytes() if with_batches_behind else b"")
    if not indexed:
        fs.unlink(FILE.replace(".log", ".index"))
    before = fs.read_bytes(FILE)
    for _ in range(2):
        with pytest.raises(OldFormat, match=f"{FILE} has messages of format {magic}"):
            Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS, clean=clean)
        assert fs.read_bytes(FILE) == before


@pytest.mark.parametrize("tail", [bytes(500), b"\1" * 60, struct.pack(">qiI", 100, 90, 1) + b"\1" + b"\xff" * 200])
def test_a_torn_tail_that_looks_a_little_like_one_is_cut_as_ever(fs: FileSystem, tail: bytes) -> None:
    kept(fs, tail)
    log = Log.open(fs, PATH, LogConfig(), now_ms=NOW_MS)
    assert (log.end_offset, log.recovery.cut_bytes) == (100, len(tail))


@given(
    st.sampled_from([0, 1]),
    st.one_of(st.none(), st.binary(max_size=300)),
    st.one_of(st.none(), st.binary(max_size=300)),
    st.integers(0, 3),
)
def test_every_old_message_is_known_by_its_lengths(
    magic: int, key: bytes | None, value: bytes | None, batches: int
) -> None:
    message = old_message(7, magic, key, value)
    assert old_format(message) == magic
    front = b"".join(stamped(offset).to_bytes() for offset in range(batches))
    assert find_old_message(front + message) == magic
    assert find_old_message(front) is None


@given(st.binary(max_size=400), st.integers(0, 2), st.integers(0, 40))
def test_bytes_of_any_kind_are_looked_at_without_harm(noise: bytes, batches: int, cut: int) -> None:
    front = b"".join(stamped(offset).to_bytes() for offset in range(batches))
    assert find_old_message((front + noise)[: len(front) + len(noise) - cut]) in (None, 0, 1)


@given(st.integers(1, 100))
def test_a_message_that_is_cut_is_known_as_long_as_its_key_is_there(cut: int) -> None:
    message = old_message(7, 1, b"key", b"v" * 200)
    assert old_format(message[:-cut]) == 1
