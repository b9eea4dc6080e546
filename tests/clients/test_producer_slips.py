"""Slips in what a producer is given: each is answered with what was given and what would do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kstore import Cluster

PAIRS = 'headers are pairs such as [("source", b"web")]'


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"source": b"web"}, f"{PAIRS}, not a dict: give list(headers.items())"),
        ({"ab": b"web"}, f"{PAIRS}, not a dict: give list(headers.items())"),
        ([("source", "web")], "the value of header source is bytes-like or None, not str 'web': encode it"),
        ([("count", 3)], "the value of header count is bytes-like or None, not int 3"),
        ([(b"source", b"web")], "a header's name is a str, not bytes b'source'"),
        ([("source",)], f"{PAIRS}; ('source',) is no pair"),
        (["source"], f"{PAIRS}; 'source' is no pair"),
        (5, f"{PAIRS}, not 5"),
    ],
)
def test_headers_that_are_none_are_refused_with_what_would_do(headers: Any, words: str) -> None:
    with Cluster(seed=1) as cluster, cluster.producer() as producer:
        with pytest.raises(TypeError, match=re.escape(words)):
            producer.send("t", b"v", headers=headers)
        assert producer.send("t", b"v", headers=[("source", b"web")]).get(30).offset == 0


@pytest.mark.parametrize("value", [b"v", bytearray(b"v")])
def test_a_partition_that_is_no_number_is_named(value: Any) -> None:
    with Cluster(seed=1) as cluster, cluster.producer() as producer:
        for partition in ("1", 1.5):
            with pytest.raises(TypeError, match=re.escape(f"a partition is a number from 0, not {partition!r}")):
                producer.send("t", value, partition=partition)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", ["key", "value"])
def test_a_serializer_that_makes_no_bytes_is_named_with_what_it_made(what: str) -> None:
    how: dict[str, Any] = {f"{what}_serializer": str}
    record: dict[str, Any] = {what: 21}
    with Cluster(seed=1) as cluster, cluster.producer(**how) as producer:
        words = f"the {what}_serializer returned str '21', not something bytes-like or None"
        with pytest.raises(TypeError, match=words):
            producer.send("t", **record)
        with pytest.raises(TypeError, match=words):
            producer.send_many("t", **{"values": [b""], f"{what}s": [21]})


def test_what_is_not_bytes_needs_a_serializer() -> None:
    words = "a value is bytes-like or None, not str: give value_serializer"
    with Cluster(seed=1) as cluster, cluster.producer() as producer, pytest.raises(TypeError, match=words):
        producer.send("t", "shipped")
