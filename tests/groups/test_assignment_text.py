"""A leader's assignment in words: whatever a client sends has some."""

from hypothesis import given
from hypothesis import strategies as st

from actors.groups.classic.assignment_text import assignment_text
from kstore.schema import encode
from kstore.schema.messages.consumer_protocol import (
    ConsumerProtocolAssignment,
    ConsumerProtocolAssignmentTopicPartition,
)


def share(**topics: list[int]) -> bytes:
    assigned = [
        ConsumerProtocolAssignmentTopicPartition(topic=name, partitions=numbers) for name, numbers in topics.items()
    ]
    return b"\0\1" + encode(ConsumerProtocolAssignment(assigned_partitions=assigned, user_data=b"x"), 1)


def test_a_consumers_share_is_told_by_its_partitions() -> None:
    shares = {"a": share(orders=[0, 1], logs=[3]), "b": share(), "c": b""}
    assert assignment_text("consumer", shares) == "a: orders-0 orders-1 logs-3; b: nothing; c: nothing"


def test_another_protocols_share_is_told_by_its_size() -> None:
    assert assignment_text("connect", {"a": share(orders=[0])}) == f"a: {len(share(orders=[0]))} bytes"


@given(st.binary(max_size=100))
def test_any_bytes_have_words(data: bytes) -> None:
    assert assignment_text("consumer", {"a": data}).startswith("a: ")
    assert assignment_text("consumer", {"a": b"\0\0" + data}).startswith("a: ")
