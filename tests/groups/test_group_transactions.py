"""Offsets in transactions, as a group coordinator has them from its log: they count from the marker on, or never."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from groups.driving import START_MS, Driven
from partition.client import Outcomes

from actors.cluster import Cluster
from actors.coordinator.coordinator import Coordinator
from actors.groups.records import CommittedOffset, OffsetRecord, encode_entry
from actors.groups.shard import GroupShard
from actors.partition.messages import FROM_COORDINATOR, Append, EndTransaction, StartVerification
from kstore.log.verification import AppendOptions
from kstore.records import BatchBuilder, parse_batches

OFFSETS = "__consumer_offsets"


def entry(offset: int, partition: int = 0) -> tuple[bytes, bytes | None]:
    return encode_entry(OffsetRecord("g", "t", partition, CommittedOffset(offset, -1, "", START_MS)))


def test_what_was_read_in_a_transaction_counts_from_its_marker_on() -> None:
    driven = Driven()
    driven.shard.replay(*entry(1), START_MS)
    driven.shard.replay_in_transaction(7, *entry(40), START_MS)
    driven.shard.replay_in_transaction(8, *entry(50), START_MS)
    assert driven.fetch("t") == {("t", 0): 1}
    driven.shard.transaction_ended(8, 0, START_MS, is_committed=False)
    assert driven.fetch("t") == {("t", 0): 1}
    driven.shard.transaction_ended(7, 0, START_MS, is_committed=True)
    assert driven.fetch("t") == {("t", 0): 40}
    driven.shard.replay_in_transaction(7, *entry(60), START_MS)
    driven.shard.transaction_ended(7, 0, START_MS, is_committed=False)
    driven.shard.transaction_ended(7, 0, START_MS, is_committed=True)  # of a transaction without offsets
    assert driven.fetch("t") == {("t", 0): 40}


@pytest.fixture
def cluster(seed: int) -> Iterator[Cluster]:
    with Cluster(1, seed=seed, config={"offsets.topic.num.partitions": "1"}) as running:
        yield running


def shard_of(cluster: Cluster) -> GroupShard | None:
    for actor in cluster.nodes[1].actors.values():
        if isinstance(actor, Coordinator) and actor.loaded_shard is not None:
            found = actor.loaded_shard
            assert isinstance(found, GroupShard)
            return found
    return None


def committed(cluster: Cluster) -> dict[int, int]:
    shard = shard_of(cluster)
    assert shard is not None
    return {partition: each.offset for partition, each in shard.offsets.of_group("g").get("t", {}).items()}


def asked(cluster: Cluster, message: object) -> object:
    """What the partition's coordinator, or else its leader, answers."""
    outcomes: list[object] = []
    view = cluster.nodes[1].view
    to = (view.coordinators if isinstance(message, EndTransaction) else view.replicas)[OFFSETS, 0]
    asker = Outcomes(cluster.nodes[1], f"asker-{id(message)}")
    cluster.world.driver.call(lambda: asker.request(to, message, outcomes.append))
    cluster.wait_for(lambda: outcomes, 10)
    if isinstance(outcomes[0], Exception):
        raise outcomes[0]
    return outcomes[0]


def write(cluster: Cluster, producer_id: int, offset: int, partition: int) -> None:
    builder = BatchBuilder(transactional=True, producer_id=producer_id, producer_epoch=0)
    builder.append(1_577_836_800_000, *entry(offset, partition))
    batches = parse_batches(builder.build())
    guard = asked(cluster, StartVerification(producer_id, 0, -1, adds=False))
    assert isinstance(guard, int)
    asked(cluster, Append(batches, origin=FROM_COORDINATOR, options=AppendOptions(guard)))


def end(cluster: Cluster, producer_id: int, *, commit: bool) -> None:
    assert asked(cluster, EndTransaction(producer_id, 0, commit, 0, 0)) is None


def test_offsets_of_open_and_aborted_transactions_are_not_committed_after_a_restart(cluster: Cluster) -> None:
    cluster.create_topic(OFFSETS, partitions=1)
    cluster.wait_for(lambda: shard_of(cluster) is not None, 60)
    for producer_id in (7, 8, 9):
        write(cluster, producer_id, 10 * producer_id, producer_id)
    end(cluster, 7, commit=True)
    end(cluster, 8, commit=False)
    cluster.faults.kill(1)
    cluster.faults.restart(1)
    cluster.wait_for(lambda: shard_of(cluster) is not None, 60)
    assert committed(cluster) == {7: 70}
    end(cluster, 9, commit=True)
    assert committed(cluster) == {7: 70, 9: 90}
