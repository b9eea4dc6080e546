"""A node's channel to the controller: each line goes to the leader, and asks again as soon as there is one to ask."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from actors.cluster import Cluster
from actors.network.link import Disconnected
from actors.node.controller_channel import RETRY_MS_MAX, RETRY_MS_MIN, ControllerChannel
from kstore.errors import InvalidRequest, NotController
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsRequest, AllocateProducerIdsResponse

REQUEST = AllocateProducerIdsRequest(broker_id=1, broker_epoch=0)
ANSWER = AllocateProducerIdsResponse()
AGAIN = "again"


class FakeLink:
    def __init__(self, node_id: int) -> None:
        self.node_id = node_id
        self.sent: list[Any] = []
        self.closed = False

    def send(self, request: Any, reply: Any, **_: Any) -> None:
        self.sent.append(request)

    def close(self) -> None:
        self.closed = True


class FakeActor:
    def __init__(self, name: str) -> None:
        self.actor_urn = name
        self.links: list[FakeLink] = []
        self.told: list[object] = []
        self.actor_ref = SimpleNamespace(tell=self.told.append)

    def connect(self, node_id: int) -> FakeLink:
        self.links.append(FakeLink(node_id))
        return self.links[-1]

    def reply_here(self, *_: Any) -> None:
        return None


def line_of(channel: ControllerChannel, name: str = "asker"):
    actor: Any = FakeActor(name)
    return channel.connection(actor, AGAIN), actor


def asked(actor: Any) -> list[int]:
    """The nodes that were asked, in order of the first question to each connection."""
    return [link.node_id for link in actor.links]


def test_a_line_asks_the_first_voter_until_a_leader_is_known() -> None:
    line, actor = line_of(ControllerChannel([2, 3, 4]))
    line.send(REQUEST, print)
    line.send(REQUEST, print)
    assert asked(actor) == [2]
    assert len(actor.links[0].sent) == 2


def test_a_line_moves_to_a_new_leader_and_closes_the_old_connection() -> None:
    channel = ControllerChannel([2, 3, 4])
    line, actor = line_of(channel)
    line.send(REQUEST, print)
    channel.learned(4, 7)
    line.send(REQUEST, print)
    assert asked(actor) == [2, 4]
    assert [link.closed for link in actor.links] == [True, False]


@pytest.mark.parametrize(("leader_id", "epoch"), [(3, 6), (3, 7), (-1, 8)])
def test_what_is_older_or_names_nobody_isnt_learned(leader_id: int, epoch: int) -> None:
    channel = ControllerChannel([2, 3, 4])
    channel.learned(4, 7)
    channel.learned(leader_id, epoch)
    assert (channel.leader_id, channel.epoch) == (4, 7)


def test_who_waits_to_ask_again_is_told_of_a_new_leader_once_and_nobody_else_is() -> None:
    channel = ControllerChannel([2, 3, 4])
    waiting, waiter = line_of(channel, "waiting")
    idle, idler = line_of(channel, "idle")
    for line in (waiting, idle):
        line.send(REQUEST, print)
    assert not waiting.is_answered(Disconnected("broke"))
    waiting.retry_ms()
    channel.learned(3, 1)
    channel.learned(3, 2)
    assert (waiter.told, idler.told) == ([AGAIN], [])


def test_an_actor_made_anew_has_its_predecessors_line() -> None:
    channel = ControllerChannel([2])
    before, failed = line_of(channel)
    before.retry_ms()
    after, made_anew = line_of(channel)
    after.retry_ms()
    channel.learned(2, 1)
    assert (failed.told, made_anew.told) == ([], [AGAIN])


@pytest.mark.parametrize(
    "outcome", [Disconnected("broke"), AllocateProducerIdsResponse(error_code=NotController.code), NotController()]
)
def test_a_lost_link_and_a_node_that_isnt_the_controller_are_no_answer(outcome: object) -> None:
    line, _ = line_of(ControllerChannel([2]))
    assert not line.is_answered(outcome)


def test_it_waits_longer_after_each_failure_until_the_controller_answers_whatever_it_says() -> None:
    line, _ = line_of(ControllerChannel([2]))
    waits = []
    for _ in range(6):
        line.is_answered(NotController())
        waits.append(line.retry_ms())
    assert waits == [RETRY_MS_MIN, 100, 200, RETRY_MS_MAX, RETRY_MS_MAX, RETRY_MS_MAX]
    assert line.is_answered(AllocateProducerIdsResponse(error_code=InvalidRequest.code))
    line.is_answered(NotController())
    assert line.retry_ms() == RETRY_MS_MIN


def test_a_copy_that_reaches_nobody_looks_for_the_leader_at_each_voter_in_turn() -> None:
    channel = ControllerChannel([2, 3, 4])
    line, actor = line_of(channel)
    for _ in range(4):
        line.send(REQUEST, print)
        line.look_further()
    assert asked(actor) == [2, 3, 4, 2]


def test_looking_further_doesnt_leave_a_leader_that_others_have_learned_of() -> None:
    channel = ControllerChannel([2, 3, 4])
    line, _ = line_of(channel)
    line.send(REQUEST, print)
    channel.learned(4, 1)
    line.look_further()
    assert channel.leader_id == 4


def test_every_node_learns_who_leads_and_in_which_epoch_from_its_image() -> None:
    with Cluster(3, seed=4) as cluster:
        channels = [node.controller_channel for node in cluster.nodes.values()]
        cluster.wait_for(lambda: all(channel.epoch >= 1 for channel in channels))
        assert {(channel.leader_id, channel.epoch) for channel in channels} == {(1, channels[0].epoch)}
