"""Produce, ListOffsets, OffsetForLeaderEpoch and InitProducerId through a broker, on virtual time."""

import pytest
from partition.client import Client, batch, values

from kstore.errors import (
    CorruptMessage,
    InvalidRecord,
    InvalidRequest,
    InvalidRequiredAcks,
    InvalidTopic,
    LeaderNotAvailable,
    NotLeaderOrFollower,
    OffsetNotAvailable,
    OutOfOrderSequenceNumber,
    TransactionalIdAuthorizationFailed,
    UnknownLeaderEpoch,
    UnknownTopicId,
    UnknownTopicOrPartition,
    UnsupportedCompressionType,
    UnsupportedVersion,
)
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.offset_for_leader_epoch import (
    OffsetForLeaderEpochRequest,
    OffsetForLeaderPartition,
    OffsetForLeaderTopic,
)
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData

FIRST_MS = 1_577_836_800_000


def produced(client: Client, records: bytes, *, node: int | None = None, version: int | None = None, **how):
    """The answer to one batch, given as bytes."""
    request = client.produce_request("t", records, **how)
    node = client.leader("t", how.get("index", 0)) if node is None else node
    return client.ask(node, request, version=version).responses[0].partition_responses[0]


@pytest.mark.parametrize("version", range(3, 14))
def test_every_version_produces(start, version):
    client = start(brokers=1, wire=True)
    client.create("t", copies=1)
    assert produced(client, batch(b"a"), version=version).error_code == 0
    answer = produced(client, batch(b"b"), version=version)
    assert (answer.error_code, answer.base_offset) == (0, 1)


def test_without_acknowledgement_nothing_is_answered_and_the_record_is_there(start):
    client = start()
    client.create("t")
    unanswered = client.send(client.leader("t"), client.produce_request("t", batch(b"a"), acks=0))
    assert values(client.fetch("t", 0, max_wait_ms=1_000).records) == [b"a"]
    assert not unanswered


def test_a_failure_without_acknowledgement_closes_the_connection(start):
    client = start()
    client.create("t")
    follower = next(node for node in (1, 2, 3) if node != client.leader("t"))
    outcome = client.ask(follower, client.produce_request("t", batch(b"a"), acks=0))
    assert type(outcome).__name__ == "Disconnected"


def test_acks_other_than_all_one_or_none_are_refused(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    assert produced(client, batch(b"a"), acks=2).error_code == InvalidRequiredAcks.code


def test_several_partitions_in_one_request_stand_or_fall_by_themselves(start):
    client = start(brokers=1)
    client.create("t", partitions=2, copies=1)
    parts = [PartitionProduceData(index=index, records=batch(b"%d" % index)) for index in (1, 7, 0)]
    topics = [TopicProduceData(name="t", topic_id=client.topic_id("t"), partition_data=parts)]
    unknown = TopicProduceData(name="u", topic_id=bytes(15) + b"\1", partition_data=[parts[0]])
    response = client.ask(1, ProduceRequest(acks=-1, timeout_ms=1_000, topic_data=[*topics, unknown]))
    answers = [[(p.index, p.error_code) for p in topic.partition_responses] for topic in response.responses]
    assert answers == [[(1, 0), (7, UnknownTopicOrPartition.code), (0, 0)], [(1, UnknownTopicId.code)]]


@pytest.mark.parametrize(("version", "code"), [(6, UnsupportedCompressionType.code), (7, 0)])
def test_zstd_comes_with_version_7(start, version, code):
    client = start(brokers=1, wire=True)
    client.create("t", copies=1)
    assert produced(client, batch(b"a", compression=4), version=version).error_code == code


def test_a_topic_that_is_named_twice_is_answered_once(start):
    client = start(brokers=1)
    client.create("t", copies=1, partitions=2)
    first, second = (client.produce_request("t", batch(b"a"), index=index) for index in (0, 1))
    first.topic_data += second.topic_data
    (topic,) = client.ask(1, first).responses
    assert [(part.index, part.error_code) for part in topic.partition_responses] == [(0, 0), (1, 0)]


def test_a_follower_names_the_leader(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    follower = next(node for node in (1, 2, 3) if node != leader)
    response = client.ask(follower, client.produce_request("t", batch(b"a")))
    answer = response.responses[0].partition_responses[0]
    assert (answer.error_code, answer.current_leader.leader_id) == (NotLeaderOrFollower.code, leader)
    assert [e.node_id for e in response.node_endpoints] == [leader]


@pytest.mark.parametrize(
    ("records", "code"),
    [
        (b"", InvalidRecord.code),
        (batch(b"a")[:-1], InvalidRecord.code),
        (batch(b"a")[:-1] + b"!", CorruptMessage.code),
        (batch(b"a") + batch(b"b"), InvalidRecord.code),
        (
            batch(b"a", transactional=True, producer_id=1, producer_epoch=0, base_sequence=0),
            TransactionalIdAuthorizationFailed.code,
        ),
    ],
    ids=["none", "torn", "flipped", "two batches", "transactional"],
)
def test_wrong_batches_are_refused(start, records, code):
    client = start(brokers=1)
    client.create("t", copies=1)
    answer = produced(client, records)
    assert (answer.error_code, answer.base_offset) == (code, -1)
    assert answer.error_message


def test_the_clusters_own_topics_are_not_for_clients(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.create("__consumer_offsets", copies=1)
    assert client.produce("__consumer_offsets", b"a").error_code == InvalidTopic.code


def test_the_records_at_fault_are_named(start):
    client = start(brokers=1)
    client.create("t", copies=1, message_timestamp_after_max_ms="1000", message_timestamp_before_max_ms="1000")
    client.run(3)
    answer = produced(client, batch(b"a", b"b"))
    assert answer.error_code == 32
    assert [e.batch_index for e in answer.record_errors] == [0, 1]
    assert client.replica(1, "t").log.end_offset == 0


def test_log_append_time_is_answered(start):
    client = start(brokers=1)
    client.create("t", copies=1, message_timestamp_type="LogAppendTime")
    client.run(5)
    answer = produced(client, batch(b"a"))
    assert FIRST_MS + 5_000 <= answer.log_append_time_ms < FIRST_MS + 6_000


def test_a_retry_is_answered_with_the_first_offset_and_written_once(start):
    client = start()
    client.create("t")
    records = batch(b"a", b"b", producer_id=7, producer_epoch=0, base_sequence=0)
    assert produced(client, records).base_offset == 0
    assert produced(client, batch(b"c", producer_id=7, producer_epoch=0, base_sequence=2)).base_offset == 2
    assert produced(client, records).base_offset == 0
    assert client.replica(client.leader("t"), "t").log.end_offset == 3
    assert client.cluster.world.recorder.count("DuplicateAnswered") == 1


def test_a_retry_after_the_leader_has_died_is_answered_with_the_first_offset(start):
    client = start()
    client.create("t", partitions=3)
    index = next(i for i in range(3) if client.leader("t", i) != 1)
    records = batch(b"a", producer_id=7, producer_epoch=0, base_sequence=0)
    assert produced(client, records, index=index).base_offset == 0
    dead = client.leader("t", index)
    client.cluster.kill_node(dead)
    client.wait_for_leader("t", index, other_than=dead)
    assert produced(client, records, index=index).base_offset == 0
    assert values(client.fetch("t", 0, index=index).records) == [b"a"]


def test_a_gap_in_the_sequence_is_refused(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    produced(client, batch(b"a", producer_id=7, producer_epoch=0, base_sequence=0))
    answer = produced(client, batch(b"b", producer_id=7, producer_epoch=0, base_sequence=2))
    assert answer.error_code == OutOfOrderSequenceNumber.code


@pytest.mark.parametrize("version", range(6))
def test_producer_ids_are_never_the_same(start, version):
    client = start(wire=True)
    answers = [
        client.ask(node, InitProducerIdRequest(transactional_id=None), version=version) for node in (1, 2, 3, 1, 2, 3)
    ]
    assert {(a.error_code, a.producer_epoch) for a in answers} == {(0, 0)}
    assert len({a.producer_id for a in answers}) == 6


@pytest.mark.parametrize("half", [{"producer_id": 5}, {"producer_epoch": 5}], ids=["no epoch", "no id"])
def test_half_of_a_producer_s_id_is_a_mistake(start, half):
    client = start(brokers=1)
    answer = client.ask(1, InitProducerIdRequest(transactional_id=None, **half))
    assert (answer.error_code, answer.producer_id) == (InvalidRequest.code, -1)


def test_blocks_of_producer_ids_follow_one_another(start):
    client = start(brokers=2)
    sent = [client.send(2, InitProducerIdRequest(transactional_id=None), connection=n) for n in range(1_500)]
    client.cluster.wait_for(lambda: all(sent))
    assert len({s[0].producer_id for s in sent}) == 1_500


def test_an_empty_transactional_id_is_refused(start):
    client = start(brokers=1)
    assert client.ask(1, InitProducerIdRequest(transactional_id="")).error_code == InvalidRequest.code


def test_times_have_offsets(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    for number in range(3):
        builder_time = FIRST_MS + 100 * number
        produced(client, batch(b"a", b"b", base_timestamp=builder_time))
    found = {ts: client.latest("t", timestamp=ts) for ts in (-1, -2, -3, -4, -5, -6, FIRST_MS, FIRST_MS + 1_000)}
    assert {ts: answer.offset for ts, answer in found.items()} == {
        -1: 6,
        -2: 0,
        -3: 1,
        -4: 0,
        -5: -1,
        -6: -1,
        FIRST_MS: 0,
        FIRST_MS + 1_000: -1,
    }
    assert (found[-3].timestamp, found[-3].leader_epoch) == (FIRST_MS + 1, 0)
    assert (found[FIRST_MS].timestamp, found[-1].timestamp, found[-1].leader_epoch) == (FIRST_MS, -1, 0)


@pytest.mark.parametrize(("timestamp", "first"), [(-3, 7), (-4, 8), (-5, 9), (-6, 11)])
def test_a_special_time_needs_its_version(start, timestamp, first):
    client = start(brokers=1)
    client.create("t", copies=1)
    assert client.latest("t", timestamp=timestamp, version=first - 1).error_code == UnsupportedVersion.code
    assert client.latest("t", timestamp=timestamp, version=first).error_code == 0


@pytest.mark.parametrize("version", range(1, 12))
def test_every_version_lists_offsets(start, version):
    client = start(brokers=1, wire=True)
    client.create("t", copies=1)
    client.produce("t", b"a")
    assert client.latest("t", version=version).offset == 1


def test_the_latest_offset_is_the_committed_one(start):
    client = start()
    client.create("t")
    leader = client.leader("t")
    client.cluster.net.cut([leader], [node for node in (1, 2, 3) if node != leader])
    client.produce("t", b"a", acks=1)
    assert client.latest("t").offset == 0
    assert client.latest("t", replica_id=-2).offset == 1
    assert client.latest("t", timestamp=FIRST_MS).offset == -1


def test_a_new_leader_that_does_not_know_what_is_committed_says_so(start):
    client = start()
    client.create("t")
    client.produce("t", b"a")
    leader = client.leader("t")
    client.cluster.net.cut([leader], [node for node in (1, 2, 3) if node != leader])
    replica = client.replica(leader, "t")
    replica.leader.in_sync.epoch_start_offset = 2
    assert client.latest("t").error_code == OffsetNotAvailable.code
    assert client.latest("t", version=4).error_code == LeaderNotAvailable.code
    assert client.latest("t", timestamp=-2).error_code == 0
    assert client.latest("t", replica_id=-2).error_code == 0


def test_a_partition_asked_for_twice_is_a_mistake_that_is_told_once(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    parts = [ListOffsetsPartition(partition_index=0, timestamp=-1)] * 2
    request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name="t", partitions=parts)])
    response = client.ask(1, request)
    assert [p.error_code for p in response.topics[0].partitions] == [InvalidRequest.code]


def test_list_offsets_of_what_is_elsewhere_or_nowhere(start):
    client = start()
    client.create("t")
    follower = next(node for node in (1, 2, 3) if node != client.leader("t"))
    assert client.latest("t", node=follower).error_code == NotLeaderOrFollower.code
    assert client.latest("t", leader_epoch=5).error_code == UnknownLeaderEpoch.code
    parts = [ListOffsetsPartition(partition_index=0, timestamp=-1)]
    request = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name="other", partitions=parts)])
    assert client.ask(1, request).topics[0].partitions[0].error_code == UnknownTopicOrPartition.code


@pytest.mark.parametrize("version", [2, 3, 4])
def test_epochs_end_where_the_next_begins(start, version):
    client = start(wire=True)
    client.create("t", partitions=3)
    index = next(i for i in range(3) if client.leader("t", i) != 1)
    client.produce("t", b"a", b"b", index=index)
    dead = client.leader("t", index)
    client.cluster.kill_node(dead)
    leader = client.wait_for_leader("t", index, other_than=dead)
    client.produce("t", b"c", index=index)
    epoch = client.partition("t", index).leader_epoch
    ends = {}
    for asked in (0, epoch, epoch + 1, -1):
        part = OffsetForLeaderPartition(partition=index, current_leader_epoch=epoch, leader_epoch=asked)
        request = OffsetForLeaderEpochRequest(
            replica_id=-1, topics=[OffsetForLeaderTopic(topic="t", partitions=[part])]
        )
        answer = client.ask(leader, request, version=version).topics[0].partitions[0]
        ends[asked] = (answer.error_code, answer.leader_epoch, answer.end_offset)
    assert ends == {0: (0, 0, 2), epoch: (0, epoch, 3), epoch + 1: (0, -1, -1), -1: (0, -1, -1)}
