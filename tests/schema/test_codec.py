"""Encoding and decoding: values that can't be written, record batches, bytes that can't be read."""

from __future__ import annotations

import doctest
import time
import tracemalloc
from typing import Any

import pytest
from present import present

from kstore import schema
from kstore.errors import InvalidRequest, UnsupportedVersion
from kstore.schema import SchemaError, decode, decode_from, encode, encode_parts, reader, uuids, writer
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.describe_client_quotas import DescribeClientQuotasResponse, EntryData, ValueData
from kstore.schema.messages.describe_groups import DescribeGroupsRequest
from kstore.schema.messages.fetch import FetchableTopicResponse, FetchResponse, PartitionData
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from kstore.schema.messages.metadata import MetadataRequest
from kstore.schema.messages.offset_fetch import OffsetFetchRequest
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kstore.schema.struct import Struct


class Slice:
    """Like a piece of a file: it knows its size, and is read later."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


def produce(records: Any) -> ProduceRequest:
    return ProduceRequest(
        topic_data=[TopicProduceData(name="t", partition_data=[PartitionProduceData(records=records)])]
    )


def wrong(value: Any) -> Any:
    """A value that isn't of the field's type, as far as a type checker can't tell."""
    return value


def fetched(*records: Any) -> FetchResponse:
    partitions = [PartitionData(partition_index=i, records=each) for i, each in enumerate(records)]
    return FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=partitions)])


def uvarint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize(
    ("message", "version", "error", "what"),
    [
        (HeartbeatRequest(generation_id=2**31), 0, ValueError, "HeartbeatRequest.generation_id .* not within"),
        (HeartbeatRequest(generation_id=2**70), 0, ValueError, "wider than 64 bits"),
        (HeartbeatRequest(generation_id=wrong("1")), 0, TypeError, "generation_id .* a number is needed, not '1'"),
        (HeartbeatRequest(generation_id=wrong(1.5)), 0, TypeError, "a number is needed"),
        (HeartbeatRequest(group_id=wrong(None)), 0, ValueError, "group_id .* can't be null"),
        (HeartbeatRequest(group_id=wrong(b"g")), 4, TypeError, "a string is needed"),
        (HeartbeatRequest(group_id="x" * 32768), 4, ValueError, "a string of 32768 bytes"),
        (HeartbeatRequest(group_id="\ud800"), 4, ValueError, "surrogates"),
        (MetadataRequest(topics=wrong([None])), 1, ValueError, "topics .* it can't be null"),
        (MetadataRequest(topics=wrong(["t"])), 1, TypeError, "a MetadataRequestTopic is needed"),
        (MetadataRequest(topics=wrong({"a"})), 1, TypeError, "a list is needed"),
        (produce("text"), 9, TypeError, "'text' is no chunk"),
        (produce([5]), 9, TypeError, "5 is no chunk"),
        (produce([Slice(-1)]), 9, ValueError, "a chunk of -1 bytes"),
        (produce([Slice(2**31)]), 9, ValueError, "more than a message can carry"),
        (JoinGroupRequest(protocols=[JoinGroupRequestProtocol(metadata=wrong(None))]), 0, ValueError, "can't be null"),
        (JoinGroupRequest(protocols=[JoinGroupRequestProtocol(metadata=wrong("m"))]), 0, TypeError, "bytes are needed"),
        (ProduceRequest(topic_data=[TopicProduceData(topic_id=b"short")]), 13, TypeError, "an id is 16 bytes"),
        (HeartbeatRequest(unknown_tagged_fields=((2, b""), (1, b""))), 4, ValueError, "out of order"),  # type: ignore[call-arg]
        (FetchResponse(unknown_tagged_fields=((0, b""),)), 16, ValueError, "has a field for tag 0"),  # type: ignore[call-arg]
    ],
)  # fmt: skip
def test_what_can_not_be_written_names_the_field(message: Any, version: int, error: type, what: str) -> None:
    with pytest.raises(error, match=what):
        encode(message, version)


def test_a_deleted_field_is_named() -> None:
    asked = HeartbeatRequest()
    del asked.group_id
    with pytest.raises(AttributeError, match="group_id"):
        encode(asked, 4)


@pytest.mark.parametrize("version", [-1, 5, 300])
def test_a_version_that_a_message_does_not_have_is_refused(version: int) -> None:
    with pytest.raises(UnsupportedVersion, match="HeartbeatRequest has versions 0 to 4"):
        encode(HeartbeatRequest(), version)
    with pytest.raises(UnsupportedVersion):
        decode(HeartbeatRequest, version, b"")


def test_parts_of_messages_have_no_versions_of_their_own() -> None:
    encode(produce(b""), 9)
    with pytest.raises(TypeError, match="a part of a message"):
        encode(TopicProduceData(), 9)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is not a struct"):
        encode(object(), 9)  # type: ignore[arg-type]
    assert not hasattr(Struct, "VERSIONS")


def test_a_large_tagged_field_gets_a_size_of_more_than_one_byte() -> None:
    for size in (100, 126, 127, 128, 129, 16382, 16383, 16384, 20000):
        asked = HeartbeatRequest(unknown_tagged_fields=((3, b"z" * size),))  # type: ignore[call-arg]
        back = decode(HeartbeatRequest, 4, encode(asked, 4))
        assert back == asked


def test_a_struct_in_a_tagged_field_is_moved_when_its_size_needs_room() -> None:
    from kstore.schema.messages.produce import NodeEndpoint, ProduceResponse

    for count in (1, 5, 10, 200, 4000):
        answer = ProduceResponse(node_endpoints=[NodeEndpoint(node_id=i, host="host") for i in range(count)])
        assert decode(ProduceResponse, 11, encode(answer, 11)) == answer


def test_record_batches_of_an_answer_are_never_copied() -> None:
    first, second, piece = b"a" * 1000, memoryview(b"b" * 50), Slice(70)
    parts = encode_parts(fetched([first, second], [piece], first, []), 12, b"prefix")
    assert [part for part in parts if part is first or part is second or part is piece] == [
        first, second, piece, first,
    ]  # fmt: skip
    assert parts[0].startswith(b"prefix")
    whole = b"".join(bytes(part.nbytes) if isinstance(part, Slice) else part for part in parts)
    back = decode(FetchResponse, 12, whole, len("prefix"))
    assert [bytes(present(each.records)) for each in back.responses[0].partitions] == [
        first + bytes(second), bytes(70), first, b"",
    ]  # fmt: skip


def test_encode_copies_chunks_and_refuses_what_has_no_bytes_yet() -> None:
    assert encode(fetched([b"ab", bytearray(b"cd"), memoryview(b"ef")]), 12) == encode(fetched(b"abcdef"), 12)
    with pytest.raises(TypeError, match="encode_parts leaves it as it is"):
        encode(fetched([Slice(3)]), 12)


def test_chunks_of_wider_items_count_in_bytes() -> None:
    wide = memoryview(bytes(range(16))).cast("I")
    assert decode(ProduceRequest, 9, encode(produce([wide]), 9)) == produce(bytes(range(16)))
    assert encode(produce(wide), 3) == encode(produce(bytes(wide)), 3)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda b: memoryview(b).cast("b")])
def test_records_are_views_of_the_frame_whatever_it_is(kind: Any) -> None:
    frame = kind(b"??" + encode(produce(b"0123456789"), 9))
    records = decode(ProduceRequest, 9, frame, 2).topic_data[0].partition_data[0].records
    assert isinstance(records, memoryview)
    assert records == b"0123456789"
    assert records.obj is (frame.obj if isinstance(frame, memoryview) else frame)


def test_a_view_keeps_the_frame_alive() -> None:
    frame = bytearray(encode(produce(b"0123456789"), 9))
    request = decode(ProduceRequest, 9, frame)
    with pytest.raises(BufferError):
        frame.clear()
    del request
    frame.clear()


def test_bytes_after_the_message_are_left_alone() -> None:
    whole = encode(HeartbeatRequest(group_id="g"), 4)
    assert decode_from(HeartbeatRequest, 4, whole + b"rest") == (HeartbeatRequest(group_id="g"), len(whole))


def test_a_schema_error_is_an_invalid_request_that_says_where() -> None:
    with pytest.raises(
        InvalidRequest, match=r"HeartbeatRequest.group_id in version 0, at byte 2 of 5: 9 bytes"
    ) as caught:
        decode(HeartbeatRequest, 0, b"\x00\x09abc")
    assert isinstance(caught.value, SchemaError)
    assert caught.value.code == 42
    with pytest.raises(ValueError, match="offset 6 is not within"):
        decode(HeartbeatRequest, 0, b"\x00\x09abc", 6)


@pytest.mark.parametrize(
    ("cls", "version", "raw", "what"),
    [
        (HeartbeatRequest, 0, b"\xff\xff", "must not be null"),
        (HeartbeatRequest, 0, b"\xff\xfe", "its length is -2"),
        (HeartbeatRequest, 4, b"\x00", "must not be null"),
        (HeartbeatRequest, 4, b"\xff\xff\xff\xff\xff\x01", "longer than five bytes"),
        (HeartbeatRequest, 4, b"\xff\xff\xff\xff\x1f", "longer than five bytes"),
        (HeartbeatRequest, 4, b"\x80\x80", "cut off"),
        (HeartbeatRequest, 4, b"\x03\xc3\x28", "not UTF-8"),
        (HeartbeatRequest, 4, uvarint(32769) + b"x" * 40000, "a string of 32768 bytes"),
        (MetadataRequest, 1, b"\x7f\xff\xff\xff", "2147483647 elements of 2 bytes or more"),
        (MetadataRequest, 1, b"\x80\x00\x00\x00", "its length is -2147483648"),
        (CreateTopicsRequest, 2, b"\x00\x00\x00\x02" + b"\x00" * 12, "2 elements of 16 bytes or more"),
        (OffsetFetchRequest, 8, b"\xff\xff\xff\xff\x0f", "4294967294 elements"),
        (HeartbeatRequest, 4, b"\x02g\x00\x00\x00\x01\x02m\x00\xff\xff\xff\xff\x0f", "4294967295 tagged fields"),
        (HeartbeatRequest, 4, b"\x02g\x00\x00\x00\x01\x02m\x00\x01\x05\x03ab", "a tagged field is longer"),
    ],
)  # fmt: skip
def test_lengths_are_not_believed(cls: Any, version: int, raw: bytes, what: str) -> None:
    with pytest.raises(SchemaError, match=what):
        decode(cls, version, raw)


def test_a_known_tagged_field_must_fill_its_size() -> None:
    empty = encode(FetchResponse(), 16)
    assert empty.endswith(b"\x01\x00")  # no topics, no tagged fields
    for size, field, what in ((2, b"\x01\x00", "1 bytes are left over"), (1, b"\x02", "elements|needed|don't fit")):
        with pytest.raises(SchemaError, match=what):
            decode(FetchResponse, 16, empty[:-1] + b"\x01\x00" + bytes([size]) + field + b"\x00" * 40)


def test_overlong_varints_of_five_bytes_are_read_as_kafka_reads_them() -> None:
    assert decode(HeartbeatRequest, 4, b"\x82\x80\x00g\x00\x00\x00\x01\x02m\x00\x00").group_id == "g"


@pytest.mark.parametrize("module", [schema, reader, writer, uuids])
def test_examples_in_docstrings_run(module: Any) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_the_latest_unstable_version_is_marked() -> None:
    assert InitProducerIdRequest.LATEST_UNSTABLE
    assert not HeartbeatRequest.LATEST_UNSTABLE


def test_numbers_of_every_width_come_back() -> None:
    values = [ValueData(key="k", value=value) for value in (0.0, -1.5, 1e300, float("inf"))]
    answer = DescribeClientQuotasResponse(entries=[EntryData(entity=[], values=values)])
    assert decode(DescribeClientQuotasResponse, 1, encode(answer, 1)) == answer


def cost(cls: Any, version: int, raw: bytes) -> tuple[float, int]:
    """Seconds and peak bytes of decoding, whether it works or is refused."""
    tracemalloc.start()
    started = time.perf_counter()
    try:
        decode(cls, version, raw)
    except SchemaError:
        pass
    finally:
        seconds = time.perf_counter() - started
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return seconds, peak


def test_ten_thousand_unknown_tagged_fields_take_neither_memory_nor_time_and_more_are_refused() -> None:
    for count in (10_000, 10_001, 1_000_000):
        raw = b"\x02g\x00\x00\x00\x01\x02m\x00" + uvarint(count) + b"\x09\x00" * count
        seconds, peak = cost(HeartbeatRequest, 4, raw)
        assert peak < 400_000
        assert seconds < 5
        if count == 10_000:
            assert len(decode(HeartbeatRequest, 4, raw).unknown_tagged_fields) == 1000
        else:
            with pytest.raises(SchemaError, match=f"{count} tagged fields; Kafka's structs have 10000 at most"):
                decode(HeartbeatRequest, 4, raw)


def test_counts_and_lengths_beyond_the_frame_take_no_memory() -> None:
    for raw in (b"\x7f\xff\xff\xff", b"\x00\x0f\xff\xff" + b"\x00" * 1000):
        assert cost(MetadataRequest, 1, raw)[1] < 50_000
    for raw in (b"\xff\xff\xff\xff\x0f", uvarint(50_000) + b"\x00" * 1000):
        assert cost(OffsetFetchRequest, 8, raw)[1] < 50_000


def test_an_array_has_a_million_elements_at_most() -> None:
    def groups(count: int) -> bytes:
        return count.to_bytes(4, "big") + b"\x00\x00" * count

    assert decode(DescribeGroupsRequest, 0, groups(1_000_000)).groups == [""] * 1_000_000
    with pytest.raises(SchemaError, match="1000001 elements; Kafka's arrays have 1000000 at most"):
        decode(DescribeGroupsRequest, 0, groups(1_000_001))
    assert cost(DescribeGroupsRequest, 0, groups(1_000_001))[1] < 50_000


def test_nearly_empty_structs_are_limited_in_all_arrays_together() -> None:
    count = 500_000
    topic = b"\x01" + uvarint(count + 1) + b"\x00\x00\x00\x00\x00\x00" * count + b"\x00"
    raw = b"\x00" + b"\x00\x00" * 3 + uvarint(3) + topic * 2 + b"\x00"
    with pytest.raises(SchemaError, match="more than 1000000 structs"):
        decode(ProduceRequest, 9, raw)
