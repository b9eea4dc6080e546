"""Frames and their headers, classes by API key, and the table of versions."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.golden.golden_messages import CLASSES

from kstore.errors import InvalidRequest
from kstore.schema import SchemaError, decode, encode, frames
from kstore.schema.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse
from kstore.schema.messages.fetch import FetchableTopicResponse, FetchResponse, PartitionData
from kstore.schema.messages.headers import RequestHeader, ResponseHeader
from kstore.schema.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from kstore.schema.messages.metadata_records import TopicRecord
from kstore.schema.versions import APIS


def opened(parts: list[Any]) -> bytes:
    """A frame without its length, which must be right."""
    whole = b"".join(parts)
    assert int.from_bytes(whole[:4], "big") == len(whole) - 4
    return whole[4:]


@pytest.mark.parametrize("version", range(5))
@pytest.mark.parametrize("client_id", [None, "", "an-id"])
def test_a_request_frame_is_read_back(version: int, client_id: str | None) -> None:
    asked = HeartbeatRequest(group_id="g", member_id="m")
    frame = opened(frames.encode_request(asked, version, 77, client_id))
    header, body = frames.decode_request_header(frame)
    assert header == RequestHeader(
        request_api_key=12, request_api_version=version, correlation_id=77, client_id=client_id
    )
    assert decode(frames.request_class(12), version, frame, body) == asked
    assert frame.startswith(encode(header, 2 if version >= 4 else 1))
    assert frames.decode_request_header(b"12345" + frame, 5) == (header, body + 5)


@pytest.mark.parametrize("version", range(5))
def test_a_response_frame_is_read_back(version: int) -> None:
    answer = HeartbeatResponse(error_code=27)
    frame = opened(frames.encode_response(answer, version, -5))
    correlation_id, body = frames.decode_response_header(12, version, frame)
    assert correlation_id == -5
    assert frame[:body] == encode(ResponseHeader(correlation_id=-5), 1 if version >= 4 else 0)
    assert decode(frames.response_class(12), version, frame, body) == answer


@pytest.mark.parametrize("version", range(5))
def test_a_response_to_api_versions_never_has_tagged_fields_in_its_header(version: int) -> None:
    frame = opened(frames.encode_response(ApiVersionsResponse(error_code=35), version, 9))
    assert frame[:6] == b"\x00\x00\x00\x09\x00\x23"
    assert frames.decode_response_header(18, version, frame) == (9, 4)
    header, _ = frames.decode_request_header(opened(frames.encode_request(ApiVersionsRequest(), version, 1)))
    assert header.request_api_version == version


def test_a_fetch_frame_counts_chunks_that_it_leaves_alone() -> None:
    chunk = b"batch" * 1000
    partitions = [PartitionData(partition_index=i, records=[chunk, chunk]) for i in range(3)]
    answer = FetchResponse(responses=[FetchableTopicResponse(topic="t", partitions=partitions)])
    parts = frames.encode_response(answer, 12, 3)
    assert sum(part is chunk for part in parts) == 6
    frame = opened(parts)
    back = decode(FetchResponse, 12, frame, frames.decode_response_header(1, 12, frame)[1])
    assert [part.records for part in back.responses[0].partitions] == [chunk * 2] * 3


def test_unknown_tagged_fields_of_a_header_are_kept() -> None:
    header = RequestHeader(request_api_key=12, request_api_version=4, unknown_tagged_fields=((5, b"x"),))  # type: ignore[call-arg]
    assert frames.decode_request_header(encode(header, 2)) == (header, len(encode(header, 2)))


def test_a_header_of_an_unknown_api_or_version_is_read_as_far_as_all_are_the_same() -> None:
    for key, version, ends in ((1234, 0, 13), (-1, 5, 13), (12, 99, 14), (18, 99, 14), (12, -1, 13)):
        raw = key.to_bytes(2, "big", signed=True) + version.to_bytes(2, "big", signed=True) + b"\0\0\0\7\0\3abc\0rest"
        header, body = frames.decode_request_header(raw)
        assert (header.request_api_key, header.request_api_version, header.client_id) == (key, version, "abc")
        assert body == ends


@pytest.mark.parametrize(
    "frame", [b"", b"\0", b"\0\x12\0", b"\0\x12\0\3\0\0\0\1\0\5abc", b"\0\x0c\0\4\0\0\0\1\xff\xff"]
)
def test_a_frame_that_ends_in_its_header_is_refused(frame: bytes) -> None:
    with pytest.raises(SchemaError):
        frames.decode_request_header(frame)


def test_every_api_has_its_classes_and_its_versions() -> None:
    for key, api in APIS.items():
        asked, answer = frames.request_class(key), frames.response_class(key)
        assert (f"{api.name}Request", f"{api.name}Response") == (asked.NAME, answer.NAME)
        for cls in (asked, answer):
            assert (key, (api.first, api.last), api.flexible_from) == (cls.API_KEY, cls.VERSIONS, cls.FLEXIBLE_FROM)
            assert CLASSES[cls.NAME] is cls
        assert api.latest_unstable == asked.LATEST_UNSTABLE
        assert frames.request_class(key) is asked
    assert len(APIS) == 91
    for unknown in (4, 5, 6, 7, -1, 999):
        with pytest.raises(InvalidRequest, match="no API with key"):
            frames.request_class(unknown)


def test_a_record_of_a_log_is_no_request() -> None:
    TopicRecord()
    with pytest.raises(TypeError, match="neither a request nor a response"):
        frames.encode_request(RequestHeader(), 1, 1)


def test_a_frame_is_lengthened_and_keeps_what_it_has() -> None:
    frame = bytearray(b"begun")
    frames.lengthen(frame, 1_000_000)
    assert (len(frame), frame[:5]) == (1_000_005, b"begun")
    with memoryview(frame), pytest.raises(BufferError):
        frames.lengthen(frame, 1)
    with pytest.raises(ValueError, match="longer"):
        frames.lengthen(frame, -1)
    assert len(frame) == 1_000_005
