"""Folders that Apache Kafka wrote and kstore can't serve yet: refused by a line with the way out, and left untouched.

Each way out that is ours to go is gone here; those that lead through Kafka are gone in ``tests/oracle``.
"""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import pytest
from cluster.kept_folders import (
    FIRST,
    METADATA,
    append_batch,
    append_records,
    end_of_metadata,
    forget_clean_stop,
    old_message,
    old_messages,
    refused,
    served,
    stopped_with,
    write_segment,
)
from log.batching import NOW_MS, stamped

from actors.cluster import Cluster
from actors.cluster.adoption import adopt
from actors.controller.metadata_log import encode_batch
from kstore.records import BatchBuilder, scan_batches
from kstore.records.control import ControlType, control_batch
from kstore.schema.messages.metadata_records import (
    AccessControlEntryRecord,
    ClientQuotaRecord,
    DelegationTokenRecord,
    EntityData,
    FeatureLevelRecord,
    NoOpRecord,
    RemoveAccessControlEntryRecord,
    RemoveDelegationTokenRecord,
    RemoveUserScramCredentialRecord,
    UserScramCredentialRecord,
)

GOLDEN = Path(__file__).parent.parent / "controller/golden"
TOPIC_ID = bytes(range(50, 66))


@pytest.fixture
def stopped(start, tmp_path) -> Path:
    """The folders of three nodes with a topic, after a clean stop."""
    return stopped_with(start, tmp_path / "data", 3)


@pytest.fixture
def alone(start, tmp_path) -> Path:
    """The folder of one node with a topic, after a clean stop."""
    return stopped_with(start, tmp_path / "data", 1)


OLD = {
    "format 0": old_messages(0, 5, 0),
    "format 1": old_messages(0, 5, 1),
    "format 0 before 1": old_messages(0, 2, 0) + old_messages(2, 2, 1),
    "format 0 before 2": old_messages(0, 3, 0) + stamped(3, 4).to_bytes(),
    "format 1 before 2": old_messages(0, 3, 1) + stamped(3, 4).to_bytes(),
    "format 1 behind 2": stamped(0, 4).to_bytes() + old_messages(4, 3, 1),
    "format 1 between": stamped(0, 4).to_bytes() + old_message(4, 1) + stamped(5, 2).to_bytes(),
    "compressed": old_message(9, 1, None, b"\x1f\x8b" + b"x" * 200, codec=1),
    "no key and no value": old_message(0, 0, None, None),
    "a key longer than what is looked at": old_message(0, 1, b"k" * 100_000),
    "cut short": old_messages(0, 5, 1)[:-7],
}


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "unclean"])
@pytest.mark.parametrize("name", OLD)
def test_messages_of_an_old_format_are_refused_by_their_file(stopped, name, clean):
    if not clean:
        forget_clean_stop(stopped)
    write_segment(stopped / "node-2" / "t-0", 0, [OLD[name]])
    line = refused(stopped)
    assert (
        f"node-2/t-0/{FIRST} has messages of format {1 if 'format 1' in name[:8] or OLD[name][16] == 1 else 0}" in line
    )
    assert "copy the topic's records to a new topic, and delete the old one" in line


def test_an_old_format_in_a_later_segment_is_refused(alone):
    write_segment(alone / "node-1" / "t-0", 5, [old_messages(5, 3, 1)])
    assert f"t-0/{5:020d}.log has messages of format 1" in refused(alone, 1)


NOT_OLD = {
    "nothing": b"",
    "zeros": bytes(200),
    "a byte": b"\0",
    "a size that doesn't fit": struct.pack(">qiI", 5, 90, 0) + b"\1\0" + bytes(70),
    "lengths that don't fit": struct.pack(">qiI", 5, 50, 0) + b"\0\0" + struct.pack(">i", -9) + bytes(50),
}


@pytest.mark.parametrize("name", NOT_OLD)
def test_what_a_crash_leaves_behind_the_batches_is_no_old_message(start, alone, name):
    forget_clean_stop(alone)
    log = alone / "node-1" / "t-0" / FIRST
    log.write_bytes(log.read_bytes() + NOT_OLD[name])
    (alone / "node-1" / "recovery-point-offset-checkpoint").write_text("0\n0\n")
    served(start, alone, 1)


def set_voters(data: Path, *voters: int) -> None:
    for path in data.glob(f"*/{METADATA}"):
        state = {"clusterId": "", "leaderId": 2, "leaderEpoch": 1, "votedId": -1, "appliedOffset": 0, "data_version": 0}
        state["currentVoters"] = [{"voterId": voter} for voter in voters]
        (path / "quorum-state").write_text(json.dumps(state))


ADOPT = "let kstore adopt make a --data-dir of the folders of all nodes, or start Apache Kafka on them"


def adopted(data: Path, *nodes: int) -> Path:
    to = data.parent / "adopted"
    adopt([str(data / f"node-{node}") for node in nodes], str(to))
    return to


def test_other_voters_are_refused_until_they_are_adopted(start, stopped):
    set_voters(stopped, 1, 2, 3)
    line = refused(stopped)
    assert f"node-1/{METADATA}/quorum-state names the voters 1, 2, 3" in line
    assert line.endswith(ADOPT)
    served(start, adopted(stopped, 1, 2, 3))


def test_the_voter_whose_log_goes_furthest_gives_its_copy(start, stopped):
    set_voters(stopped, 1, 2, 3)
    append_records(stopped, NoOpRecord())
    batches, _ = scan_batches((stopped / "node-2" / METADATA / FIRST).read_bytes())
    (stopped / "node-1" / METADATA / FIRST).write_bytes(b"".join(batch.to_bytes() for batch in batches[:-1]))
    taken, _ = scan_batches((adopted(stopped, 1, 2, 3) / "node-1" / METADATA / FIRST).read_bytes())
    assert taken[-1].last_offset == batches[-1].last_offset
    served(start, stopped.parent / "adopted")


@pytest.mark.parametrize("place", ["the log", "the first snapshot"])
def test_voters_that_may_change_are_refused(alone, place):
    batch = control_batch(ControlType.KRAFT_VOTERS, bytes(3), 0, base_offset=end_of_metadata(alone), leader_epoch=1)
    if place == "the log":
        append_batch(alone, batch)
    else:
        (alone / "node-1" / METADATA / f"{0:020d}-{0:010d}.checkpoint").write_bytes(batch)
    assert f"node-1/{METADATA} is of a quorum whose voters may change (kraft.version 1)" in refused(alone, 1)


def begin_behind_a_snapshot(node: Path) -> None:
    metadata = node / METADATA
    batches = (metadata / FIRST).read_bytes()
    cut = 12 + int.from_bytes(batches[8:12], "big")
    base = int.from_bytes(batches[cut : cut + 8], "big")
    (metadata / FIRST).unlink()
    write_segment(metadata, base, [batches[cut:]])
    (metadata / f"{base:020d}-{1:010d}.checkpoint").write_bytes(b"")


def test_a_log_that_begins_behind_a_snapshot_is_refused_for_what_it_is(alone):
    begin_behind_a_snapshot(alone / "node-1")
    line = refused(alone, 1)
    assert f"node-1/{METADATA} begins behind a snapshot (0000000000000000000" in line
    assert line.endswith(ADOPT)


def test_a_neighbour_has_what_a_log_without_its_snapshot_lacks(start, stopped):
    set_voters(stopped, 1, 2, 3)
    begin_behind_a_snapshot(stopped / "node-1")
    assert refused(stopped).endswith(ADOPT)
    shutil.rmtree(stopped / "node-1" / METADATA)
    served(start, adopted(stopped, 1, 2, 3))


@pytest.mark.parametrize("level", [7, 21, 29])
def test_an_older_metadata_version_is_refused_and_raised(start, alone, level):
    append_records(alone, FeatureLevelRecord(name="metadata.version", feature_level=level))
    line = refused(alone, 1)
    assert f"metadata.version={level}" in line
    assert "start Kafka 4.4 on it" in line
    assert line.endswith("upgrade --feature metadata.version=33")
    append_records(alone, FeatureLevelRecord(name="metadata.version", feature_level=33))
    served(start, alone, 1)


@pytest.mark.parametrize("level", [30, 31, 32])
def test_a_cluster_goes_on_with_the_metadata_version_that_it_has(start, alone, level):
    append_records(alone, FeatureLevelRecord(name="metadata.version", feature_level=level))
    with Cluster(data_dir=str(alone)) as cluster:
        assert cluster.nodes[1].view.image.features["metadata.version"] == level
    served(start, alone, 1)


def test_a_newer_metadata_version_stays_with_kafka(alone):
    append_records(alone, FeatureLevelRecord(name="metadata.version", feature_level=34))
    line = refused(alone, 1)
    assert "Kafka doesn't lower metadata.version: start Apache Kafka on it, or choose another --data-dir" in line


@pytest.mark.parametrize("name", ["share.version", "streams.version", "a.new.one"])
def test_a_feature_that_kstore_lacks_is_refused_and_switched_off(start, alone, name):
    append_records(alone, FeatureLevelRecord(name=name, feature_level=1))
    assert refused(alone, 1).endswith(f"downgrade --feature {name}=0")
    append_records(alone, FeatureLevelRecord(name=name, feature_level=0))
    served(start, alone, 1)


@pytest.mark.parametrize(
    ("version", "path"),
    [("4.3.1", "bootstrap.checkpoint"), ("4.4.0", f"{METADATA}/{0:020d}-{0:010d}.checkpoint")],
)
def test_a_folder_that_kafka_has_only_formatted_is_refused_by_its_features(tmp_path, version, path):
    written = tmp_path / "node-1" / path
    written.parent.mkdir(parents=True)
    written.write_bytes((GOLDEN / f"kafka-{version}-bootstrap.checkpoint").read_bytes())
    line = refused(tmp_path, 1)
    assert "share.version=" in line
    assert "group.version" not in line
    assert "kafka-features.sh --bootstrap-server HOST:PORT downgrade" in line
    assert "--feature eligible.leader.replicas.version=0" in line


@pytest.mark.parametrize("path", ["bootstrap.checkpoint", f"{METADATA}/{0:020d}-{0:010d}.checkpoint"])
def test_a_cluster_that_kafka_has_only_formatted_begins_with_the_version_chosen(tmp_path, path):
    written = tmp_path / "node-1" / path
    written.parent.mkdir(parents=True)
    written.write_bytes(encode_batch([FeatureLevelRecord(name="metadata.version", feature_level=31)], 0, 0, NOW_MS))
    for _ in range(2):
        with Cluster(data_dir=str(tmp_path)) as cluster:
            assert cluster.nodes[1].view.image.features == {"metadata.version": 31}


IN_FORCE = {
    "access rules (ACLs), which kstore doesn't have yet (User:ann on orders)": (
        AccessControlEntryRecord(id=TOPIC_ID, resource_name="orders", principal="User:ann", host="*"),
        RemoveAccessControlEntryRecord(id=TOPIC_ID),
    ),
    "quotas, which kstore doesn't have yet (producer_byte_rate of user ann)": (
        ClientQuotaRecord(
            entity=[EntityData(entity_type="user", entity_name="ann")], key="producer_byte_rate", value=1.0
        ),
        ClientQuotaRecord(
            entity=[EntityData(entity_type="user", entity_name="ann")], key="producer_byte_rate", remove=True
        ),
    ),
    "SCRAM credentials, which kstore doesn't have yet (SCRAM-SHA-512 of user ann)": (
        UserScramCredentialRecord(
            name="ann", mechanism=2, salt=b"s", stored_key=b"k", server_key=b"k", iterations=4096
        ),
        RemoveUserScramCredentialRecord(name="ann", mechanism=2),
    ),
    "delegation tokens, which kstore doesn't have yet (token-1)": (
        DelegationTokenRecord(owner="User:ann", requester="User:ann", token_id="token-1"),
        RemoveDelegationTokenRecord(token_id="token-1"),
    ),
}


@pytest.mark.parametrize("name", IN_FORCE)
def test_what_is_in_force_is_refused_until_it_is_taken_back(start, alone, name):
    made, taken_back = IN_FORCE[name]
    append_records(alone, made)
    assert f"its cluster has {name}: start Apache Kafka on it and remove them with bin/kafka-" in refused(alone, 1)
    append_records(alone, taken_back)
    served(start, alone, 1)
    served(start, alone, 1)


def test_many_of_a_kind_are_told_by_the_first(alone):
    rules = [AccessControlEntryRecord(id=bytes((n,)) * 16, resource_name=f"t{n}", principal="User:b") for n in range(9)]
    append_records(alone, *rules)
    assert "User:b on t0; User:b on t1; User:b on t2 and 6 more" in refused(alone, 1)


@pytest.mark.parametrize("value", [None, b"", b"\1", b"\1\x63\0", b"\2\x0c\0", b"\1\2\x7f"])
def test_a_record_that_cannot_be_replayed_is_refused_by_its_offset(alone, value):
    end = end_of_metadata(alone)
    builder = BatchBuilder(base_offset=end, leader_epoch=1)
    builder.append(0, None, value)
    append_batch(alone, builder.build())
    assert f"node-1/{METADATA} can't be replayed at offset {end}" in refused(alone, 1)
