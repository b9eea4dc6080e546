"""Placement of replicas: even over brokers and racks, leaders on working brokers, the same for the same seed."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.controller.placement import StripedPlacer
from actors.image.image import BrokerImage
from kstore.errors import InvalidReplicationFactor


def brokers(count: int, fenced: tuple[int, ...] = (), racks: int = 1) -> list[BrokerImage]:
    return [
        BrokerImage(n, n, bytes(16), (), n in fenced, None if racks == 1 else f"rack-{n % racks}")
        for n in range(1, count + 1)
    ]


@given(st.integers(1, 7), st.integers(1, 30), st.integers(1, 7), st.integers(1, 3), st.randoms(use_true_random=False))
def test_no_broker_holds_a_partition_twice_and_every_replica_is_a_broker(
    count: int, partitions: int, factor: int, racks: int, random: Random
) -> None:
    factor = min(factor, count)
    for replicas in StripedPlacer(brokers(count, racks=racks), random).place(partitions, factor):
        assert len(set(replicas)) == factor
        assert set(replicas) <= set(range(1, count + 1))


@given(st.integers(2, 6), st.integers(1, 5), st.randoms(use_true_random=False))
def test_leaders_spread_evenly(count: int, rounds: int, random: Random) -> None:
    placed = StripedPlacer(brokers(count), random).place(count * rounds, min(3, count))
    leaders = Counter(replicas[0] for replicas in placed[:count])
    assert set(leaders.values()) == {1}


def test_replicas_lie_in_different_racks_while_there_are_enough() -> None:
    for replicas in StripedPlacer(brokers(9, racks=3), Random(1)).place(50, 3):
        assert len({broker % 3 for broker in replicas}) == 3


def test_a_fenced_broker_never_leads_and_comes_last() -> None:
    for replicas in StripedPlacer(brokers(3, fenced=(2,)), Random(1)).place(20, 3):
        assert replicas[2] == 2
    assert all(2 not in replicas for replicas in StripedPlacer(brokers(3, fenced=(2,)), Random(1)).place(20, 2))


def test_the_same_seed_gives_the_same_placement_whatever_the_order_of_the_brokers() -> None:
    forward = StripedPlacer(brokers(5), Random(7)).place(20, 3)
    assert StripedPlacer(reversed(brokers(5)), Random(7)).place(20, 3) == forward
    assert StripedPlacer(brokers(5), Random(8)).place(20, 3) != forward


def test_one_working_broker_takes_any_number_of_partitions() -> None:
    assert StripedPlacer(brokers(1), Random(1)).place(5, 1) == [(1,)] * 5


def test_too_few_brokers_are_named_as_kafka_names_them() -> None:
    with pytest.raises(InvalidReplicationFactor, match="factor of 4 cannot be reached because only 3 broker"):
        StripedPlacer(brokers(3), Random(1)).place(1, 4)
    with pytest.raises(InvalidReplicationFactor, match="All brokers are currently fenced"):
        StripedPlacer(brokers(2, fenced=(1, 2)), Random(1)).place(1, 1)
