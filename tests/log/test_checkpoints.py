"""The small text files of a log directory: what is written is read, and what is broken is named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.log import checkpoints
from kstore.log.checkpoints import CheckpointError, MetaProperties

TOPICS = st.from_regex(r"[a-zA-Z0-9._-]{1,20}", fullmatch=True)


@given(st.dictionaries(st.tuples(TOPICS, st.integers(0, 1000)), st.integers(0, (1 << 63) - 1), max_size=8))
def test_offsets_are_read_as_written(offsets: dict[tuple[str, int], int]) -> None:
    fs = MemoryFileSystem()
    checkpoints.write_offsets(fs, checkpoints.HIGH_WATERMARKS, offsets)
    assert checkpoints.read_offsets(fs, checkpoints.HIGH_WATERMARKS) == offsets


def test_a_checkpoint_as_kafka_makes_it_before_it_writes_one_is_empty(fs: FileSystem) -> None:
    fs.replace("a-checkpoint", b"")
    assert checkpoints.read_offsets(fs, "a-checkpoint") == {}


def test_a_missing_checkpoint_is_empty(fs: FileSystem) -> None:
    assert checkpoints.read_offsets(fs, checkpoints.RECOVERY_POINTS) == {}
    assert checkpoints.read_meta_properties(fs) is None
    assert not checkpoints.take_clean_shutdown(fs)


@pytest.mark.parametrize(
    "content",
    [
        b"1\n0\n",
        b"0\n",
        b"0\n2\norders 0 5\n",
        b"0\nx\n",
        b"0\n1\norders zero 5\n",
        b"0\n1\norders 0\n",
        b"\xff\n",
    ],
)
def test_a_broken_checkpoint_is_refused_by_name(fs: FileSystem, content: bytes) -> None:
    fs.replace("a-checkpoint", content)
    with pytest.raises(CheckpointError, match="a-checkpoint"):
        checkpoints.read_offsets(fs, "a-checkpoint")


def test_a_clean_shutdown_is_told_once(fs: FileSystem) -> None:
    assert not checkpoints.take_clean_shutdown(fs)
    checkpoints.write_clean_shutdown(fs, 17)
    assert fs.read_bytes(checkpoints.CLEAN_SHUTDOWN) == checkpoints.clean_shutdown(17)
    assert checkpoints.take_clean_shutdown(fs)
    assert not checkpoints.take_clean_shutdown(fs)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"brokerEpoch":"x"}', b'{"brokerEpoch":-1}', b"\xff"])
def test_a_mark_without_a_broker_epoch_is_a_mark_all_the_same(fs: FileSystem, content: bytes) -> None:
    fs.replace(checkpoints.CLEAN_SHUTDOWN, content)
    assert checkpoints.take_clean_shutdown(fs)


def test_a_directory_knows_whose_it_is(fs: FileSystem) -> None:
    meta = MetaProperties("MkU3OEVBNTcwNTJENDM2Qg", 3, bytes(range(16)))
    checkpoints.write_meta_properties(fs, meta)
    assert checkpoints.read_meta_properties(fs) == meta
    assert b"directory.id=AAECAwQFBgcICQoLDA0ODw\n" in fs.read_bytes(checkpoints.META_PROPERTIES)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version=0\ncluster.id=a\nnode.id=1\ndirectory.id=AAECAwQFBgcICQoLDA0ODw\n",
        b"version=1\ncluster.id=a\nnode.id=one\ndirectory.id=AAECAwQFBgcICQoLDA0ODw\n",
        b"version=1\ncluster.id=a\nnode.id=1\ndirectory.id=short\n",
        b"version=1\ncluster.id=a\nnode.id=1\ndirectory.id=\n",
        b"version=1\ncluster.id=a\n",
    ],
)
def test_broken_meta_properties_are_refused(fs: FileSystem, content: bytes) -> None:
    fs.replace(checkpoints.META_PROPERTIES, content)
    with pytest.raises(CheckpointError, match=checkpoints.META_PROPERTIES.replace(".", "[.]")):
        checkpoints.read_meta_properties(fs)


def test_a_partition_knows_its_topic(fs: FileSystem) -> None:
    fs.mkdir("orders-0")
    assert checkpoints.read_partition_metadata(fs, "orders-0") is None
    checkpoints.write_partition_metadata(fs, "orders-0", bytes(range(16)))
    assert checkpoints.read_partition_metadata(fs, "orders-0") == bytes(range(16))
    for broken in (
        b"version: 1\ntopic_id: AAECAwQFBgcICQoLDA0ODw",
        b"version: 0\ntopic_id: AAECAwQFBgcICQoLDA0ODwAA",
        b"version: 0\nx",
    ):
        fs.replace("orders-0/partition.metadata", broken)
        with pytest.raises(CheckpointError):
            checkpoints.read_partition_metadata(fs, "orders-0")


def test_a_partitions_topic_that_a_power_loss_has_torn_is_told_again(fs: FileSystem) -> None:
    fs.mkdir("orders-0")
    checkpoints.write_partition_metadata(fs, "orders-0", bytes(range(16)))
    whole = fs.read_bytes("orders-0/partition.metadata")
    for left in range(len(whole)):
        for zeros in (0, len(whole) - left):
            fs.replace("orders-0/partition.metadata", whole[:left] + bytes(zeros))
            assert checkpoints.read_partition_metadata(fs, "orders-0") is None
