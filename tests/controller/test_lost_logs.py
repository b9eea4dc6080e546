"""A replica whose log is out of use: AssignReplicasToDirs with the directory LOST, and with the broker's own again."""

import pytest
from controller.deciding import Driven

from actors.image.image import Directory
from kstore import errors
from kstore.schema.messages.assign_replicas_to_dirs import (
    AssignReplicasToDirsRequest,
    AssignReplicasToDirsRequestDirectoryData,
    AssignReplicasToDirsRequestPartitionData,
    AssignReplicasToDirsRequestTopicData,
)


def assign(driven: Driven, broker: int, directory: bytes, topic: str = "orders", partition: int = 0) -> int:
    known = driven.image.topics.get(topic)
    request = AssignReplicasToDirsRequest(
        broker_id=broker,
        broker_epoch=driven.epochs[broker],
        directories=[
            AssignReplicasToDirsRequestDirectoryData(
                id=directory,
                topics=[
                    AssignReplicasToDirsRequestTopicData(
                        topic_id=bytes(15) + b"\x63" if known is None else known.id,
                        partitions=[AssignReplicasToDirsRequestPartitionData(partition_index=partition)],
                    )
                ],
            )
        ],
    )
    answer = driven.decide(request)
    assert answer.directories[0].id == directory
    code: int = answer.directories[0].topics[0].partitions[0].error_code
    return code


def lose(driven: Driven, broker: int) -> None:
    assert assign(driven, broker, Directory.LOST) == 0


def bring_back(driven: Driven, broker: int) -> None:
    assert assign(driven, broker, bytes([broker]) * 16) == 0


def test_the_directory_that_means_lost_is_kafkas() -> None:
    assert (Directory.MIGRATING[-1], Directory.UNASSIGNED[-1], Directory.LOST[-1]) == (0, 1, 2)


def test_a_leader_whose_log_is_lost_leaves_the_in_sync_set_and_another_leads() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    lose(driven, 1)
    found = driven.partition("orders")
    assert (found.leader, found.isr, found.leader_epoch) == (2, (2, 3), 1)
    assert found.directory_of(1) == Directory.LOST
    assert found.offline_replicas(frozenset((1, 2, 3))) == [1]


def test_a_follower_whose_log_is_lost_leaves_the_in_sync_set_and_costs_no_leader_epoch() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    lose(driven, 3)
    found = driven.partition("orders")
    assert (found.leader, found.isr, found.leader_epoch, found.partition_epoch) == (1, (1, 2), 0, 1)


def test_the_last_in_sync_replica_keeps_its_place_and_leads_again_when_its_log_is_back() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    for broker in (1, 2, 3):
        lose(driven, broker)
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (-1, (3,))
    bring_back(driven, 1)
    assert driven.partition("orders").leader == -1
    bring_back(driven, 3)
    assert (driven.partition("orders").leader, driven.partition("orders").isr) == (3, (3,))


def test_a_replica_whose_log_is_lost_is_elected_by_nothing() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2]], unclean_leader_election_enable="true")
    lose(driven, 1)
    driven.lose(2)
    assert driven.partition("orders").leader == -1
    driven.start(3)
    driven.lose(1)
    driven.start(1)
    assert not driven.machine.elect_uncleanly().records
    assert not driven.machine.balance_leaders().records
    bring_back(driven, 1)
    assert driven.partition("orders").leader == 1


def test_a_replica_whose_log_is_lost_cannot_join_the_in_sync_set() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    lose(driven, 3)
    assert driven.alter("orders", [1, 2, 3]).error_code == errors.IneligibleReplica.code
    bring_back(driven, 3)
    assert driven.alter("orders", [1, 2, 3]).error_code == 0


def test_a_broker_that_registers_another_directory_has_lost_what_was_in_the_first() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2]])
    assert assign(driven, 2, b"\x09" * 16) == 0
    assert driven.partition("orders").isr == (1,)


def test_saying_it_again_changes_nothing() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    lose(driven, 1)
    before = driven.image
    lose(driven, 1)
    assert driven.image is before


@pytest.mark.parametrize(
    ("broker", "topic", "partition", "error"),
    [
        (1, "nothing", 0, errors.UnknownTopicId),
        (1, "orders", 7, errors.UnknownTopicOrPartition),
        (3, "orders", 0, errors.NotLeaderOrFollower),
    ],
)
def test_what_the_broker_does_not_have_it_cannot_lose(
    broker: int, topic: str, partition: int, error: type[errors.KafkaError]
) -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2]])
    assert assign(driven, broker, Directory.LOST, topic, partition) == error.code


def test_only_the_broker_that_is_registered_can_say_so() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2]])
    driven.epochs[1] -= 1
    with pytest.raises(errors.StaleBrokerEpoch):
        lose(driven, 1)
