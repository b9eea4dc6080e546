"""Why a node leads, asked of real runs: by making, failover, a session's end, an orderly shutdown, preference."""

from typing import Any

import pytest

from actors.trace import Trace
from actors.trace.leaders import Leadership, broker_of


def why(client: Any, index: int = 0) -> Leadership:
    return Trace.of(client.cluster.world).why_leader("t", index)


def whats(found: Leadership) -> list[str]:
    return [step.what for step in found.steps]


def test_a_new_partition_is_led_as_it_was_made(start: Any) -> None:
    client = start()
    client.wait_for_leader("t")
    found = why(client)
    assert (found.kind, found.leader, found.epoch) == ("created", client.leader("t"), 0)
    assert "topic t is created with 2 partitions" in whats(found)


def test_a_leader_that_was_killed_is_why_another_leads(start: Any) -> None:
    client = start()
    index, dead, _ = client.led_elsewhere("t")
    client.wait_for_leader("t", index)
    client.cluster.faults.kill(dead)
    now = client.wait_for_leader("t", index, other_than=dead)
    found = why(client, index)
    assert (found.kind, found.leader, found.before, found.epoch) == ("failover", now, dead, 1)
    assert found.root is not None
    assert (found.root.sort, found.root.what) == ("fault", f"broker-{dead}#1 was killed")
    assert whats(found)[:3] == [
        f"broker-{dead}#1 was killed",
        f"broker {dead} is fenced: its process ended",
        f"broker {now} is elected leader of t-{index}",
    ]
    assert "leads in epoch 1" in whats(found)[3]


def test_a_paused_leader_loses_its_session_and_the_pause_is_named(start: Any) -> None:
    client = start()
    index, hung, _ = client.led_elsewhere("t")
    client.cluster.faults.pause(hung)
    now = client.wait_for_leader("t", index, other_than=hung)
    found = why(client, index)
    assert (found.kind, found.leader) == ("failover", now)
    assert found.why.startswith(f"broker {hung} was fenced: it sent no heartbeat for its session timeout")
    assert found.root is not None
    assert found.root.what == f"broker-{hung}#1 was paused"


def test_a_leader_that_is_cut_off_loses_its_session_and_the_cut_is_named(start: Any) -> None:
    client = start()
    index, lonely, _ = client.led_elsewhere("t")
    others = {1, 2, 3} - {lonely}
    client.cluster.faults.partition({lonely}, others)
    client.cluster.wait_for(lambda: client.cluster.image(1).partition("t", index).leader != lonely, 120)
    found = why(client, index)
    assert found.kind == "failover"
    assert found.root is not None
    assert found.root.what.startswith(f"the links between [{lonely}] ")


def test_a_partition_that_nobody_can_lead_says_so_and_for_how_long(start: Any) -> None:
    client = start()
    client.create("alone", copies=1)
    leader = client.leader("alone")
    if leader == 1:
        pytest.skip("the controller's node leads it with this seed")
    client.cluster.faults.kill(leader)
    client.cluster.wait_for(lambda: client.leader("alone") == -1, 120)
    trace = Trace.of(client.cluster.world)
    lost = trace.why_leader("alone", 0)
    assert (lost.leader, lost.before, lost.kind) == (-1, leader, "failover")
    assert str(lost).startswith("no broker leads alone-0 in epoch 1: ")
    client.cluster.faults.restart(leader)
    client.wait_for_leader("alone")
    back = trace.why_leader("alone", 0)
    assert (back.leader, back.epoch, back.kind) == (leader, 2, "return")
    assert "there was no leader for " in back.why


def test_the_preferred_replica_gets_the_lead_back(start: Any) -> None:
    client = start(config={"leader.imbalance.check.interval.seconds": "5"})
    index, preferred, _ = client.led_elsewhere("t")
    client.cluster.faults.kill(preferred)
    client.wait_for_leader("t", index, other_than=preferred)
    client.cluster.faults.restart(preferred)
    client.cluster.wait_for(lambda: client.leader("t", index) == preferred, 120)
    found = why(client, index)
    assert (found.kind, found.leader) == ("preferred", preferred)
    assert found.before != preferred
    assert found.root is not None
    assert (found.root.sort, "BalanceLeaders" in found.root.what) == ("timer", True)


def test_an_unclean_election_is_called_one(start: Any) -> None:
    client = start()
    client.create("u", partitions=6, copies=2, unclean_leader_election_enable="true")
    partitions = client.cluster.image().topics["u"].partitions
    index = next(number for number, each in sorted(partitions.items()) if 1 not in each.replicas)
    leader, (follower,) = client.leader("u", index), client.followers("u", index)
    client.cluster.faults.kill(follower)
    client.wait_for_isr("u", 1, index=index)
    client.say("u", b"only here", index=index)
    client.cluster.faults.kill(leader)
    client.cluster.faults.restart(follower)
    client.wait_for_leader("u", index, other_than=leader)
    found = Trace.of(client.cluster.world).why_leader("u", index)
    assert (found.leader, found.unclean, found.kind) == (follower, True, "return")
    assert "the election was unclean" in str(found)


def test_a_partition_that_was_added_is_led_since_then(start: Any) -> None:
    client = start()
    client.add_partitions("t", 4)
    client.run(1)
    found = why(client, 3)
    assert (found.kind, found.leader) == ("created", client.leader("t", 3))
    assert "topic t grows from 2 to 4 partitions" in whats(found)


def test_of_a_partition_that_never_was_nothing_is_told(start: Any) -> None:
    found = Trace.of(start().cluster.world).why_leader("none", 0)
    assert found.leader is None
    assert str(found) == "none-0: the trace has nothing about its leader"
    assert found.to_dict()["leader"] is None


def test_who_was_elected_before_the_first_row_is_not_guessed(start: Any) -> None:
    client = start(trace_rows=512)
    client.run(60)
    for number in range(60):
        client.say("t", b"%d" % number)
    found = why(client)
    assert found.leader is None
    assert "history was overwritten" in str(found)


@pytest.mark.parametrize(
    ("actor", "broker"), [("broker-12#3/replica/t-0", 12), ("client--1#1/c", None), ("", None), ("broker-x", None)]
)
def test_a_brokers_id_is_read_from_its_actors_names(actor: str, broker: int | None) -> None:
    assert broker_of(actor) == broker
