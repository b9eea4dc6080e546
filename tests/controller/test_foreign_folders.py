"""A folder of Apache Kafka's with features that kstore lacks is refused by their names, with nothing touched."""

from pathlib import Path

import pytest

from actors.broker.folder import FolderError
from actors.cluster import Cluster
from actors.controller.foreign import unsupported_features
from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import encode_batch
from kstore.fs import MemoryFileSystem
from kstore.schema.messages.metadata_records import FeatureLevelRecord

GOLDEN = Path(__file__).parent / "golden"
TURNED_ON = {
    "eligible.leader.replicas.version": 1,
    "group.version": 1,
    "share.version": 1,
    "streams.version": 1,
    "transaction.version": 2,
}


def formatted_by_kafka() -> MemoryFileSystem:
    fs = MemoryFileSystem()
    fs.mkdir("")
    fs.replace("bootstrap.checkpoint", (GOLDEN / "kafka-4.3.1-bootstrap.checkpoint").read_bytes())
    return fs


def test_the_features_of_a_folder_that_kafka_formatted_are_found() -> None:
    assert unsupported_features(formatted_by_kafka()) == TURNED_ON
    assert unsupported_features(MemoryFileSystem()) == {}


def test_features_that_were_switched_off_since_are_no_hindrance() -> None:
    fs = formatted_by_kafka()
    fs.mkdir(METADATA_LOG)
    off = [FeatureLevelRecord(name=name, feature_level=0) for name in TURNED_ON]
    fs.replace(f"{METADATA_LOG}/00000000000000000000.log", encode_batch(off, 0, 1, 0))
    assert unsupported_features(fs) == {}


def test_such_a_folder_is_refused_with_the_mend_and_left_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "node-1"
    folder.mkdir()
    checkpoint = (GOLDEN / "kafka-4.3.1-bootstrap.checkpoint").read_bytes()
    (folder / "bootstrap.checkpoint").write_bytes(checkpoint)
    with pytest.raises(
        FolderError, match=r"group\.version=1.*kafka-features\.sh downgrade .*--feature group\.version=0"
    ):
        Cluster(brokers=1, data_dir=str(tmp_path), seed=1)
    assert sorted(path.name for path in folder.iterdir()) in (
        ["bootstrap.checkpoint"],
        [".lock", "bootstrap.checkpoint"],
    )
    assert (folder / "bootstrap.checkpoint").read_bytes() == checkpoint
