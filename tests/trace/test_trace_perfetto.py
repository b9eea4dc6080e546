"""The trace-event format: what Perfetto needs to show nodes, actors, turns and the messages between them."""

import io
import json
from collections import defaultdict
from typing import Any

import pytest
from cluster.members import pair

from actors.runtime import Actor, Node, receives
from actors.runtime.world import World, real_world, virtual_world
from actors.trace import Trace
from actors.trace.perfetto import write
from kstore.named import NamedTuple

REQUIRED = {
    "M": {"name", "pid", "tid", "args"},
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "i": {"name", "ts", "pid", "tid", "s"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
}
ROUNDING_US = 0.002


class Ball(NamedTuple):
    left: int


class Thrower(Actor):
    other: Any = None

    @receives(Ball)
    def catch(self, message: Ball) -> None:
        self.note("Caught", "a-ball", message.left)
        if message.left:
            self.other.tell(Ball(message.left - 1))


def thrown(world: World, count: int) -> Trace:
    one, two = Thrower.start(Node(world, 1), "one"), Thrower.start(Node(world, 2), "two")
    one.actor_inbox.actor.other, two.actor_inbox.actor.other = two, one
    world.queue.run()
    world.queue.enter(0, "UserCall")
    one.tell(Ball(count))
    world.queue.leave()
    world.queue.run()
    return Trace.of(world)


def exported(trace: Trace) -> list[dict[str, Any]]:
    out = io.StringIO()
    count = write(trace.recording, out)
    document = json.loads(out.getvalue())
    assert len(document["traceEvents"]) == count
    return list(document["traceEvents"])


def check(events: list[dict[str, Any]]) -> None:
    """The rules of the format."""
    named: dict[str, set[Any]] = defaultdict(set)
    last: dict[Any, float] = defaultdict(float)
    ends: dict[Any, float] = defaultdict(float)
    slices: dict[Any, list[tuple[float, float]]] = defaultdict(list)
    for event in events:
        assert REQUIRED[event["ph"]] <= event.keys(), event
        if event["ph"] == "M":
            named[event["name"]].add(event["pid"] if event["name"] == "process_name" else (event["pid"], event["tid"]))
        if event["ph"] == "X":
            place = event["pid"], event["tid"]
            assert event["ts"] >= last[place], "times on a thread rise"
            assert event["ts"] >= ends[place] - ROUNDING_US, "slices of a thread don't overlap"
            assert event["dur"] >= 0
            last[place], ends[place] = event["ts"], event["ts"] + event["dur"]
            slices[place].append((event["ts"], ends[place]))
    for event in events:
        if event["ph"] != "M":
            assert event["pid"] in named["process_name"]
            assert (event["pid"], event["tid"]) in named["thread_name"]
    check_flows(events, slices)


def check_flows(events: list[dict[str, Any]], slices: dict[Any, list[tuple[float, float]]]) -> None:
    flows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["ph"] in "sf":
            flows[event["id"]].append(event)
    for both in flows.values():
        assert [event["ph"] for event in both] == ["s", "f"], "a flow has one beginning and one end"
        begin, end = both
        assert begin["ts"] <= end["ts"]
        assert (begin["name"], begin["cat"]) == (end["name"], end["cat"])
        assert begin["tid"] != end["tid"]
        for event in both:
            around = slices[event["pid"], event["tid"]]
            assert any(ts - ROUNDING_US <= event["ts"] <= stop + ROUNDING_US for ts, stop in around)


@pytest.mark.parametrize("make", [real_world, lambda: virtual_world(1)], ids=["real", "virtual"])
def test_turns_are_slices_and_messages_are_flows(make: Any) -> None:
    events = exported(thrown(make(), 50))
    check(events)
    assert sum(event["ph"] == "X" and event["name"] == "Ball" for event in events) == 51
    assert sum(event["ph"] == "i" and event["name"] == "Caught" for event in events) == 51
    flows = [event for event in events if event["ph"] == "f" and event["name"] == "Ball"]
    assert len(flows) == 51
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert names == {"broker-1#1", "broker-2#1", "one", "two", "outside"}


def test_a_cluster_at_work_obeys_the_rules_of_the_format(start: Any) -> None:
    client = start()
    pair(client)
    client.say("t", b"a", b"b")
    client.cluster.faults.kill(2)
    client.run(1)
    events = exported(Trace.of(client.cluster.world))
    check(events)
    assert any(event["name"] == "NodeKilled" for event in events)


def test_a_ring_that_was_overwritten_is_exported_from_its_first_row_on() -> None:
    events = exported(thrown(virtual_world(1, trace_rows=64), 500))
    check(events)
    assert sum(event["ph"] in "Xi" for event in events) == 64


def test_an_empty_trace_is_a_whole_document() -> None:
    assert exported(Trace.of(virtual_world(1))) == []
