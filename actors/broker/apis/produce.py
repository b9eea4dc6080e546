"""Produce, API key 0, versions 3 to 13 (0 to 2 are advertised for the sake of old librdkafka, and refused).

Each partition's batches go to its replica as they came, and are answered when ``acks`` says so: 0 never, 1 when the
leader has them, -1 when every in-sync replica has. If a request with acks=0 fails, the connection is closed, as Apache
Kafka does.

Versions: 5 log start offset; 7 zstd; 8 the invalid records, with messages; 10 the current leader, if it isn't this
node; 13 topic ids. Versions 3 and up can't carry message formats before v2.

Transactional batches need a transactional id that the client may use, and must be of one producer. If it has no open
transaction in the partition yet, its coordinator is asked first (``actors/broker/transaction_verification.py``): up to
version 11 whether the partition was added to the transaction, from 12 on by adding it; TRANSACTION_ABORTABLE can be
answered from 11 on.

Left out: quotas don't throttle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.broker.call import NO_RESPONSE, PAUSE
from actors.broker.endpoints import located
from actors.broker.slices import PART, each_asked, portions
from actors.broker.transaction_verification import TransactionalProducer, verified
from actors.node.authorizer import TOPIC, TRANSACTIONAL_ID, WRITE, refusal
from actors.partition.messages import FROM_TRANSACTION, Append, Appended, StartVerification
from actors.runtime import Ask, Stopped
from actors.runtime.heavy_work import HeavyAsk
from actors.runtime.limits import PINNED_BYTES_MAX, PINNED_TIMES_MAX
from kstore.errors import (
    InvalidProducerIdMapping,
    InvalidRecord,
    InvalidRequiredAcks,
    InvalidTopic,
    KafkaError,
    NotLeaderOrFollower,
    UnknownTopicId,
    UnknownTopicOrPartition,
    UnsupportedCompressionType,
    code_of,
)
from kstore.log.verification import NO_GUARD, AppendOptions
from kstore.records import RecordBatch, parse_batches
from kstore.records.batch import DECOMPRESSED_BYTES_MAX
from kstore.schema.messages.produce import (
    BatchIndexAndErrorMessage,
    LeaderIdAndEpoch,
    NodeEndpoint,
    PartitionProduceData,
    PartitionProduceResponse,
    ProduceResponse,
    TopicProduceData,
    TopicProduceResponse,
)

if TYPE_CHECKING:
    from actors.broker.call import Call, NoResponse
    from actors.runtime.coroutine import Coroutine, Eventually
    from kstore.schema.struct import Message

API_KEY = 0
VERSIONS = (3, 13)

TOPIC_IDS_FROM = 13
LEADER_HINTS_FROM = 10
ABORTABLE_FROM = 11
ADDS_PARTITIONS_FROM = 12
INTERNAL_TOPICS = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})
ADMIN_CLIENT_ID = "__admin_client"
MAGIC = 2
MAGIC_AT, ATTRIBUTES_AT, PRODUCER_AT, HEADER_BYTES = 16, 21, 43, 61
TRANSACTIONAL_BIT = 0x10
ZSTD, ZSTD_FROM = 4, 7
EXPANSION_MAX = (1, 1032, 22, 255, 1 << 15, 0, 0, 0)
"""How many bytes one byte may decompress to, by codec: none, gzip, snappy, lz4, zstd. The last three don't
exist: the replica refuses them."""
HEAVY_BYTES = 1 << 20

Records = bytes | bytearray | memoryview


def handle(call: Call) -> Message | NoResponse | Coroutine | None:
    """Answer a Produce request."""
    request = call.request
    acks = request.acks
    if not -1 <= acks <= 1:
        return _failed(call, InvalidRequiredAcks(f"acks is -1, 0 or 1, not {acks}"))
    topics = request.topic_data
    if request.transactional_id is None and len(topics) == 1 and len(topics[0].partition_data) == 1:
        return _one(call, topics[0], topics[0].partition_data[0], acks)
    return _several(call, acks)


def _one(call: Call, topic: TopicProduceData, data: PartitionProduceData, acks: int) -> Message | NoResponse | None:
    """Answer the usual request, with one partition, on the shortest path."""
    asked = _append(call, topic, data, acks, call.version >= TOPIC_IDS_FROM)
    if isinstance(asked, Ask):
        connection = call.connection
        if connection.heavy or type(asked) is not Ask:
            connection.ask_for(asked, _one_answered, call, topic, data.index)
        else:
            connection.request(asked.ref, asked.message, _one_answered, call, topic, data.index)
        return None
    if _producer_in_transaction(data.records):
        asked = refusal(TRANSACTIONAL_ID)
    return _one_response(asked, call, topic, data.index)


def _one_answered(outcome: Appended | Stopped | KafkaError, call: Call, topic: TopicProduceData, index: int) -> None:
    call.respond(_one_response(outcome, call, topic, index))


def _one_response(
    outcome: Appended | Stopped | KafkaError, call: Call, topic: TopicProduceData, index: int
) -> Message | NoResponse:
    if call.request.acks == 0:
        if isinstance(outcome, Exception):
            call.connection.refuse()
        return NO_RESPONSE
    by_id = call.version >= TOPIC_IDS_FROM
    answer = TopicProduceResponse(topic_id=topic.topic_id) if by_id else TopicProduceResponse(name=topic.name)
    if isinstance(outcome, Appended):
        answer.partition_responses = [_succeeded(index, outcome)]
        return ProduceResponse(responses=[answer])
    part, hint = _answered(call, _name(call, topic, by_id), index, outcome)
    answer.partition_responses = [part]
    return _response(call, [answer], {} if hint is None else {hint: None})


def _several(call: Call, acks: int) -> Coroutine:
    by_id = call.version >= TOPIC_IDS_FROM
    topics = call.request.topic_data
    is_long = sum(len(topic.partition_data) for topic in topics) > PART
    call.is_in_slices = is_long or call.request.transactional_id is not None
    producers = yield from _producers_in_transaction(topics)
    if producers:
        error = _misfit(call, producers)
        if error is not None:
            return (yield from _all_failed(call, error))
    responses: dict[str | bytes, TopicProduceResponse] = {}
    hints: dict[int, None] = {}
    failed = False

    def answer(topic: TopicProduceData, data: PartitionProduceData, outcome: Appended | Stopped | KafkaError) -> None:
        nonlocal failed
        if acks == 0:
            failed = failed or isinstance(outcome, Exception)
            return
        key = bytes(topic.topic_id) if by_id else topic.name
        found = responses.get(key)
        if found is None:
            found = responses[key] = TopicProduceResponse()
            _identify(found, topic, by_id)
        part, hint = _answered(call, _name(call, topic, by_id), data.index, outcome)
        found.partition_responses.append(part)
        if hint is not None:
            hints[hint] = None

    def prepare(
        parts: list[tuple[TopicProduceData, PartitionProduceData]], asked: list[Ask | KafkaError]
    ) -> Eventually[list[Ask | KafkaError]]:
        if producers:
            asked = yield from _verified(
                call, [(_name(call, topic, by_id), data.index) for topic, data in parts], asked
            )
        if call.is_in_slices and not is_long:
            call.is_in_slices = False
            call.connection.go_on()  # later requests are checked on their own, and append after this one
        return asked

    yield from each_asked(
        topics,
        lambda topic: topic.partition_data,
        lambda topic, data: _append(call, topic, data, acks, by_id),
        answer,
        prepare,
    )
    if acks == 0:
        if failed:
            call.connection.refuse()
        return NO_RESPONSE
    return _response(call, list(responses.values()), hints)


def _append(
    call: Call, topic: TopicProduceData, data: PartitionProduceData, acks: int, by_id: bool
) -> Ask | KafkaError:
    """The question to the partition's replica, or the error if there is none to ask."""
    view = call.view
    name: str = topic.name
    if by_id:
        name = view.image.topic_names_by_id.get(topic.topic_id, "")
        if not name:
            return UnknownTopicId()
    if not call.authorize(WRITE, (TOPIC, name)):
        return refusal(TOPIC)
    try:
        batches = _batches(data.records, call.version)
    except KafkaError as error:
        return error
    if name in INTERNAL_TOPICS and call.client_id != ADMIN_CLIENT_ID:
        return InvalidTopic(f"{name} is the cluster's own")
    replica = view.replicas.get((name, data.index))
    if replica is None:
        if view.image.partition(name, data.index) is None:
            return UnknownTopicOrPartition(f"there is no partition {name}-{data.index}")
        return NotLeaderOrFollower(f"this node has no replica of {name}-{data.index}")
    append = Append(batches, acks, call.request.timeout_ms)
    if batches[0].is_transactional:
        if call.request.transactional_id is None:
            return refusal(TRANSACTIONAL_ID)
        append = append._replace(origin=FROM_TRANSACTION)
    codec = batches[0].compression
    if codec:
        size_bytes = min(batches[0].size_bytes * EXPANSION_MAX[codec], DECOMPRESSED_BYTES_MAX)
        if size_bytes > HEAVY_BYTES:
            return HeavyAsk(replica, append, size_bytes)
    return Ask(replica, append)


def _own(records: Records) -> Records:
    """Copy records that are a small part of a large request: whatever keeps them would keep the whole request."""
    if (
        type(records) is memoryview
        and memoryview(records.obj).nbytes > PINNED_TIMES_MAX * len(records) + PINNED_BYTES_MAX
    ):
        return bytes(records)
    return records


def _batches(records: Records | None, version: int) -> list[RecordBatch]:
    """The batches of one partition: exactly one, of format 2, as Apache Kafka requires from version 3 on."""
    batches = parse_batches(_own(records), allow_partial=True) if records else []
    if len(batches) != 1:
        raise InvalidRecord(f"a produce request has one record batch for a partition, not {len(batches)}")
    batch = batches[0]
    if batch.magic != MAGIC:
        raise InvalidRecord(f"a record batch has format {MAGIC}, not {batch.magic}")
    if batch.compression == ZSTD and version < ZSTD_FROM:
        raise UnsupportedCompressionType(f"zstd comes with version {ZSTD_FROM}, not {version}")
    return batches


def _producer_in_transaction(records: Records | None) -> bytes:
    """The producer id and epoch of transactional records, as bytes of the batch; empty for others."""
    if records is None or len(records) < HEADER_BYTES or records[MAGIC_AT] != MAGIC:
        return b""
    is_transactional = records[ATTRIBUTES_AT + 1] & TRANSACTIONAL_BIT
    return bytes(records[PRODUCER_AT : PRODUCER_AT + 10]) if is_transactional else b""


def _producers_in_transaction(topics: list[TopicProduceData]) -> Eventually[set[bytes]]:
    """The producers of all transactional records in the request."""
    producers: set[bytes] = set()
    for number, portion in enumerate(portions(topics, lambda topic: topic.partition_data)):
        if number:
            yield PAUSE
        for _, parts in portion:
            producers.update(_producer_in_transaction(data.records) for data in parts)
    producers.discard(b"")
    return producers


def _misfit(call: Call, producers: set[bytes]) -> KafkaError | None:
    """The error if this request may not carry transactional records of these producers, else None."""
    transactional_id = call.request.transactional_id
    if transactional_id is None or not call.authorize(WRITE, (TRANSACTIONAL_ID, transactional_id)):
        return refusal(TRANSACTIONAL_ID)
    if len(producers) > 1:
        return InvalidProducerIdMapping("Transactional records contained more than one producer ID")
    return None


def _verification(batch: RecordBatch, adds: bool) -> StartVerification:
    return StartVerification(batch.producer_id, batch.producer_epoch, batch.base_sequence, adds)


def _verified(
    call: Call, partitions: list[tuple[str, int]], asked: list[Ask | KafkaError]
) -> Eventually[list[Ask | KafkaError]]:
    """The questions to ask, after the transaction's coordinator has verified the partitions that need it."""
    adds = call.version >= ADDS_PARTITIONS_FROM
    waiting = _in_transaction(asked)
    guards = yield [Ask(each.ref, _verification(append.batches[0], adds)) for _, each, append in waiting]
    unknown: dict[tuple[str, int], int] = {}
    asked = list(asked)
    for (number, each, append), guard in zip(waiting, guards, strict=True):
        if not isinstance(guard, int):
            asked[number] = guard
            continue
        each.message = append._replace(options=AppendOptions(guard))
        if guard != NO_GUARD:
            unknown[partitions[number]] = number
            batch = append.batches[0]
    if unknown:
        knows_abortable = call.version >= ABORTABLE_FROM
        producer = TransactionalProducer(
            call.request.transactional_id, batch.producer_id, batch.producer_epoch, adds, knows_abortable
        )
        errors = yield from verified(call, producer, unknown)
        for partition, error in errors.items():
            asked[unknown[partition]] = error
    return asked


def _in_transaction(asked: list[Ask | KafkaError]) -> list[tuple[int, Ask, Append]]:
    """The appends in a transaction, each with its place and its question."""
    found = []
    for number, each in enumerate(asked):
        if isinstance(each, Ask) and isinstance(each.message, Append) and each.message.origin == FROM_TRANSACTION:
            found.append((number, each, each.message))
    return found


def _name(call: Call, topic: TopicProduceData, by_id: bool) -> str:
    name: str = call.view.image.topic_names_by_id.get(topic.topic_id, "") if by_id else topic.name
    return name


def _identify(answer: TopicProduceResponse, topic: TopicProduceData, by_id: bool) -> None:
    if by_id:
        answer.topic_id = topic.topic_id
    else:
        answer.name = topic.name


def _succeeded(index: int, appended: Appended) -> PartitionProduceResponse:
    return PartitionProduceResponse(
        index=index,
        base_offset=appended.first_offset,
        log_append_time_ms=appended.log_append_time,
        log_start_offset=appended.log_start_offset,
    )


def _answered(
    call: Call, name: str, index: int, outcome: Appended | Stopped | KafkaError
) -> tuple[PartitionProduceResponse, int | None]:
    """One partition's response, and the node that leads it if the client should know."""
    if isinstance(outcome, Appended):
        return _succeeded(index, outcome), None
    if isinstance(outcome, Stopped):
        outcome = NotLeaderOrFollower("the replica was stopped")
    part = PartitionProduceResponse(
        index=index,
        error_code=code_of(outcome),
        base_offset=-1,
        error_message=outcome.message,
        record_errors=[
            BatchIndexAndErrorMessage(batch_index=at, batch_index_error_message=text)
            for at, text in outcome.record_errors
        ],
    )
    if isinstance(outcome, NotLeaderOrFollower) and call.version >= LEADER_HINTS_FROM:
        partition = call.view.image.partition(name, index)
        if partition is not None:
            part.current_leader = LeaderIdAndEpoch(leader_id=partition.leader, leader_epoch=partition.leader_epoch)
            return part, partition.leader if partition.leader >= 0 else None
    return part, None


def _response(call: Call, answers: list[TopicProduceResponse], hints: dict[int, None]) -> ProduceResponse:
    response = ProduceResponse(responses=answers)
    if hints:
        response.node_endpoints = located(call, [NodeEndpoint(node_id=node) for node in hints])
    return response


def _failed(call: Call, error: KafkaError) -> NoResponse | Coroutine:
    """The response that refuses the whole request."""
    if call.request.acks == 0:
        call.connection.refuse()
        return NO_RESPONSE
    return _all_failed(call, error)


def _all_failed(call: Call, error: KafkaError) -> Coroutine:
    by_id = call.version >= TOPIC_IDS_FROM
    answers: list[TopicProduceResponse] = []
    for number, portion in enumerate(portions(call.request.topic_data, lambda topic: topic.partition_data)):
        if number:
            yield PAUSE
        for topic, asked in portion:
            answer = TopicProduceResponse()
            _identify(answer, topic, by_id)
            answer.partition_responses = [_answered(call, "", data.index, error)[0] for data in asked]
            answers.append(answer)
    return ProduceResponse(responses=answers)
