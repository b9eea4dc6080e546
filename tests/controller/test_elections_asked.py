"""ElectLeaders where there is something to elect: leaders that died and returned, and partitions that lost theirs."""

import pytest
from controller.deciding import Driven

from kstore import errors
from kstore.errors import InvalidRequest
from kstore.schema.messages.elect_leaders import ElectLeadersRequest, TopicPartitions

PREFERRED, UNCLEAN = 0, 1


def elected(driven: Driven, kind: int, *numbers: int, topic: str = "orders") -> list[tuple[str, int, int]]:
    """Topic, partition and error code of each result; of all partitions when none is named."""
    partitions = [TopicPartitions(topic=topic, partitions=list(numbers))] if numbers else None
    answer = driven.decide(ElectLeadersRequest(election_type=kind, topic_partitions=partitions))
    return [
        (result.topic, each.partition_id, each.error_code)
        for result in answer.replica_election_results
        for each in result.partition_result
    ]


def test_a_replica_that_returned_leads_again_when_it_is_the_preferred_one() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3], [2, 3, 1]])
    driven.lose(1)
    driven.start(1)
    driven.alter("orders", [1, 2, 3])
    assert driven.partition("orders").leader == 2
    assert elected(driven, PREFERRED) == [("orders", 0, 0)]
    assert (driven.partition("orders").leader, driven.partition("orders").leader_epoch) == (1, 2)
    assert elected(driven, PREFERRED) == []
    assert elected(driven, PREFERRED, 0, 1) == [("orders", 0, 84), ("orders", 1, 84)]


def test_a_preferred_replica_that_is_not_in_sync_does_not_lead() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.lose(1)
    driven.start(1)
    assert elected(driven, PREFERRED, 0) == [("orders", 0, errors.PreferredLeaderNotAvailable.code)]
    assert driven.partition("orders").leader == 2


def test_a_partition_without_a_leader_gets_any_replica_that_lives_when_asked_for() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1, 2, 3]])
    driven.alter("orders", [1])
    driven.lose(1)
    assert elected(driven, PREFERRED, 0) == [("orders", 0, errors.PreferredLeaderNotAvailable.code)]
    assert elected(driven, UNCLEAN, 0) == [("orders", 0, 0)]
    found = driven.partition("orders")
    assert (found.leader, found.isr, found.leader_recovery_state) == (2, (2,), 1)
    assert elected(driven, UNCLEAN, 0) == [("orders", 0, errors.ElectionNotNeeded.code)]


def test_where_nobody_lives_nobody_leads() -> None:
    driven = Driven()
    driven.create("orders", assignments=[[1]])
    driven.lose(1)
    assert elected(driven, UNCLEAN) == [("orders", 0, errors.EligibleLeadersNotAvailable.code)]
    assert driven.partition("orders").leader == -1


def test_a_type_that_is_none_is_refused_whole() -> None:
    with pytest.raises(InvalidRequest, match="Unknown election type 7"):
        elected(Driven(), 7)
