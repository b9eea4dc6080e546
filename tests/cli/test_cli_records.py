"""Records in and out by the command: JSON both ways, groups that commit what was printed, ends, and summaries."""

from __future__ import annotations

import json

import pytest

from kstore.codec import partition_for_key


def lines(data: bytes) -> list[dict]:
    return [json.loads(line) for line in data.splitlines()]


def test_records_as_json_are_copied_from_topic_to_topic_unchanged(ok, topic) -> None:
    ok("produce", topic, "-K:", "-H", "a=1", "-H", "b", stdin=b"k:v\n\xff:\xfe\n")
    copy = f"{topic}-copy"
    ok("topics", "create", copy, "--partitions", "1")
    printed = ok("consume", topic, "-e", "--json")
    ok("produce", copy, "--json-in", stdin=printed)
    assert lines(ok("consume", copy, "-e", "--json")) == [{**line, "topic": copy} for line in lines(printed)]


def test_each_record_s_json_has_the_documented_fields(ok, topic) -> None:
    ok("produce", topic, "-K:", "-H", "a=1", stdin=b"k:v\n")
    (told,) = lines(ok("consume", topic, "-e", "--json"))
    assert told.pop("timestamp") > 1_600_000_000_000
    assert told == {
        "topic": topic,
        "partition": 0,
        "offset": 0,
        "timestamp_type": "create",
        "headers": [["a", "1"]],
        "key": "k",
        "value": "v",
    }


def test_a_summary_says_how_many_records_went_where(ok, topic) -> None:
    ok("topics", "alter", topic, "--partitions", "3")
    keys = [b"user%d" % number for number in range(9)]
    (told,) = lines(ok("produce", topic, "-K:", "--json", stdin=b"".join(key + b":x\n" for key in keys)))
    assert told["sent"] == told["acknowledged"] == 9
    for number, place in told["partitions"].items():
        there = [key for key in keys if partition_for_key(key, 3) == int(number)]
        assert place == {"records": len(there), "first_offset": 0, "last_offset": len(there) - 1}


@pytest.mark.parametrize("options", [[], ["-H", "a=b"]])
@pytest.mark.parametrize("lines", [b"nokey\n", b"a:1\nnokey\nb:2\n"])
def test_of_a_batch_that_is_refused_the_record_at_fault_is_told(kstore, ok, topic, options, lines) -> None:
    name = f"{topic}-compact"
    ok("topics", "create", name, "-p", "1", "--config", "cleanup.policy=compact")
    done = kstore("produce", name, "-K:", *options, stdin=lines)
    assert (done.returncode, done.stdout) == (1, b"")
    (told,) = done.stderr.decode().splitlines()
    assert told.startswith("kstore: INVALID_RECORD: ")
    assert "ompacted topic cannot accept message without key" in told


def test_a_group_goes_on_after_the_last_record_that_was_printed(ok, topic, group) -> None:
    ok("produce", topic, stdin=b"".join(b"%d\n" % number for number in range(10)))
    assert ok("consume", "-G", group, "-o", "beginning", topic, "-c", "4").split() == [b"0", b"1", b"2", b"3"]
    assert ok("consume", "-G", group, topic, "-c", "3").split() == [b"4", b"5", b"6"]
    assert ok("consume", "-G", group, topic, "-e").split() == [b"7", b"8", b"9"]
    assert ok("consume", "-G", group, topic, "-e") == b""


def test_a_group_reads_all_topics_that_match(ok, topic, group) -> None:
    ok("topics", "create", f"{topic}-other", "--partitions", "1")
    ok("produce", topic, stdin=b"a\n")
    ok("produce", f"{topic}-other", stdin=b"b\n")
    printed = ok("consume", "-G", group, "-o", "beginning", f"^{topic}", "-c", "2", "-f", r"%t %s\n")
    assert sorted(printed.decode().split()) == sorted([topic, "a", f"{topic}-other", "b"])


def test_several_topics_and_partitions_can_be_read_at_once(ok, topic) -> None:
    ok("topics", "create", f"{topic}-b", "--partitions", "3")
    for partition in "012":
        ok("produce", f"{topic}-b", "-p", partition, stdin=b"%s\n" % partition.encode())
    ok("produce", topic, stdin=b"first\n")
    assert sorted(ok("consume", topic, f"{topic}-b", "-e").split()) == [b"0", b"1", b"2", b"first"]
    assert sorted(ok("consume", f"{topic}-b", "-e", "-p", "1-2").split()) == [b"1", b"2"]


def test_times_choose_what_is_read(ok, topic) -> None:
    sent = [{"value": str(number), "timestamp": 1000 + number} for number in range(5)]
    ok("produce", topic, "--json-in", stdin=b"".join(json.dumps(record).encode() + b"\n" for record in sent))
    assert ok("consume", topic, "-o", "s@1002", "-e").split() == [b"2", b"3", b"4"]
    assert ok("consume", topic, "-o", "e@1002", "-e").split() == [b"0", b"1"]
    assert ok("consume", topic, "-o", "s@1970-01-01T00:00:01.001", "-o", "e@1003").split() == [b"1", b"2"]
    assert ok("consume", topic, "-o", "s@2000", "-e") == b""


@pytest.mark.parametrize("acks", ["0", "1", "all"])
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_and_every_acks_brings_all_records(ok, topic, codec, acks) -> None:
    data = b"".join(b"%d\n" % number for number in range(500))
    ok("produce", topic, "-z", codec, "--acks", acks, stdin=data)
    assert ok("consume", topic, "-c", "500") == data


def test_an_input_of_many_megabytes_arrives_whole_and_in_order(ok, topic) -> None:
    data = b"".join(b"%08d %s\n" % (number, b"x" * 90) for number in range(60_000))
    ok("produce", topic, stdin=data)
    assert ok("consume", topic, "-e") == data
