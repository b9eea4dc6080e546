"""Struct classes: what a call makes, equality, copies, subclasses."""

import copy
import pickle
from typing import Any

import pytest

from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic, ReplicaState
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kstore.schema.struct import INT32, Message, Struct, field


def test_fields_that_are_not_given_have_kafkas_defaults() -> None:
    asked = FetchRequest()
    assert (asked.replica_id, asked.max_bytes, asked.session_epoch, asked.rack_id) == (-1, 0x7FFFFFFF, -1, "")
    assert asked.cluster_id is None
    assert asked.replica_state == ReplicaState(replica_id=-1, replica_epoch=-1)
    assert FetchPartition().high_watermark == 2**63 - 1
    assert FetchTopic().topic_id == bytes(16)


def test_every_instance_has_lists_and_structs_of_its_own() -> None:
    one, other = FetchRequest(), FetchRequest()
    one.topics.append(FetchTopic())
    one.replica_state.replica_id = 3
    assert other == FetchRequest()


def test_keywords_come_in_any_order_and_by_names_that_are_not_interned() -> None:
    name = str(b"session_id", "ascii")
    fields: dict[str, Any] = {"rack_id": "r", name: 7, "max_wait_ms": 5}
    assert FetchRequest(**fields) == FetchRequest(max_wait_ms=5, session_id=7, rack_id="r")


def test_a_wrong_call_says_what_the_fields_are() -> None:
    with pytest.raises(TypeError, match="PartitionProduceData has no field 'idx'; it has index, records"):
        PartitionProduceData(idx=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="takes its fields as keywords"):
        PartitionProduceData(1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        PartitionProduceData().offset = 1  # type: ignore[attr-defined]


def test_structs_are_equal_field_by_field_and_only_to_their_own_kind() -> None:
    assert PartitionProduceData(index=1, records=b"ab") == PartitionProduceData(index=1, records=memoryview(b"ab"))
    assert PartitionProduceData(index=1) != PartitionProduceData(index=2)
    assert PartitionProduceData() != PartitionProduceData(unknown_tagged_fields=((9, b""),))  # type: ignore[call-arg]
    assert TopicProduceData() != ProduceRequest()
    with pytest.raises(TypeError, match="unhashable"):
        hash(PartitionProduceData())


def test_a_repr_can_be_read_back() -> None:
    asked = ProduceRequest(
        acks=-1, topic_data=[TopicProduceData(name="orders", partition_data=[PartitionProduceData()])]
    )
    assert eval(repr(asked)) == asked
    odd = PartitionProduceData(unknown_tagged_fields=((9, b"x"),))  # type: ignore[call-arg]
    assert eval(repr(odd)) == odd


def test_copies_and_pickles_are_equal_and_apart() -> None:
    asked = ProduceRequest(acks=1, topic_data=[TopicProduceData(name="orders")])
    for other in (copy.deepcopy(asked), pickle.loads(pickle.dumps(asked))):
        assert other == asked
        other.topic_data[0].name = "else"
        assert other != asked
    assert copy.copy(asked).topic_data is asked.topic_data


def test_a_subclass_inherits_fields_and_may_have_an_init_of_its_own() -> None:
    class Named(PartitionProduceData):
        __slots__ = ("label",)

        def __init__(self, label: str) -> None:
            super().__init__(index=4)
            self.label = label

    class Longer(PartitionProduceData):
        extra: int = field(INT32, "0+", default=9)

    named = Named("a")
    assert (named.index, named.label, named.records) == (4, "a", None)
    assert (Longer(index=1).index, Longer().extra, list(Longer.fields())) == (1, 9, ["index", "records", "extra"])


def test_a_field_has_one_kind_of_default() -> None:
    with pytest.raises(TypeError, match="either default= or factory="):
        field(INT32, "0+")
    with pytest.raises(TypeError, match="either default= or factory="):
        field(INT32, "0+", default=0, factory=int)


def test_only_fields_are_slots() -> None:
    class Plain(Struct):
        LIMIT = 3
        size: int = field(INT32, "0+", default=0)

    assert (Plain.LIMIT, list(Plain.fields())) == (3, ["size"])
    assert not hasattr(Plain(), "__dict__")
    assert not issubclass(Plain, Message)


def test_instances_are_freed() -> None:
    records = bytearray(b"x" * 10)
    for _ in range(3):
        ProduceRequest(
            topic_data=[TopicProduceData(partition_data=[PartitionProduceData(records=memoryview(records))])]
        )
    records.extend(b"y")  # a memoryview that is still alive forbids this
