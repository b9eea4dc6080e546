"""What docstrings promise is asserted: each bug here breaks one promise, and checked mode says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.partition.fetch import sessions
from actors.partition.fetch.session_cache import SessionCache
from actors.partition.fetch.sessions import FetchSession, PendingFetch
from actors.partition.leader.in_sync import InSyncSet
from actors.partition.leader.leader import Leader
from actors.partition.leader.serving import Serving
from actors.partition.leader.waiting import WaitingAppend, WaitingAppends
from actors.runtime import Actor, Node, receives
from actors.runtime.driver import NodeCrashed
from actors.runtime.timers import Alarm, Timer
from actors.runtime.world import World, virtual_world
from kstore import Cluster, checked

Patch = pytest.MonkeyPatch


def before(patch: Patch, owner: type, name: str, bug: Callable[..., None]) -> None:
    """Have a method do something wrong, then what it does."""
    method = getattr(owner, name)

    def changed(self: Any, *args: Any, **keywords: Any) -> Any:
        bug(self)
        return method(self, *args, **keywords)

    patch.setattr(owner, name, changed)


def after(patch: Patch, owner: type, name: str, bug: Callable[..., None]) -> None:
    """Have a method do what it does, then something wrong."""
    method = getattr(owner, name)

    def changed(self: Any, *args: Any, **keywords: Any) -> Any:
        outcome = method(self, *args, **keywords)
        bug(self)
        return outcome

    patch.setattr(owner, name, changed)


def forget_what_was_left(self: PendingFetch, session: FetchSession, _left_over: object) -> None:
    session.fetch = None
    for cached in self.partitions.values():
        cached.state = sessions.DUE


def lead_without_being_in_sync(self: InSyncSet) -> None:
    self.committed = self.maximal = tuple(node for node in self.committed if node != self.node)


def count_too_many(self: Any) -> None:
    self.partitions += 1


def stop_the_alarm(self: Leader) -> None:
    if self.expiry is not None:
        self.expiry.stop()


def ask_one_more(self: PendingFetch) -> None:
    self.unanswered += 1


BUGS: dict[str, Callable[[Patch], None]] = {
    "an append that has what it needs is answered": lambda patch: patch.setattr(
        WaitingAppends, "pass_to", lambda *_: []
    ),
    "a read that finds something is answered": lambda patch: patch.setattr(Serving, "grown", lambda *_: None),
    "an alarm is set for appends": lambda patch: after(patch, Leader, "_answer_when_committed", stop_the_alarm),
    "who leads is in sync": lambda patch: after(patch, InSyncSet, "_take", lead_without_being_in_sync),
    "a partition that isn't parked, asked or answered is due": lambda patch: patch.setattr(
        PendingFetch, "_release", forget_what_was_left
    ),
    "a session has": lambda patch: patch.setattr(PendingFetch, "_release", lambda *_: None),
    "who was asked and hasn't answered counts": lambda patch: after(patch, PendingFetch, "ask", ask_one_more),
    "partitions count": lambda patch: before(patch, SessionCache, "open", count_too_many),
}


def use_a_cluster() -> None:
    with Cluster(3, seed=1) as cluster:
        cluster.create_topic("orders", partitions=2, replication_factor=3)
        consumer = cluster.consumer("orders", auto_offset_reset="earliest")
        producer = cluster.producer(acks="all")
        for number in range(10):
            producer.send("orders", b"%d" % number).get(timeout=30)
            consumer.poll(100)
        cluster.run_for(5)


def test_a_cluster_keeps_its_promises() -> None:
    with checked.turned_on():
        use_a_cluster()


@pytest.mark.parametrize("promise", BUGS)
def test_a_bug_in_a_cluster_is_caught_by_the_promise_that_it_breaks(promise: str, monkeypatch: Patch) -> None:
    BUGS[promise](monkeypatch)
    with checked.turned_on(), pytest.raises(NodeCrashed) as caught:
        use_a_cluster()
    assert isinstance(caught.value.__cause__, AssertionError)
    with pytest.raises(AssertionError, match=promise):
        raise caught.value.__cause__


def test_appends_that_wait_out_of_order_are_caught() -> None:
    waiting = WaitingAppends()
    for required in (5, 9):
        waiting.add(WaitingAppend(required, 100, None, None))
    waiting.check(4)
    waiting.queue.reverse()
    with pytest.raises(AssertionError, match="in the order"):
        waiting.check(4)


def in_sync_set() -> InSyncSet:
    return InSyncSet(
        1,
        leader_epoch=3,
        partition_epoch=0,
        epoch_start_offset=0,
        replicas=(1, 2, 3),
        isr=(1, 2),
        min_in_sync=1,
        lag_max_ms=100,
        now_ms=0,
        broker_epoch_of=lambda _: 7,
    )


@pytest.mark.parametrize(
    ("name", "value", "promise"),
    [
        ("maximal", (1, 2, 3), "without a change under way there is one set"),
        ("committed", (1, 2, 3), "all that are in sync count"),
        ("replicas", (1, 3), "only replicas are in sync"),
        ("followers", {}, "the others are followed"),
        ("needed", 2, "as many are needed as there can be"),
        ("is_short", True, "it is known whether too few are in sync"),
    ],
)
def test_an_in_sync_set_that_is_wrong_is_caught(name: str, value: object, promise: str) -> None:
    known = in_sync_set()
    known.check()
    setattr(known, name, value)
    with pytest.raises(AssertionError, match=promise):
        known.check()


def test_a_second_change_of_the_in_sync_set_under_way_is_caught() -> None:
    known = in_sync_set()
    assert known.shrink(10, 1000) is not None
    known.check()
    with pytest.raises(AssertionError, match="one change at a time"):
        known._propose((1,), None, (2,))


@pytest.fixture
def world() -> Iterator[World]:
    found = virtual_world(1)
    yield found
    found.driver.close()


class Work:
    """A message."""


class Worker(Actor):
    """Has its inbox put into the run queue once more, which is there already when more waits."""

    @receives(Work)
    def work(self, _: Work) -> None:
        self.node.world.queue.release(self.inbox)


def test_an_actor_that_is_in_the_run_queue_twice_is_caught(world: World) -> None:
    worker = world.driver.call(Worker.start, Node(world, 1), "worker")

    def send() -> None:
        for _ in range(3):
            worker.tell(Work())

    world.driver.call(send)
    with checked.turned_on(), pytest.raises(AssertionError, match="an actor is in the run queue once"):
        world.queue.run()


def test_an_actor_that_was_not_held_cannot_be_let_go(world: World) -> None:
    worker = world.driver.call(Worker.start, Node(world, 1), "worker")
    world.queue.run()
    with pytest.raises(AssertionError, match="wasn't held"):
        world.queue.release(worker.actor_inbox)


def test_a_cause_that_comes_after_what_it_led_to_is_caught(world: World) -> None:
    with pytest.raises(AssertionError, match="a cause comes before"):
        world.recorder.note(0, "Noted", world.recorder.next_sequence)


def test_a_name_that_is_let_go_too_often_is_caught(world: World) -> None:
    number = world.recorder.intern("worker")
    world.recorder.release(number)
    with pytest.raises(AssertionError, match="as often as it was asked for"):
        world.recorder.release(number)


def test_a_row_that_speaks_of_nobody_is_caught(world: World) -> None:
    world.recorder.note(0, "Noted", 0)
    world.recorder.check()
    world.recorder.note(1000, "Noted", 0)
    with pytest.raises(AssertionError, match="a name that a row speaks of"):
        world.recorder.check()


def count_twice(timer: Timer) -> None:
    timer.timers.cancelled += timer.action is not None


def test_a_cancelled_timer_that_is_counted_twice_is_caught(world: World, monkeypatch: Patch) -> None:
    before(monkeypatch, Timer, "cancel", count_twice)
    world.timers.at(2_000_000, lambda: None)
    world.timers.at(3_000_000, lambda: None).cancel()
    with pytest.raises(AssertionError, match="cancelled ones are counted"):
        world.timers.check()


def test_a_timer_behind_a_later_one_is_caught(world: World) -> None:
    for deadline_us in (1000, 2000, 3000):
        world.timers.at(deadline_us, lambda: None)
    world.timers.check()
    world.timers.heap.reverse()
    with pytest.raises(AssertionError, match="the next one is at the head"):
        world.timers.check()


def test_an_alarm_that_would_ring_late_is_caught(world: World) -> None:
    alarm = Alarm(world.timers, 1000, lambda: None)
    alarm.at(500, 0)
    alarm.due = 400
    with pytest.raises(AssertionError, match="runs out by the time"):
        alarm.is_over(400)
