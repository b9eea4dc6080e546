"""Defects that are put into actors, and what a cluster must be able to do all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from actors.cluster import Cluster
from actors.runtime import Actor
from actors.runtime.failures import Failures

TOPIC, PARTITIONS = "orders", 6


class Defect(Exception):
    """What is put in."""


class Poke:
    """A message that is about nothing."""


def containing(seed: int) -> Iterator[Cluster]:
    """Three brokers on virtual time that contain what they meet, as those of a user do in real time."""
    with Cluster(3, seed=seed, config={"log.scrub.bytes.per.second": "1000000"}) as cluster:
        cluster.world.strict = False
        cluster.create_topic(TOPIC, PARTITIONS, 3)
        yield cluster
        Failures.recent.clear()


def work(cluster: Cluster, value: bytes) -> None:
    """A user's round: one record to each partition by all replicas, read by a group, committed, and seen so."""
    with cluster.producer(acks="all") as producer:
        sent = [producer.send(TOPIC, value, partition=number) for number in range(PARTITIONS)]
        offsets = {one.get(timeout=60).partition: one.get().offset for one in sent}
    with cluster.consumer(TOPIC, group_id="shipping", auto_offset_reset="earliest") as consumer:
        seen: set[Any] = set()
        while len(seen) < PARTITIONS:
            record = next(consumer)
            if record.value == value:
                seen.add((record.partition, record.offset))
        consumer.commit()
    assert seen == set(offsets.items())


def everything_is_well(cluster: Cluster) -> bool:
    return all(
        cluster.leader(TOPIC, number) > 0 and len(cluster.isr(TOPIC, number)) == 3 for number in range(PARTITIONS)
    )


def poke(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, kind: type[Actor]) -> list[Actor]:
    """Have a turn of one actor of a kind raise that is about nothing."""
    failed: list[Actor] = []

    def fail(actor: Any, message: object) -> object:
        failed.append(actor)
        raise Defect(f"put into {actor.actor_urn}")

    monkeypatch.setitem(kind.handlers, Poke, fail)
    actor = next(actor for node in cluster.living() for actor in node.actors.values() if type(actor) is kind)
    cluster.world.driver.call(actor.ref.tell, Poke())
    return failed
