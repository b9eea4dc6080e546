"""Transactions in partitions, through the brokers' doors: produced, verified, ended by markers, read, described."""

from __future__ import annotations

from functools import partial

import pytest
from partition.client import batch, values
from partition.transacting import OFF, end, produced, read, started, transactional

from actors.coordinator.routing import partition_for
from kstore.errors import (
    ClusterAuthorizationFailed,
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    NotEnoughReplicas,
    NotLeaderOrFollower,
    OffsetOutOfRange,
    ProducerFenced,
    TransactionAbortable,
    TransactionalIdAuthorizationFailed,
    TransactionCoordinatorFenced,
    UnknownTopicOrPartition,
)
from kstore.records import EndTransactionMarker, end_transaction_batch, parse_batches
from kstore.schema.messages.describe_producers import DescribeProducersRequest, TopicRequest
from kstore.schema.messages.produce import PartitionProduceData
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)


@pytest.mark.parametrize("version", [3, 7, 9, 10, 11])
def test_by_an_old_version_the_coordinator_is_asked_once_whether_it_knows_the_partition(start, coordinator, version):
    client = started(start)
    assert produced(client, b"a", version=version).error_code == 0
    assert produced(client, b"b", sequence=1, version=version).base_offset == 1
    (request,) = coordinator.asked
    (asked,) = request.transactions
    assert (asked.transactional_id, asked.producer_id, asked.producer_epoch, asked.verify_only) == ("x", 7, 0, True)
    assert [(topic.name, topic.partitions) for topic in asked.topics] == [("t", [0])]


@pytest.mark.parametrize("version", [12, 13])
def test_by_a_new_version_the_coordinator_is_told_of_the_partition(start, coordinator, version):
    client = started(start, config=OFF)  # whatever that says
    assert produced(client, b"a", version=version).error_code == 0
    assert [each.transactions[0].verify_only for each in coordinator.asked] == [False]


def test_without_verification_nobody_is_asked(start, coordinator):
    client = started(start, config=OFF)
    assert produced(client, b"a").error_code == 0
    assert coordinator.asked == []


@pytest.mark.parametrize(
    ("code", "version", "told"),
    [
        (InvalidTxnState, 11, InvalidTxnState),
        (ProducerFenced, 11, InvalidProducerEpoch),
        (TransactionAbortable, 10, InvalidTxnState),
        (TransactionAbortable, 11, TransactionAbortable),
        (TransactionAbortable, 12, TransactionAbortable),
        (CoordinatorLoadInProgress, 11, NotEnoughReplicas),
        (CoordinatorLoadInProgress, 12, NotEnoughReplicas),
        (ConcurrentTransactions, 11, NotEnoughReplicas),
        (ConcurrentTransactions, 12, ConcurrentTransactions),
        (InvalidProducerIdMapping, 12, InvalidProducerIdMapping),
    ],
)
def test_what_the_coordinator_refuses_is_told_as_the_version_knows_it(start, coordinator, code, version, told):
    client = started(start)
    coordinator.codes = [code.code]
    assert produced(client, b"a", version=version).error_code == told.code
    assert client.latest("t").offset == 0


def test_a_concurrent_transaction_is_waited_for_by_the_second_protocol(start, coordinator):
    client = started(start)
    coordinator.codes = [ConcurrentTransactions.code, ConcurrentTransactions.code, 0]
    assert produced(client, b"a", version=12).error_code == 0
    assert len(coordinator.asked) == 3


def test_without_a_coordinator_the_client_is_told_to_repeat(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    assert produced(client, b"a").error_code == NotEnoughReplicas.code


@pytest.mark.parametrize(
    ("whole", "told"),
    [(CoordinatorLoadInProgress, NotEnoughReplicas), (ClusterAuthorizationFailed, InvalidTxnState)],
)
def test_an_error_of_the_whole_answer_is_that_of_each_partition(start, coordinator, whole, told):
    client = started(start)
    coordinator.whole = whole.code
    assert produced(client, b"a").error_code == told.code


def test_a_coordinator_that_is_cut_off_is_one_that_the_client_asks_again(start, coordinator):
    client = start(brokers=3)
    client.create("t")
    client.create("__transaction_state", partitions=3)
    leader = client.leader("t")
    by_id = {name: client.leader("__transaction_state", partition_for(name, 3)) for name in "abcdefgh"}
    transactional_id, other = next(each for each in by_id.items() if each[1] != leader)
    coordinator.before_answer = lambda: client.cluster.net.cut([leader], [other])
    request = transactional(client, b"a")
    request.transactional_id = transactional_id
    answer = client.ask(leader, request, version=11)
    assert answer.responses[0].partition_responses[0].error_code == NotEnoughReplicas.code
    assert len(coordinator.asked) == 1


def test_a_marker_that_comes_before_the_answer_of_the_coordinator_shuts_the_batch_out(start, coordinator):
    client = started(start)
    replica = client.replica(1, "t")

    def abort() -> None:
        marker = parse_batches(end_transaction_batch(EndTransactionMarker(False, 0), 0, 7, 0))
        replica.log.append_as_leader([marker], replica.leader_epoch, 0, from_client=False)

    coordinator.before_answer = abort
    assert produced(client, b"late").error_code == InvalidTxnState.code


def test_transactional_records_need_a_transactional_id(start, coordinator):
    client = started(start, partitions=2)
    request = transactional(client, b"a")
    request.transactional_id = None
    plain = PartitionProduceData(index=1, records=batch(b"b"))
    for _ in range(2):
        answer = client.ask(1, request)
        codes = [each.error_code for topic in answer.responses for each in topic.partition_responses]
        assert set(codes) == {TransactionalIdAuthorizationFailed.code}
        if len(request.topic_data[0].partition_data) == 1:
            request.topic_data[0].partition_data.append(plain)
    assert client.latest("t", index=1).offset == 0


def test_records_outside_of_a_transaction_may_come_with_an_id(start, coordinator):
    client = started(start)
    request = client.produce_request("t", batch(b"a"))
    request.transactional_id = "x"
    assert client.ask(1, request).responses[0].partition_responses[0].error_code == 0
    assert coordinator.asked == []


def test_transactional_records_of_one_request_are_of_one_producer(start, coordinator):
    client = started(start, partitions=2)
    request = transactional(client, b"a")
    other = transactional(client, b"a", producer_id=8, index=1)
    request.topic_data[0].partition_data += other.topic_data[0].partition_data
    answer = client.ask(1, request)
    codes = [each.error_code for topic in answer.responses for each in topic.partition_responses]
    assert codes == [InvalidProducerIdMapping.code] * 2


def test_requests_that_come_while_the_coordinator_is_asked_keep_their_order(start, coordinator):
    client = started(start)
    requests = [transactional(client, b"%d" % n, sequence=n) for n in range(5)]
    outcomes = [client.send(1, request, version=11) for request in requests]
    client.cluster.wait_for(lambda: all(outcomes), 60)
    codes = [each[0].responses[0].partition_responses[0].error_code for each in outcomes]
    assert codes == [0] * 5
    assert read(client, committed=False) == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("version", [1, 2])
def test_a_marker_ends_the_transaction_for_its_readers(start, coordinator, commit, version):
    client = started(start, brokers=3)
    produced(client, b"a")
    assert read(client) == []
    assert read(client, committed=False) == [b"a"]
    assert end(client, commit=commit, version=version) == 0
    found = client.fetch("t", 0, isolation_level=1)
    assert [each.first_offset for each in found.aborted_transactions] == ([] if commit else [0])
    assert found.last_stable_offset == found.high_watermark == 2


def test_markers_are_answered_for_each_producer_and_partition(start, coordinator):
    client = started(start, partitions=2)
    markers = [
        WritableTxnMarker(
            producer_id=producer_id,
            producer_epoch=0,
            transaction_result=True,
            topics=[
                WritableTxnMarkerTopic(name="t", partition_indexes=[1, 5]),
                WritableTxnMarkerTopic(name="nowhere", partition_indexes=[0]),
            ],
        )
        for producer_id in (7, 8)
    ]
    answer = client.ask(1, WriteTxnMarkersRequest(markers=markers))
    for producer_id, result in zip((7, 8), answer.markers, strict=True):
        codes = [
            (topic.name, each.partition_index, each.error_code) for topic in result.topics for each in topic.partitions
        ]
        unknown = UnknownTopicOrPartition.code
        assert (result.producer_id, codes) == (producer_id, [("t", 1, 0), ("t", 5, unknown), ("nowhere", 0, unknown)])


def test_a_marker_of_an_old_epoch_or_coordinator_is_refused(start, coordinator):
    client = started(start)
    produced(client, b"a", epoch=3)
    assert end(client, producer_epoch=2) == InvalidProducerEpoch.code
    assert end(client, producer_epoch=3, transaction_version=2) == InvalidProducerEpoch.code
    assert end(client, producer_epoch=4, transaction_version=2, coordinator_epoch=5) == 0
    assert end(client, producer_epoch=4, coordinator_epoch=4) == TransactionCoordinatorFenced.code
    assert produced(client, b"b", sequence=1, epoch=3).error_code == InvalidProducerEpoch.code


def test_only_the_leader_appends_a_marker(start, coordinator):
    client = started(start, brokers=3)
    follower = next(node for node in (1, 2, 3) if node != client.leader("t"))
    assert end(client, node=follower) == NotLeaderOrFollower.code


def test_markers_of_groups_go_by_their_coordinator(start, coordinator):
    client = started(start)
    client.create("__consumer_offsets", copies=1)
    client.cluster.wait_for(lambda: client.cluster.nodes[1].view.coordinators, 60)
    client.run(1)
    assert end(client, topic="__consumer_offsets") == 0
    assert client.replica(1, "__consumer_offsets").log.high_watermark == 1


def test_a_reader_that_waits_is_woken_when_what_is_stable_moves(start, coordinator):
    client = started(start, brokers=3)
    produced(client, b"a")
    request = client.fetch_request("t", 0, isolation_level=1, max_wait_ms=60_000)
    waiting = client.send(client.leader("t"), request, connection=1)
    client.run(2)
    assert waiting == []
    assert end(client) == 0
    client.cluster.wait_for(lambda: waiting, 5)
    assert values(waiting[0].responses[0].partitions[0].records)[:1] == [b"a"]


@pytest.mark.parametrize("version", [2, 5, 11])
def test_the_latest_offset_of_a_committed_reader_is_what_is_stable(start, coordinator, version):
    client = started(start)
    client.produce("t", b"before")
    produced(client, b"a")
    assert client.latest("t", isolation_level=1, version=version).offset == 1
    assert client.latest("t", version=version).offset == 2
    end(client)
    assert client.latest("t", isolation_level=1, version=version).offset == 3


def test_no_time_is_found_in_what_is_not_stable(start, coordinator):
    client = started(start)
    produced(client, b"a")
    assert client.latest("t", timestamp=0).offset == 0
    assert client.latest("t", timestamp=0, isolation_level=1).offset == -1
    assert client.fetch("t", 5, isolation_level=1).error_code == OffsetOutOfRange.code


def test_a_new_leader_knows_what_is_stable(start, coordinator):
    client = started(start, brokers=3)
    produced(client, b"a")
    produced(client, b"z", producer_id=9)
    end(client)
    leader = client.leader("t")
    client.cluster.faults.kill(leader)
    client.wait_for_leader("t", other_than=leader)
    client.cluster.wait_for(lambda: client.latest("t").offset == 3, 60)
    assert client.latest("t", isolation_level=1).offset == 1
    assert end(client, producer_id=9) == 0
    assert client.latest("t", isolation_level=1).offset == 4


def test_producers_are_described_with_their_open_transactions(start, coordinator):
    client = started(start, brokers=3)
    client.produce("t", b"before")
    produced(client, b"a", b"b", epoch=2)
    for node in (1, 2, 3):  # each of its own log
        client.cluster.wait_for(partial(lambda node: client.replica(node, "t").log.end_offset == 3, node), 60)
        answer = client.ask(node, DescribeProducersRequest(topics=[TopicRequest(name="t", partition_indexes=[0, 9])]))
        found, unknown = answer.topics[0].partitions
        assert unknown.error_code == UnknownTopicOrPartition.code
        (producer,) = found.active_producers
        assert (producer.producer_id, producer.producer_epoch, producer.last_sequence) == (7, 2, 1)
        assert (producer.coordinator_epoch, producer.current_txn_start_offset) == (-1, 1)
    end(client, producer_epoch=3, coordinator_epoch=4)
    answer = client.ask(
        client.leader("t"), DescribeProducersRequest(topics=[TopicRequest(name="t", partition_indexes=[0])])
    )
    (producer,) = answer.topics[0].partitions[0].active_producers
    assert (producer.producer_epoch, producer.last_sequence, producer.coordinator_epoch) == (3, -1, 4)
    assert producer.current_txn_start_offset == -1
