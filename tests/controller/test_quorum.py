"""What DescribeQuorum tells: how far copies of the metadata log go, and when they last had all of it."""

from actors.controller.quorum import FORGOTTEN_MS, Observers, QuorumLeadership, described
from kstore.errors import UnknownTopicOrPartition
from kstore.schema.messages.describe_quorum import (
    DescribeQuorumRequest,
    DescribeQuorumRequestPartitionData,
    DescribeQuorumRequestTopicData,
    DescribeQuorumResponse,
)

FOLDER = b"2" * 16
LEADER = QuorumLeadership(1, 3, 90, 100)


def asked(*partitions: int, topic: str = "__cluster_metadata") -> DescribeQuorumRequest:
    wanted = [DescribeQuorumRequestPartitionData(partition_index=each) for each in partitions]
    return DescribeQuorumRequest(topics=[DescribeQuorumRequestTopicData(topic_name=topic, partitions=wanted)])


def told(observers: Observers, now_ms: int, version: int = 2) -> DescribeQuorumResponse:
    return described(asked(0), version, LEADER, observers, now_ms)


def test_the_leader_is_the_one_voter_and_has_all_of_it() -> None:
    (partition,) = told(Observers(), 5_000).topics[0].partitions
    assert (partition.leader_id, partition.leader_epoch, partition.high_watermark) == (1, 3, 90)
    (voter,) = partition.current_voters
    assert (voter.replica_id, voter.log_end_offset) == (1, 100)
    assert voter.last_fetch_timestamp == voter.last_caught_up_timestamp == 5_000
    assert partition.observers == []


def test_a_copy_has_all_when_it_is_fetched_for_from_the_end_on() -> None:
    observers = Observers()
    observers.fetched(2, FOLDER, 60, 100, 1_000)
    (state,) = observers.states(1_000)
    assert (state.log_end_offset, state.last_fetch_timestamp, state.last_caught_up_timestamp) == (60, 1_000, -1)
    observers.fetched(2, FOLDER, 100, 100, 1_200)
    (state,) = observers.states(1_300)
    assert (state.log_end_offset, state.last_fetch_timestamp, state.last_caught_up_timestamp) == (100, 1_200, 1_200)


def test_a_copy_that_reaches_where_the_end_was_had_all_then() -> None:
    observers = Observers()
    observers.fetched(2, FOLDER, 60, 100, 1_000)
    observers.fetched(2, FOLDER, 100, 150, 1_200)
    assert observers.states(1_300)[0].last_caught_up_timestamp == 1_000
    observers.fetched(2, FOLDER, 120, 200, 1_400)
    assert observers.states(1_500)[0].last_caught_up_timestamp == 1_000


def test_a_node_that_fetches_no_more_is_forgotten() -> None:
    observers = Observers()
    observers.fetched(3, FOLDER, 100, 100, 1_000)
    observers.fetched(2, FOLDER, 100, 100, 1_000 + FORGOTTEN_MS)
    assert [state.replica_id for state in observers.states(1_000 + FORGOTTEN_MS)] == [2]


def test_folders_and_nodes_are_told_from_version_2_on() -> None:
    observers = Observers()
    observers.fetched(2, FOLDER, 100, 100, 1_000)
    for version, folder, nodes in ((0, bytes(16), []), (1, bytes(16), []), (2, FOLDER, [1])):
        answer = told(observers, 1_000, version)
        assert answer.topics[0].partitions[0].observers[0].replica_directory_id == folder
        assert [node.node_id for node in answer.nodes] == nodes


def test_any_other_partition_is_not_hosted() -> None:
    for request in (asked(1), asked(0, 0), asked(0, topic="orders")):
        answer = described(request, 2, LEADER, Observers(), 0)
        codes = [each.error_code for each in answer.topics[0].partitions]
        assert codes == [UnknownTopicOrPartition.code] * len(request.topics[0].partitions)
    assert described(DescribeQuorumRequest(), 2, LEADER, Observers(), 0).topics == []
