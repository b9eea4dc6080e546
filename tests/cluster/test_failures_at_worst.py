"""Defects at the worst moment: twice in a row, in the middle of a boot or a stop; and what is kept of them."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from cluster.defects import Defect, Poke, containing, everything_is_well, poke, work
from cluster.test_contained_failures import KINDS

from actors.broker.broker import Broker
from actors.cluster import Cluster
from actors.controller.keeper import MetadataKeeper
from actors.coordinator.coordinator import Coordinator
from actors.partition.checkpoints import Checkpoint
from actors.partition.fetch.service import FetchService
from actors.partition.replica.damaged_log import DamagedLogOwner
from actors.partition.replica.log_owner import LogOwner
from actors.runtime import Actor
from actors.runtime.failures import Failures


@pytest.fixture
def cluster(seed: int) -> Iterator[Cluster]:
    yield from containing(seed)


def test_every_kind_of_actor_of_a_node_has_its_case() -> None:
    def below(kind: type[Actor]) -> set[type[Actor]]:
        return {kind} | {each for sub in kind.__subclasses__() for each in below(sub)}

    every = {kind for kind in below(Actor) if kind.__module__.startswith("actors.")}
    of_clients = {kind for kind in every if kind.__module__.startswith(("actors.clients", "actors.simulation"))}
    bases = {Actor, MetadataKeeper, LogOwner, DamagedLogOwner, Checkpoint}
    assert every - of_clients - bases - {Broker} == set(KINDS)


def test_a_boot_that_fails_halfway_is_tried_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    start, tried = Broker.start, []

    def fail_twice(*args: Any) -> Any:
        tried.append(1)
        if len(tried) <= 2:
            raise OSError(24, "Too many open files")
        return start(*args)

    work(cluster, b"before")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        monkeypatch.setattr(Broker, "start", fail_twice)
        poke(cluster, monkeypatch, Broker)
        cluster.run_for(5)
        work(cluster, b"after")
    assert len(tried) == 3
    assert cluster.is_ready()
    Failures.recent.clear()


def test_a_coordinator_that_failed_leaves_one_of_a_newer_epoch_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):  # from the second time on there is a while before it is made anew
            poke(cluster, monkeypatch, Coordinator)
            cluster.run_for(0.001)
        for broker in (1, 2, 3):
            cluster.faults.restart(broker)
            cluster.wait_for(lambda: cluster.is_ready() and everything_is_well(cluster), 60)
        work(cluster, b"after")
    assert {failure.ended for failure in cluster.failures} == {Coordinator.failure_scope}
    Failures.recent.clear()


def test_a_broker_that_fails_while_it_stops_holds_up_nobody(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(broker: Any) -> None:
        raise Defect("while it stops")

    monkeypatch.setattr(Broker, "replicas_stopped", fail)
    begun = cluster.now
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster.close()
    assert cluster.world.clock.now_ms() / 1000 - begun < 10
    assert {failure.ended for failure in cluster.failures} >= {f"broker-{n}#1; it is restarted at once" for n in (2, 3)}
    Failures.recent.clear()


def test_what_failed_is_told_as_text_and_kept_alive_by_nobody(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Large:
        pass

    kept: list[weakref.ref[Large]] = []

    def fail(actor: Any, message: object) -> object:
        large = Large()
        kept.append(weakref.ref(large))
        raise Defect("with something large in its frame")

    monkeypatch.setitem(FetchService.handlers, Poke, fail)
    service = next(actor for node in cluster.living() for actor in node.actors.values() if type(actor) is FetchService)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        service.ref.tell(Poke())
        cluster.run_for(1)
    gc.collect()
    assert kept[0]() is None
    assert "with something large" in cluster.failures[0].traceback
    Failures.recent.clear()
