"""The transcripts that our groups are held to are what a real Kafka answers today, and both write the same log."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from groups.group_scripts import (
    CONFIG,
    POLICY,
    SCRIPTS,
    listing_and_deleting,
    offsets,
    one_member,
    static_members,
    transcript,
    transcript_under,
    two_members,
)
from groups.migration_scripts import POLICIES
from groups.wire import Labels

from actors.cluster import Cluster
from bench.peers.kafka import KafkaCluster
from kstore.records import parse_batches
from kstore.schema import decode
from kstore.schema.envelopes import prefix_of
from kstore.schema.messages.consumer_offsets import (
    GroupMetadataKey,
    GroupMetadataValue,
    OffsetCommitKey,
    OffsetCommitValue,
)
from kstore.schema.struct import Message

GOLDEN = Path(__file__).parents[1] / "groups" / "golden" / "kafka-4.4.0.json"


def test_a_real_kafka_still_answers_the_scripts_as_written_down(start_kafka: Callable[..., KafkaCluster]) -> None:
    kafka = start_kafka(1, CONFIG)
    golden = json.loads(GOLDEN.read_text())
    for script in SCRIPTS:
        found = transcript(kafka.bootstrap, script, script.__name__.replace("_", "-"))
        assert json.loads(json.dumps(found)) == golden[script.__name__], script.__name__


@pytest.mark.parametrize("policy", POLICIES)
def test_a_real_kafka_still_migrates_groups_as_the_policy_allows(
    start_kafka: Callable[..., KafkaCluster], policy: str
) -> None:
    kafka = start_kafka(1, {**CONFIG, POLICY: policy})
    golden = json.loads(GOLDEN.read_text())
    found = transcript_under(policy, kafka.bootstrap)
    assert json.loads(json.dumps(found)) == golden[f"{POLICY}={policy}"]


SCRIPTS_FOR_THE_LOG = [one_member, static_members, two_members, offsets, listing_and_deleting]
LEFT_OUT = {"commit_timestamp", "expire_timestamp", "current_state_timestamp", "topic_id"}
VALUES: dict[int, type[Message]] = {1: OffsetCommitValue, 2: GroupMetadataValue}
KEYS: dict[int, type[Message]] = {1: OffsetCommitKey, 2: GroupMetadataKey}


def test_our_offsets_topic_tells_what_kafkas_does(start_kafka: Callable[..., KafkaCluster], tmp_path: Path) -> None:
    kafka = start_kafka(1, CONFIG)
    play(kafka.bootstrap)
    theirs = records(kafka.log_folder(1))
    ours_folder = tmp_path / "ours"
    cluster = Cluster(1, listen="127.0.0.1:0", config=CONFIG, data_dir=str(ours_folder))
    play(cluster.bootstrap_servers)
    cluster.close()
    assert records(ours_folder / "node-1") == theirs


def play(bootstrap: str) -> None:
    for script in SCRIPTS_FOR_THE_LOG:
        transcript(bootstrap, script, script.__name__.replace("_", "-"))


def records(folder: Path) -> list[object]:
    """Every record as its type, its version and its fields, with labels for ids, without times."""
    data = (folder / "__consumer_offsets-0" / f"{0:020d}.log").read_bytes()
    labels = Labels()
    found: list[object] = []
    for batch in parse_batches(data, allow_partial=True):
        assert (batch.compression, batch.producer_id, batch.is_transactional) == (0, -1, False)
        for record in batch.records():
            assert record.key is not None
            kind = prefix_of(record.key)
            key = plain(labels, decode(KEYS[kind], 0, record.key, 2))
            version = value = None
            if record.value is not None:
                version = prefix_of(record.value)
                value = plain(labels, decode(VALUES[kind], version, record.value, 2))
            found.append((kind, key, version, value))
    return found


def plain(labels: Labels, message: object) -> object:
    fields = labels.plain(message)
    assert isinstance(fields, dict)
    return {name: value for name, value in fields.items() if name not in LEFT_OUT}
