"""Key hashes and partitions against those of Kafka's Java client."""

from pathlib import Path

import pytest

from kstore.codec import murmur2, partition_for_key

ROWS = [line.split("\t") for line in (Path(__file__).parent / "golden/key_hashes.tsv").read_text().splitlines()]


@pytest.mark.parametrize(("key", "expected", "partitions"), [(row[0], int(row[1]), row[2:]) for row in ROWS])
def test_a_key_has_the_hash_and_the_partitions_that_kafka_gives_it(
    key: str, expected: int, partitions: list[str]
) -> None:
    data = bytes.fromhex(key)
    assert murmur2(data) == murmur2(memoryview(data)) == expected
    assert [partition_for_key(data, count) for count in (1, 3, 7, 1000)] == [int(p) for p in partitions]


@pytest.mark.parametrize("key", [None, "text", 7])
def test_what_is_not_bytes_has_no_hash(key) -> None:
    for call in (lambda: murmur2(key), lambda: partition_for_key(key, 3)):
        with pytest.raises(TypeError):
            call()


@pytest.mark.parametrize("partitions", [0, -3])
def test_a_topic_without_partitions_is_refused(partitions: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        partition_for_key(b"k", partitions)
