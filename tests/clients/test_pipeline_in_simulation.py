"""The pipeline of ``docs/delivery.md`` on virtual time: its worker is killed, or cut off, at every message boundary.

A boundary is between two turns of the cluster's actors: brokers, coordinators, replicas and the worker's own clients.
A turn is one message handled. With the same seed a run is the same up to the boundary, so each of those of an
undisturbed run is tried: from the start of the worker, before it has joined its group, to the end of its ``close()``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest
from clients.consuming import crash
from clients.pipeline import (
    AT_LEAST,
    EXACTLY,
    GROUP,
    PORTION,
    ByKey,
    begin,
    consumer_of,
    due,
    invoices,
    producer_of,
    size,
    without_repetitions,
    work,
)
from clients.transacting import CLASSIC, LATER, set_level

from actors.clients.errors import WokenUp
from kstore import Cluster
from kstore.errors import KafkaError
from kstore.named import NamedTuple

COUNT = 2 * PORTION
SEED = 1
CONFIG = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000"}
"""So that the transaction of a worker that doesn't come back ends soon after its two seconds."""
BOUNDARIES_LEAST = 150
LOOK_EVERY_S = 0.005
WORKS_FOR_S_MAX = 60
GOES_ON_FOR_S = 5
"""How long a worker that was cut off may go on: its requests fail, and it joins its group again, or ends."""

Fault = Callable[[Cluster, "Worker"], object]


class Worker:
    """A worker as a program of its own beside others; a fault hits it after so many turns, or never (0)."""

    def __init__(self, cluster: Cluster, recipe: str, number: int, fault: Fault, boundary: int = 0) -> None:
        self.cluster = cluster
        self.recipe = recipe
        self.fault = fault
        self.boundary = boundary
        self.turns = 0
        self.hit = self.ended = False
        self.error: KafkaError | None = None
        self.consumer = consumer_of(cluster)
        self.producer = producer_of(cluster, recipe, number)

    def run(self) -> None:
        try:
            self.work()
        except KafkaError as error:
            if not self.hit:
                raise
            self.error = error
        self.ended = True

    def work(self) -> None:
        with suppress(WokenUp):
            work(self.recipe, self.consumer, self.producer)
        self.consumer.close()
        self.producer.close()

    def after_turn(self) -> None:
        if not self.hit and not self.ended:
            self.turns += 1
            if self.turns == self.boundary:
                self.hit = True
                self.fault(self.cluster, self)

    def go(self) -> None:
        """Work until it is hit, or all orders are done."""
        self.began = self.cluster.now
        self.cluster.world.driver.after_event = self.after_turn  # type: ignore[attr-defined]
        self.cluster.spawn(self.run)
        while not self.hit and sum(self.cluster.committed(GROUP).values()) < COUNT:
            assert self.cluster.now < self.began + WORKS_FOR_S_MAX, f"committed: {self.cluster.committed(GROUP)}"
            self.cluster.run_for(LOOK_EVERY_S)
        if not self.hit:
            self.consumer.wakeup()
            self.cluster.run_until(lambda: self.hit or self.ended)
        self.cluster.world.driver.after_event = None  # type: ignore[attr-defined]


def kill(cluster: Cluster, worker: Worker) -> None:
    """SIGKILL: both of its clients are gone."""
    crash(cluster, worker.consumer)
    crash(cluster, worker.producer)


def cut_off(cluster: Cluster, worker: Worker) -> None:
    """Nothing passes any more between its clients and the brokers."""
    for client in (worker.consumer, worker.producer):
        cluster.faults.partition(client, cluster.node_ids)


class Outcome(NamedTuple):
    """What came of a run: the turns of the worker, the invoices, how many a transaction took back, and how a worker
    that was cut off ended.
    """

    turns: int
    found: ByKey
    aborted: int
    error: str


class Case(NamedTuple):
    """What happens to a worker, and who goes on after it: the same one again (1), or another one (2)."""

    recipe: str
    fault: Fault
    next_one: int
    level: int = LATER


def outcome(case: Case, brokers: int, boundary: int) -> Outcome:
    """Of a run in which the worker is hit at a boundary; at 0 it isn't."""
    with Cluster(brokers, seed=SEED, config=CONFIG) as cluster:
        set_level(cluster, case.level)
        begin(cluster, COUNT, brokers)
        worker = Worker(cluster, case.recipe, 1, case.fault, boundary)
        worker.go()
        assert worker.hit == bool(boundary), "a seeded run is the same up to the boundary"
        if worker.ended:  # it was hit as it left: the next one's clients have the names that were cut off
            cluster.faults.heal()
        if worker.hit:
            Worker(cluster, case.recipe, case.next_one, case.fault).go()
        cluster.faults.heal()
        if case.fault is cut_off:
            cluster.run_for(GOES_ON_FOR_S)
        found = invoices(cluster)
        aborted = len(cluster.records("invoices")) - size(found)
        return Outcome(worker.turns, found, aborted, type(worker.error).__name__ if worker.error else "")


def outcomes(case: Case, brokers: int, step: int = 1) -> Iterable[Outcome]:
    """Those of all boundaries, or of some; nothing is lost in any, and the order of each key is kept."""
    boundaries = outcome(case, brokers, 0).turns
    assert boundaries >= BOUNDARIES_LEAST, "a worker has joined, read, sent, committed and left"
    print(f"{case.fault.__name__}, {case.recipe}, {brokers} brokers: {boundaries} boundaries")
    for boundary in range(1, boundaries + 1, step):
        try:
            found = outcome(case, brokers, boundary)
            assert without_repetitions(found.found) == due(COUNT)
        except BaseException as error:
            error.add_note(f"{case} with {brokers} brokers, hit at boundary {boundary} of {boundaries}")
            raise
        yield found


def repeated(one: Outcome) -> int:
    return size(one.found) - COUNT


def in_full(*values: object) -> object:
    """A case for the long tests alone."""
    return pytest.param(*values, marks=pytest.mark.full)


@pytest.mark.parametrize(
    ("level", "brokers", "step"),
    [(LATER, 1, 1), (CLASSIC, 1, 8), in_full(CLASSIC, 1, 1), in_full(LATER, 3, 1), in_full(CLASSIC, 3, 1)],
)
def test_a_worker_that_is_killed_at_any_boundary_leaves_each_result_once(level: int, brokers: int, step: int) -> None:
    all_of_them = list(outcomes(Case(EXACTLY, kill, 1, level), brokers, step))
    assert [one for one in all_of_them if repeated(one)] == []
    hurt = sum(1 for one in all_of_them if one.aborted)
    print(f"  in {hurt} of {len(all_of_them)} runs a transaction with results was aborted")
    assert hurt


@pytest.mark.parametrize(("brokers", "step"), [(1, 4), in_full(1, 1), in_full(3, 1)])
def test_at_least_once_the_same_kills_leave_duplicates_and_lose_nothing(brokers: int, step: int) -> None:
    all_of_them = list(outcomes(Case(AT_LEAST, kill, 1), brokers, step))
    twice = [repeated(one) for one in all_of_them if repeated(one)]
    print(f"  in {len(twice)} of {len(all_of_them)} runs there are duplicates, up to {max(twice)}")
    assert max(twice) == PORTION


@pytest.mark.parametrize(("brokers", "step"), [(1, 16), in_full(1, 1), in_full(3, 1)])
def test_another_worker_takes_over_at_any_boundary_once_the_transaction_has_timed_out(brokers: int, step: int) -> None:
    all_of_them = list(outcomes(Case(EXACTLY, kill, 2), brokers, step))
    assert [one for one in all_of_them if repeated(one)] == []
    assert any(one.aborted for one in all_of_them)


@pytest.mark.parametrize(("brokers", "step"), [(1, 16), in_full(1, 1), in_full(3, 1)])
def test_a_worker_that_only_seemed_dead_and_goes_on_adds_no_result(brokers: int, step: int) -> None:
    all_of_them = list(outcomes(Case(EXACTLY, cut_off, 2), brokers, step))
    assert [one for one in all_of_them if repeated(one)] == []
    print(f"  how it ended: {dict(Counter(one.error or 'goes on' for one in all_of_them))}")
    assert any(one.error for one in all_of_them)
