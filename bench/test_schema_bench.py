"""Messages made, encoded and decoded. Goals: a one-partition Produce request decoded in 1.5 us, its response
encoded in 1 us; a Fetch answer of three partitions, in parts, never touches its record batches.
"""

from collections.abc import Callable
from typing import Any

from kstore.schema import decode, encode, encode_parts, frames
from kstore.schema.messages.fetch import (
    FetchableTopicResponse,
    FetchPartition,
    FetchRequest,
    FetchResponse,
    FetchTopic,
    PartitionData,
)
from kstore.schema.messages.produce import (
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)

COUNT = 1000
Measure = Callable[..., Any]


def produce_request() -> ProduceRequest:
    partitions = [PartitionProduceData(index=0, records=b"x" * 170)]
    return ProduceRequest(
        acks=-1, timeout_ms=30000, topic_data=[TopicProduceData(name="order-events", partition_data=partitions)]
    )


def produce_response() -> ProduceResponse:
    partitions = [PartitionProduceResponse(index=0, base_offset=12345, log_start_offset=0)]
    return ProduceResponse(responses=[TopicProduceResponse(name="order-events", partition_responses=partitions)])


def fetch_request() -> FetchRequest:
    partitions = [FetchPartition(partition=i, fetch_offset=3333, partition_max_bytes=1 << 20) for i in range(3)]
    return FetchRequest(max_wait_ms=500, topics=[FetchTopic(topic="order-events", partitions=partitions)])


def fetch_response() -> FetchResponse:
    chunk = b"y" * 10_000
    partitions = [PartitionData(partition_index=i, high_watermark=4444, records=[chunk]) for i in range(3)]
    return FetchResponse(responses=[FetchableTopicResponse(topic="order-events", partitions=partitions)])


def repeatedly(function: Callable[..., Any], *arguments: Any) -> Callable[[], None]:
    def run() -> None:
        for _ in range(COUNT):
            function(*arguments)

    return run


def test_a_produce_request_decoded(measure: Measure) -> None:
    raw = encode(produce_request(), 9)
    measure(repeatedly(decode, ProduceRequest, 9, raw), count=COUNT, unit="requests", goal=667_000)


def test_a_produce_request_frame_decoded_with_its_header(measure: Measure) -> None:
    frame = b"".join(frames.encode_request(produce_request(), 9, 7, "rdkafka"))[4:]

    def read() -> None:
        header, body = frames.decode_request_header(frame)
        decode(frames.request_class(header.request_api_key), header.request_api_version, frame, body)

    measure(repeatedly(read), count=COUNT, unit="requests")


def test_a_produce_response_made(measure: Measure) -> None:
    measure(repeatedly(produce_response), count=COUNT, unit="responses")


def test_a_produce_response_encoded(measure: Measure) -> None:
    measure(repeatedly(encode, produce_response(), 9), count=COUNT, unit="responses", goal=1_000_000)


def test_a_produce_response_framed(measure: Measure) -> None:
    measure(repeatedly(frames.encode_response, produce_response(), 12, 7), count=COUNT, unit="responses")


def test_a_fetch_request_of_three_partitions_decoded(measure: Measure) -> None:
    measure(repeatedly(decode, FetchRequest, 12, encode(fetch_request(), 12)), count=COUNT, unit="requests")


def test_a_fetch_response_of_three_partitions_in_parts(measure: Measure) -> None:
    measure(repeatedly(encode_parts, fetch_response(), 12), count=COUNT, unit="responses")


def test_a_fetch_response_of_three_partitions_decoded(measure: Measure) -> None:
    measure(repeatedly(decode, FetchResponse, 12, encode(fetch_response(), 12)), count=COUNT, unit="responses")
