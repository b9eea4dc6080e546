"""Who had how much to do: what an actor received, sent and noted, the slowest turns and the deepest queues."""

from typing import Any

import pytest

from actors.cluster import Cluster
from actors.runtime import Actor, Node, receives
from actors.runtime.trace_rows import row_line, trace_end
from actors.runtime.world import real_world, virtual_world
from actors.trace import Trace
from actors.trace.actor_load import UnknownActor
from actors.trace.printing import milliseconds, row_dict
from kstore.named import NamedTuple


class Work(NamedTuple):
    us: int
    passes: int = 0


class Worker(Actor):
    """Keeps its turn so long, then passes on as many messages as it was told."""

    other: Any = None

    @receives(Work)
    def work(self, message: Work) -> None:
        end_us = self.now_us() + message.us
        while not self.node.world.virtual and self.now_us() < end_us:
            pass
        for _ in range(message.passes):
            self.other.tell(Work(0))
        self.note("Worked", "", message.us)


def worked(world: Any) -> Trace:
    node = Node(world, 1)
    one, two = Worker.start(node, "one"), Worker.start(node, "two")
    one.actor_inbox.actor.other = two
    world.queue.run()
    for work in (Work(4000, 3), Work(0, 0), Work(2000, 2)):
        one.tell(work)
    world.queue.run()
    return Trace.of(world)


def test_an_actors_turns_messages_and_notes_are_counted() -> None:
    load = worked(virtual_world(1)).actor("broker-1#1/one")
    assert {kind: tally.count for kind, tally in load.received.items()} == {"_Start": 1, "Work": 3}
    assert load.sent == {("broker-1#1/two", "Work"): 5}
    assert load.notes == {"Worked": 3}
    assert load.senders == {"outside": 4}
    assert (load.turns, load.deepest) == (4, 2)


def test_calls_from_outside_are_counted_and_the_last_is_dated() -> None:
    world = virtual_world(1)
    worker = Worker.start(Node(world, 1), "one")
    for _ in range(2):
        world.queue.enter(worker.actor_inbox.actor_id, "Producer.send")
        worker.tell(Work(0))
        world.queue.leave()
    world.clock.advance_to(5_000_000)
    world.queue.run()
    load = Trace.of(world).actor("one")
    assert (load.calls["Producer.send"].count, load.last_calls["Producer.send"], load.end_us) == (2, 0, 5_000_000)
    assert "called Producer.send 2 times, the last 5000.000 ms ago" in str(load)


def test_a_part_of_a_name_is_enough_if_one_actor_has_it() -> None:
    trace = worked(virtual_world(1))
    assert trace.actor("two").senders == {"broker-1#1/one": 5, "outside": 1}
    with pytest.raises(UnknownActor, match="2 actors have 'broker' in their names: broker-1#1/one, broker-1#1/two"):
        trace.actor("broker")
    with pytest.raises(UnknownActor, match="no actor of this trace has 'three' in its name; there are broker-1#1/one"):
        trace.actor("three")


def test_the_slowest_turns_come_first() -> None:
    trace = worked(real_world())
    turns = trace.slowest(100)
    assert [turn.took_us for turn in turns] == sorted((turn.took_us for turn in turns), reverse=True)
    assert trace.slowest(2) == turns[:2]
    load = trace.actor("one")
    slow = [turn for turn in load.slowest() if turn.kind == "Work" and turn.took_us >= 2000]
    assert len(slow) >= 2
    assert slow[0].took_us >= 4000
    assert load.busy_us >= 6000
    assert load.received["Work"].most_us == slow[0].took_us
    assert "slowest turns:" in str(load)


def test_the_deepest_queue_of_each_actor_comes_once() -> None:
    deepest = worked(real_world()).deepest()
    assert [(turn.actor, turn.depth) for turn in deepest] == [("broker-1#1/two", 4), ("broker-1#1/one", 2)]


def test_on_virtual_time_no_turn_is_slow() -> None:
    assert worked(virtual_world(1)).slowest() == []


def test_answers_are_for_json_too() -> None:
    trace = worked(virtual_world(1))
    told = trace.actor("one").to_dict()
    assert told["sent"] == [{"to": "broker-1#1/two", "kind": "Work", "count": 5}]
    assert trace.deepest(1)[0].to_dict().keys() == {"row", "time_us", "actor", "kind", "took_us", "depth"}


def test_actors_are_named_in_the_order_of_their_first_turn() -> None:
    assert worked(real_world()).actors() == ["broker-1#1/one", "broker-1#1/two"]


def test_messages_that_cross_the_network_count_as_sent(start: Any) -> None:
    client = start()
    client.say("t", b"a")
    fetchers = [name for name in Trace.of(client.cluster.world).actors() if "fetcher" in name]
    sent = {kind for name in fetchers for _, kind in Trace.of(client.cluster.world).actor(name).sent}
    assert "Requested" in sent


def test_the_end_of_a_trace_is_told_line_by_line() -> None:
    trace = worked(virtual_world(1))
    recorder: Any = trace._source
    lines = trace_end(recorder, 3).splitlines()
    assert len(lines) == 4
    assert lines[-1].endswith(("broker-1#1/one Worked 2000", "broker-1#1/one Worked 0", "broker-1#1/two Worked 0"))


def test_heartbeats_and_what_comes_of_them_are_left_out_of_the_end_of_a_trace() -> None:
    with Cluster(2, seed=1) as cluster:
        cluster.run_for(20)
        cluster.faults.kill(2)
        cluster.run_for(20)
        lines = trace_end(cluster.world.recorder).splitlines()
    assert any("NodeKilled" in line for line in lines)
    assert not any("_Beat" in line or "CheckSessions" in line for line in lines)
    assert lines[-1].split()[0].startswith("-")


def test_a_row_says_what_it_has_and_nothing_that_it_has_not() -> None:
    world = virtual_world(1)
    world.recorder.note(0, "BatchAppended", 0, "t-0", 3, 7)
    world.recorder.note(0, "MemberLeft", 1, "g", subject="leave of a")
    first, second = Trace.of(world).recording.rows()
    assert row_line(first) == "    0.000000        1 <- 0       - BatchAppended t-0 3..7"
    assert row_line(second) == "    0.000000        2 <- 1       - MemberLeft g (leave of a)"
    assert row_dict(second)["subject"] == "leave of a"
    assert row_dict(second)["sort"] == "note"


@pytest.mark.parametrize(("us", "text"), [(0, "0.000 ms"), (1234, "1.234 ms"), (12_345_678, "12.346 s")])
def test_times_are_told_in_milliseconds_and_long_ones_in_seconds(us: int, text: str) -> None:
    assert milliseconds(us) == text
