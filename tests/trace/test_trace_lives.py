"""The life of a record as the brokers' rows tell it; with the clients' own in ``test_trace_clients.py``."""

from typing import Any

from cluster.members import alone

from actors.runtime.clock import Clock
from actors.runtime.recorder import Recorder
from actors.trace import Trace


def life(client: Any, offset: int, index: int = 0) -> Any:
    return Trace.of(client.cluster.world).record("t", index, offset)


def whats(found: Any) -> list[str]:
    return [step.what for step in found.steps]


def test_a_record_is_appended_replicated_committed_and_its_group_moves_on(start: Any) -> None:
    client = start()
    member = alone(client)
    client.say("t", b"a", b"b", b"c")
    client.wait_for_isr("t")
    assert member.commit({0: 2}) == 0
    found = life(client, 1)
    assert (found.first, found.last) == (0, 2)
    assert whats(found) == [
        "a request from outside the actors",
        "the request reaches the leader's node",
        "its turn at the replica (Append)",
        "appended by the leader at offsets 0 to 2",
        "appended by a follower",
        "appended by a follower",
        "committed: the high watermark is 3",
        "group g has committed offset 2",
    ]
    assert [step.time_us for step in found.steps] == sorted(step.time_us for step in found.steps)
    assert found.longest[0] in found.steps


def test_the_group_has_not_committed_what_comes_after_its_offset(start: Any) -> None:
    client = start()
    member = alone(client)
    client.say("t", b"a", b"b", b"c")
    assert member.commit({0: 2}) == 0
    assert not any("group" in what for what in whats(life(client, 2)))


def test_records_of_one_group_append_each_lead_to_their_own_request(start: Any) -> None:
    client = start()
    answers = [client.put_later("t", client.producer().batch(b"%d" % number)) for number in range(5)]
    client.cluster.wait_for(lambda: all(answers), 120)
    turns = set()
    for offset in range(5):
        found = life(client, offset)
        assert (found.first, found.last) == (offset, offset)
        turns.add(next(step.sequence for step in found.steps if step.what.startswith("its turn")))
    assert len(turns) == 5


def test_what_held_a_record_up_is_told_in_its_place(start: Any) -> None:
    client = start(config={"replica.lag.time.max.ms": "5000"})
    index, _, follower = client.led_elsewhere("t")
    client.cluster.faults.pause(follower)
    client.say("t", b"slow", index=index)
    found = life(client, 0, index)
    assert any("in-sync set shrinks from 3 to 2 replicas" in what for what in whats(found))
    assert [step.what for step in found.in_force] == [f"broker-{follower}#1 was paused"]
    step, wait_us = found.longest
    assert "in-sync set shrinks" in step.what or "is fenced" in step.what
    assert wait_us > 1_000_000
    assert "longest wait: " in str(found)


def test_a_record_that_was_lost_with_its_leader_is_told_so(start: Any) -> None:
    client = start()
    index, leader, _ = client.led_elsewhere("t")
    client.cluster.faults.partition({leader}, {1, 2, 3} - {leader})
    lost = client.put_later("t", client.producer().batch(b"lost"), index=index, acks=1)
    client.cluster.wait_for(lambda: lost, 120)
    client.cluster.wait_for(lambda: client.cluster.image(1).partition("t", index).leader != leader, 120)
    client.wait_for_leader("t", index, other_than=leader)
    client.say("t", b"kept", index=index)
    client.cluster.faults.heal()
    client.wait_for_isr("t", 3, index=index)
    found = life(client, 0, index)
    assert whats(found)[0] == "appended, and lost with a leader that failed"


def test_an_offset_that_nobody_wrote_is_told_so(start: Any) -> None:
    client = start()
    assert str(life(client, 0)).endswith("nothing was appended to t-0")
    client.say("t", b"a", b"b")
    assert str(life(client, 9)) == "t/0/9: the trace has nothing about offset 9: the last offset appended is 1"
    assert life(client, 9).to_dict()["steps"] == []


def test_a_record_of_long_ago_was_overwritten_and_that_is_said(start: Any) -> None:
    client = start(trace_rows=1024)
    for number in range(300):
        client.say("t", b"%d" % number)
    assert "history was overwritten: the first " in str(life(client, 0))


def test_a_life_whose_beginning_was_overwritten_says_so() -> None:
    rows = Recorder(Clock(True), 4)
    cause = rows.note(0, "Row", 0)
    for _ in range(4):
        cause = rows.note(rows.intern("broker-1#1/replica/t-0"), "Append", cause)
    rows.note(rows.intern("broker-1#1/replica/t-0"), "BatchAppended", cause, "t-0", 0, 0)
    found = Trace(rows).record("t", 0, 0)
    assert found.root is not None
    assert found.root.sort == "overwritten"
    assert "history was overwritten" in str(found)


def test_faults_that_were_undone_are_not_in_force(start: Any) -> None:
    client = start()
    faults = client.cluster.faults
    faults.pause(3)
    faults.slow(2, 10)
    faults.partition({2}, {3})
    faults.heal()
    faults.kill(2)
    faults.restart(2)
    faults.resume(3)
    faults.slow(1, 5)
    client.run(30)
    client.wait_for_isr("t")
    client.say("t", b"a")
    assert [step.what for step in life(client, 0).in_force] == ["links were slowed: [1] 5 ms"]
