"""A long request doesn't hold the others: it is worked on in slices; who asks little meanwhile is answered first."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from broker.test_connection import Peer
from broker.test_requests_at_the_limits import ask

from actors.broker.slices import PART, portions
from actors.broker.topic_creation import PARTITIONS_MAX
from actors.cluster import Cluster
from actors.runtime.limits import REQUEST_ELEMENTS_MAX
from kstore.errors import FetchSessionIdNotFound, InvalidRequest, PolicyViolation, UnknownTopicOrPartition
from kstore.schema.messages import (
    add_partitions_to_txn,
    alter_configs,
    create_partitions,
    create_topics,
    delete_groups,
    delete_records,
    delete_topics,
    describe_configs,
    describe_groups,
    describe_log_dirs,
    describe_topic_partitions,
    describe_transactions,
    elect_leaders,
    fetch,
    find_coordinator,
    incremental_alter_configs,
    leave_group,
    list_offsets,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
)

ITEMS = 4_000
NUMBERS = range(ITEMS)
TOPIC = "t"


def of_topic(topic_class, partition_class, name: str = TOPIC, **changes):
    """Topics with one partition each, of the topic that is there, again and again."""
    field = "topic" if "topic" in topic_class.fields() else "name"
    index = "partition" if "partition" in partition_class.fields() else "partition_index"
    return [topic_class(**{field: name, "partitions": [partition_class(**{index: 0}, **changes)]}) for _ in NUMBERS]


LONG = {
    "add partitions to a transaction": (
        add_partitions_to_txn.AddPartitionsToTxnRequest(
            v3_and_below_transactional_id="tx",
            v3_and_below_topics=[
                add_partitions_to_txn.AddPartitionsToTxnTopic(name="nowhere", partitions=list(NUMBERS))
            ],
        ),
        3,
    ),
    "describe transactions": (
        describe_transactions.DescribeTransactionsRequest(transactional_ids=[f"{n}" for n in NUMBERS]),
        0,
    ),
    "describe configs": (
        describe_configs.DescribeConfigsRequest(
            resources=[
                describe_configs.DescribeConfigsResource(resource_type=2, resource_name=f"{n}", configuration_keys=None)
                for n in NUMBERS
            ]
        ),
        1,
    ),
    "list offsets": (
        list_offsets.ListOffsetsRequest(
            replica_id=-1,
            topics=of_topic(list_offsets.ListOffsetsTopic, list_offsets.ListOffsetsPartition, timestamp=-1),
        ),
        1,
    ),
    "metadata": (
        metadata.MetadataRequest(
            topics=[metadata.MetadataRequestTopic(name=f"{n}") for n in NUMBERS], allow_auto_topic_creation=False
        ),
        4,
    ),
    "create topics": (
        create_topics.CreateTopicsRequest(
            topics=[
                create_topics.CreatableTopic(name=f"new-{n}", num_partitions=1, replication_factor=1)
                for n in range(ITEMS // 4)
            ],
            timeout_ms=9_000,
        ),
        4,
    ),
    "delete topics": (
        delete_topics.DeleteTopicsRequest(topic_names=[f"{n}" for n in NUMBERS], timeout_ms=9_000),
        4,
    ),
    "create partitions": (
        create_partitions.CreatePartitionsRequest(
            topics=[create_partitions.CreatePartitionsTopic(name=f"{n}", count=2, assignments=None) for n in NUMBERS],
            timeout_ms=9_000,
        ),
        1,
    ),
    "alter configs": (
        alter_configs.AlterConfigsRequest(
            resources=[
                alter_configs.AlterConfigsResource(resource_type=2, resource_name=f"{n}", configs=[]) for n in NUMBERS
            ]
        ),
        1,
    ),
    "alter configs incrementally": (
        incremental_alter_configs.IncrementalAlterConfigsRequest(
            resources=[
                incremental_alter_configs.AlterConfigsResource(resource_type=2, resource_name=f"{n}", configs=[])
                for n in NUMBERS
            ]
        ),
        1,
    ),
    "elect leaders": (
        elect_leaders.ElectLeadersRequest(
            topic_partitions=[elect_leaders.TopicPartitions(topic="no", partitions=list(NUMBERS))], timeout_ms=9_000
        ),
        1,
    ),
    "describe log directories": (
        describe_log_dirs.DescribeLogDirsRequest(
            topics=[
                describe_log_dirs.DescribableLogDirTopic(topic="no", partitions=list(NUMBERS)),
                describe_log_dirs.DescribableLogDirTopic(topic=TOPIC, partitions=[0]),
            ]
        ),
        1,
    ),
    "delete records": (
        delete_records.DeleteRecordsRequest(
            topics=[
                delete_records.DeleteRecordsTopic(
                    name="no",
                    partitions=[delete_records.DeleteRecordsPartition(partition_index=n, offset=0) for n in NUMBERS],
                )
            ],
            timeout_ms=9_000,
        ),
        1,
    ),
    "describe groups": (describe_groups.DescribeGroupsRequest(groups=[f"{n}" for n in NUMBERS]), 1),
    "delete groups": (delete_groups.DeleteGroupsRequest(groups_names=[f"{n}" for n in NUMBERS]), 1),
    "find coordinators": (
        find_coordinator.FindCoordinatorRequest(key_type=0, coordinator_keys=[f"{n}" for n in NUMBERS]),
        4,
    ),
    "commit offsets": (
        offset_commit.OffsetCommitRequest(
            group_id="g",
            generation_id_or_member_epoch=-1,
            topics=of_topic(
                offset_commit.OffsetCommitRequestTopic, offset_commit.OffsetCommitRequestPartition, committed_offset=1
            ),
        ),
        2,
    ),
    "fetch offsets": (
        offset_fetch.OffsetFetchRequest(
            group_id="g",
            topics=[offset_fetch.OffsetFetchRequestTopic(name=TOPIC, partition_indexes=list(NUMBERS))],
        ),
        2,
    ),
    "fetch offsets of groups": (
        offset_fetch.OffsetFetchRequest(
            groups=[offset_fetch.OffsetFetchRequestGroup(group_id=f"{n}", topics=[]) for n in NUMBERS]
        ),
        8,
    ),
    "delete offsets": (
        offset_delete.OffsetDeleteRequest(
            group_id="g",
            topics=of_topic(offset_delete.OffsetDeleteRequestTopic, offset_delete.OffsetDeleteRequestPartition),
        ),
        0,
    ),
    "leave": (
        leave_group.LeaveGroupRequest(
            group_id="g", members=[leave_group.MemberIdentity(member_id=f"{n}") for n in NUMBERS]
        ),
        3,
    ),
    "leader epochs": (
        offset_for_leader_epoch.OffsetForLeaderEpochRequest(
            replica_id=-1,
            topics=of_topic(
                offset_for_leader_epoch.OffsetForLeaderTopic,
                offset_for_leader_epoch.OffsetForLeaderPartition,
                leader_epoch=0,
            ),
        ),
        3,
    ),
    "topic partitions": (
        describe_topic_partitions.DescribeTopicPartitionsRequest(
            topics=[describe_topic_partitions.TopicRequest(name=f"{n}") for n in NUMBERS]
        ),
        0,
    ),
    "fetch": (
        fetch.FetchRequest(
            max_wait_ms=500,
            min_bytes=1,
            max_bytes=1_000,
            session_epoch=-1,
            topics=[
                fetch.FetchTopic(
                    topic="no", partitions=[fetch.FetchPartition(partition=n, partition_max_bytes=1) for n in NUMBERS]
                )
            ],
        ),
        7,
    ),
    "produce": (
        produce.ProduceRequest(
            acks=1,
            timeout_ms=9_000,
            topic_data=[
                produce.TopicProduceData(
                    name="no", partition_data=[produce.PartitionProduceData(index=n, records=b"") for n in NUMBERS]
                )
            ],
        ),
        7,
    ),
}


@pytest.fixture
def cluster():
    with Cluster(1, seed=7) as running:
        running.create_topic(TOPIC)
        peer = Peer(running, 1)
        while ask(peer, find_coordinator.FindCoordinatorRequest(key="g"), 0).error_code:
            running.world.driver.drive(lambda: False, 0.5)
        running.world.driver.drive(lambda: False, 2)
        partitions = [offset_commit.OffsetCommitRequestPartition(partition_index=0, committed_offset=0)]
        topics = [offset_commit.OffsetCommitRequestTopic(name=TOPIC, partitions=partitions)]
        request = offset_commit.OffsetCommitRequest(group_id="g", generation_id_or_member_epoch=-1, topics=topics)
        ask(peer, request, 2)
        yield running


@pytest.mark.parametrize("name", LONG)
def test_who_asks_little_is_answered_before_who_asks_much(cluster, name):
    request, version = LONG[name]
    long, short = Peer(cluster, 1), Peer(cluster, 1)
    begun = cluster.world.recorder.next_sequence
    long.send(long.frame(request, version))
    cluster.world.driver.drive(lambda: cluster.world.recorder.next_sequence > begun + 1, 1)
    assert not long.channel.answered, "it was done in its first turn"
    partitions = [list_offsets.ListOffsetsPartition(partition_index=0, timestamp=-1)]
    topics = [list_offsets.ListOffsetsTopic(name=TOPIC, partitions=partitions)]
    ask(short, list_offsets.ListOffsetsRequest(replica_id=-1, topics=topics), 1)
    assert not long.channel.answered, "it held the other up"
    long.wait_for_answers(1)


def test_of_a_partition_that_is_listed_again_and_again_it_is_said_once_that_this_is_wrong(cluster):
    request, version = LONG["list offsets"]
    (topic,) = ask(Peer(cluster, 1), request, version).topics
    assert [(p.partition_index, p.error_code) for p in topic.partitions] == [(0, InvalidRequest.code)]


def test_a_long_commit_is_answered_partition_by_partition_and_its_last_offset_counts(cluster):
    request, version = LONG["commit offsets"]
    answer = ask(Peer(cluster, 1), request, version)
    (topic,) = answer.topics  # named in each item of the request, and answered once, as by Kafka
    assert [p.error_code for p in topic.partitions] == [0] * ITEMS
    fetched = ask(Peer(cluster, 1), LONG["fetch offsets"][0], 2).topics[0].partitions
    assert [p.partition_index for p in fetched] == list(NUMBERS)
    assert [p.committed_offset for p in fetched] == [1] + [-1] * (ITEMS - 1)


def test_a_long_creation_makes_all_its_topics_and_they_are_known_when_it_is_answered(cluster):
    request: Any = LONG["create topics"][0]
    version = LONG["create topics"][1]
    answer = ask(Peer(cluster, 1), request, version)
    assert Counter(topic.error_code for topic in answer.topics) == {0: ITEMS // 4}
    assert all(topic.name in cluster.nodes[1].view.image.topics for topic in request.topics)
    assert all((topic.name, 0) in cluster.nodes[1].view.replicas for topic in request.topics)


def wide_fetch(session_epoch: int, session_id: int = 0, wait_ms: int = 0) -> fetch.FetchRequest:
    """Of the partition that is there, named twice, and of very many that aren't."""
    names = [0, *range(1, ITEMS), 0]
    partitions = [
        fetch.FetchPartition(partition=n, fetch_offset=5 * (at == 0), partition_max_bytes=1)
        for at, n in enumerate(names)
    ]
    return fetch.FetchRequest(
        max_wait_ms=wait_ms,
        min_bytes=1,
        max_bytes=1_000,
        session_id=session_id,
        session_epoch=session_epoch,
        topics=[fetch.FetchTopic(topic=TOPIC, partitions=partitions)],
    )


@pytest.mark.parametrize("session_epoch", [-1, 0])
def test_a_wide_fetch_tells_of_each_partition_once_and_as_it_is_named_last(cluster, session_epoch):
    answer = ask(Peer(cluster, 1), wide_fetch(session_epoch), 7)
    (topic,) = answer.responses
    codes = {p.partition_index: p.error_code for p in topic.partitions}
    assert len(topic.partitions) == ITEMS
    assert codes.pop(0) == 0, "the first mention's offset is out of range"
    assert set(codes.values()) == {UnknownTopicOrPartition.code}
    assert answer.session_id == 0, "no session is opened over what isn't there"


def test_a_session_that_a_wide_fetch_would_fill_with_what_is_not_there_is_begun_anew(cluster):
    peer = Peer(cluster, 1)
    narrow = wide_fetch(0)
    narrow.topics[0].partitions = narrow.topics[0].partitions[-1:]
    session_id = ask(peer, narrow, 7).session_id
    assert session_id
    assert ask(peer, wide_fetch(1, session_id), 7).error_code == FetchSessionIdNotFound.code


def creation(count: int, partitions: int, name: str = "c") -> create_topics.CreateTopicsRequest:
    topics = [
        create_topics.CreatableTopic(name=f"{name}-{n}", num_partitions=partitions, replication_factor=1)
        for n in range(count)
    ]
    return create_topics.CreateTopicsRequest(topics=topics, timeout_ms=9_000)


@pytest.mark.parametrize(
    ("count", "partitions", "why"),
    [
        (PARTITIONS_MAX + 1, 1, "Excessively large number of partitions per request."),
        (1, PARTITIONS_MAX + 1, "Excessively large number of partitions per request."),
        (PARTITIONS_MAX // 2 + 1, 1, "Unable to perform excessively large batch operation."),
        (1, PARTITIONS_MAX, "Unable to perform excessively large batch operation."),
    ],
)
def test_a_creation_beyond_kafkas_bounds_makes_nothing(cluster, count, partitions, why):
    answer = ask(Peer(cluster, 1), creation(count, partitions), 5)
    assert Counter((t.error_code, t.error_message) for t in answer.topics) == {(PolicyViolation.code, why): count}
    assert list(cluster.image().topics) == [TOPIC, "__consumer_offsets"]


def test_more_topics_than_may_be_made_at_once_stay_unknown_when_metadata_would_make_them(cluster):
    topics = [metadata.MetadataRequestTopic(name=f"auto-{n}") for n in range(PARTITIONS_MAX + 1)]
    answer = ask(Peer(cluster, 1), metadata.MetadataRequest(topics=topics, allow_auto_topic_creation=True), 4)
    assert {topic.error_code for topic in answer.topics} == {UnknownTopicOrPartition.code}
    assert list(cluster.image().topics) == [TOPIC, "__consumer_offsets"]


def test_topics_that_metadata_may_make_are_made_however_many_they_are(cluster):
    topics = [metadata.MetadataRequestTopic(name=f"auto-{n}") for n in range(1_500)]
    answer = ask(Peer(cluster, 1), metadata.MetadataRequest(topics=topics, allow_auto_topic_creation=True), 4)
    assert Counter(topic.error_code for topic in answer.topics) == {0: 1_500}


def test_things_named_twice_in_a_long_request_are_refused_as_in_a_short_one(cluster):
    request = creation(3 * PART, 1)
    request.topics = [*request.topics, *creation(1, 1).topics]
    answer = ask(Peer(cluster, 1), request, 5)
    refused = [(topic.name, topic.error_code) for topic in answer.topics if topic.error_code]
    assert refused == [("c-0", InvalidRequest.code)]
    doomed = delete_topics.DeleteTopicsRequest(topic_names=[f"c-{n}" for n in range(3 * PART)] + ["c-7"])
    codes = Counter(topic.error_code for topic in ask(Peer(cluster, 1), doomed, 4).responses)
    assert codes == {0: 3 * PART - 2, InvalidRequest.code: 1, UnknownTopicOrPartition.code: 1}


def test_a_request_with_more_elements_than_are_taken_closes_its_connection(cluster):
    request = describe_groups.DescribeGroupsRequest(groups=["g"] * (REQUEST_ELEMENTS_MAX + 1))
    assert ask(Peer(cluster, 1), request, 1) is None
    request.groups.pop()
    assert len(ask(Peer(cluster, 1), request, 1).groups) == REQUEST_ELEMENTS_MAX


def test_portions_hold_so_many_partitions_and_no_topic_is_lost(seed):
    topics = [list(range(count)) for count in (0, 1, 7, 0, 2, 9, 3, 0)]
    for part in range(1, 12):
        found = list(portions(topics, list, part))
        assert all(sum(len(taken) or 1 for _, taken in portion) <= part for portion in found)
        together: dict[int, list[int]] = {}
        for portion in found:
            for topic, taken in portion:
                together.setdefault(id(topic), []).extend(taken)
        assert list(together.values()) == topics
