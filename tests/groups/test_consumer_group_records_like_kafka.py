"""Records of consumer groups, and the hash of their topics, are Apache Kafka's: bytes that Kafka's own classes made.

``golden/ConsumerGroupRecords.java`` wrote ``golden/kafka-4.4.0-consumer-records.tsv``: the hashes of topics and groups,
and a record of each kind, with its key and its value.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from actors.groups.consumer import records
from actors.groups.consumer.member import ConsumerMember, MemberState
from actors.groups.consumer.topic_hash import group_hash, topic_hash
from actors.groups.records import ConsumerGroupRecord, Record, decode_entry, encode_entry
from bench.peers import kafka
from kstore.schema.messages.consumer_group_records import KEY_TYPES

PROGRAM = Path(__file__).parent / "golden" / "ConsumerGroupRecords.java"
GOLDEN = PROGRAM.with_name("kafka-4.4.0-consumer-records.tsv")
LINES = [line.split("\t") for line in GOLDEN.read_text().splitlines()]
HASHES = {(line[0], line[1]): int(line[2]) for line in LINES if line[0] != "record"}
BYTES = {line[1]: (bytes.fromhex(line[2]), bytes.fromhex(line[3]) or None) for line in LINES if line[0] == "record"}

GROUP = "gruppe-ä"
ORDERS, USERS = bytes.fromhex("000102030405060788090a0b0c0d0e0f"), bytes.fromhex("f0e0d0c0b0a090807060504030201000")
LONG_NAME = "a.long.name." * 20
TOPICS: dict[str, tuple[bytes, list[list[str]]]] = {
    "orders": (ORDERS, [[]] * 3),
    "users": (USERS, [["west", "east"]]),
    "with-racks": (ORDERS, [["b", "a", "ä😀"], [], ["a,b"]]),
    "large": (USERS, [["r1", "r2"]] * 100),
    LONG_NAME: (ORDERS, [[]] * 10),
}

MEMBER = ConsumerMember(
    "member-1",
    instance_id="instance",
    rack_id="rack",
    client_id="client",
    client_host="/127.0.0.1",
    topics=("orders", "users"),
    regex="or.*",
    rebalance_timeout_ms=30_000,
    assignor="range",
    epoch=7,
    previous_epoch=5,
    state=MemberState.UNREVOKED_PARTITIONS,
    assigned={(ORDERS, 0): 5, (ORDERS, 2): 7},
    revoking={(USERS, 1): 3},
)
PLAIN = ConsumerMember("member-2", client_host="/::1", rebalance_timeout_ms=1, epoch=2, previous_epoch=-1)
GONE = dict(
    zip(("current gone", "target gone", "member gone"), records.member_tombstones(GROUP, "member-1"), strict=True)
)
GROUP_GONE = dict(
    zip(
        ("epoch gone", "expression gone", "topics gone", "group gone"),
        records.group_tombstones(GROUP, ["or.*"]),
        strict=True,
    )
)
NOW_MS = 1_700_000_000_000
OURS: dict[str, Record] = {
    "group": records.group_record(GROUP, 9, -1234567890123456789),
    "member": records.member_record(GROUP, MEMBER),
    "plain member": records.member_record(GROUP, PLAIN),
    "epoch": records.assignment_epoch_record(GROUP, 9, NOW_MS),
    "target": records.target_record(GROUP, "member-1", frozenset({(ORDERS, 2), (ORDERS, 0)})),
    "no target": records.target_record(GROUP, "member-2", frozenset()),
    "current": records.current_record(GROUP, MEMBER),
    "plain current": records.current_record(GROUP, PLAIN),
    "expression": records.regex_record(GROUP, "or.*", ("orders", "orders-eu"), 45, NOW_MS),
    **GONE,
    **GROUP_GONE,
}


@pytest.mark.parametrize("name", TOPICS)
def test_the_hash_of_a_topic_is_that_of_kafka(name: str) -> None:
    topic_id, racks = TOPICS[name]
    assert topic_hash(topic_id, name, racks) == HASHES["topic", name]
    assert topic_hash(topic_id, name, racks) != topic_hash(topic_id, name, [*racks, []])


def test_the_hash_of_a_groups_topics_is_that_of_kafka() -> None:
    hashes = {name: HASHES["topic", name] for name in TOPICS}
    assert group_hash(hashes) == HASHES["group", "all"]
    assert group_hash({"orders": hashes["orders"]}) == HASHES["group", "orders"]
    assert group_hash({}) == HASHES["group", "none"] == 0


def test_every_kind_of_record_is_compared() -> None:
    assert OURS.keys() == BYTES.keys()
    assert {int.from_bytes(key[:2]) for key, _ in BYTES.values()} == set(KEY_TYPES)


@pytest.mark.parametrize("name", BYTES)
def test_a_record_is_that_of_kafka_byte_for_byte_both_ways(name: str) -> None:
    assert encode_entry(OURS[name]) == BYTES[name]
    back = decode_entry(*BYTES[name])
    assert isinstance(back, ConsumerGroupRecord)
    assert encode_entry(back) == BYTES[name]
    assert back.group_id == GROUP


@pytest.mark.oracle
def test_kafka_still_makes_these_hashes_and_records() -> None:
    if lacking := kafka.missing():
        pytest.fail(lacking)
    command = ["java", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", f"{kafka.libs()}/*"]
    done = subprocess.run([*command, str(PROGRAM)], capture_output=True, text=True, check=True)
    assert done.stdout == GOLDEN.read_text()
