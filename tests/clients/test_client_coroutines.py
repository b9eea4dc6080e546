"""What all clients are made of: requests to brokers that are retried, cancelled, and survive their brokers."""

from __future__ import annotations

from typing import Any

import pytest

from actors.clients.actor import GROUP
from actors.clients.client import Client, ClientActor
from actors.clients.coroutine import Gate, SendTo, Wait
from actors.clients.errors import ClientClosed, KafkaTimeout
from actors.clients.keywords.table import AdminConfig
from actors.clients.transport import InProcessTransport
from actors.image.topic_names import OFFSETS_TOPIC
from actors.network.link import Disconnected
from actors.runtime.coroutine import Eventually, Pause
from kstore import Cluster
from kstore.schema.messages.metadata import MetadataRequest


class Asker(Client):
    """A client with nothing but what all have."""

    def __init__(self, cluster: Cluster, **keywords: Any) -> None:
        super().__init__(InProcessTransport(cluster.net, cluster.node_ids, "asker"))
        self._calls.ref = ClientActor.start(self._transport.node, "asker", self._transport, AdminConfig.parse(keywords))
        self.actor: ClientActor = self._calls.ref.actor_inbox.actor

    def run(self, coroutine: Any, *args: Any, timeout_s: float = 20) -> Any:
        return self._calls.run("run", coroutine, *args, timeout_s=timeout_s)


@pytest.fixture
def cluster():
    with Cluster(3, seed=5) as found:
        yield found


def test_the_leader_of_a_partition_is_found(cluster) -> None:
    cluster.create_topic("t", partitions=2, replication_factor=3)
    asker = Asker(cluster)
    assert asker.run(asker.actor.leader, "t", 1) == cluster.leader("t", 1)


def test_a_leader_is_waited_for_until_the_time_is_over(cluster) -> None:
    asker = Asker(cluster)
    with pytest.raises(KafkaTimeout, match="run was not done in 3 seconds"):
        asker.run(asker.actor.leader, "no-such-topic", 0, timeout_s=3)


def test_the_coordinator_of_a_group_is_found_and_remembered(cluster) -> None:
    asker = Asker(cluster)
    found = asker.run(asker.actor.coordinator, "g")
    assert found in cluster.node_ids
    assert asker.actor.coordinators == {(GROUP, "g"): found}


def test_when_its_broker_dies_a_coordinator_is_looked_for_anew(cluster) -> None:
    cluster.create_topic("t", partitions=1, replication_factor=3)
    asker = Asker(cluster)
    found = next(node for index in range(50) if (node := asker.run(asker.actor.coordinator, f"g{index}")) != 1)
    group = next(name for (_, name), node in asker.actor.coordinators.items() if node == found)
    cluster.kill_node(found)

    def ask_the_dead() -> Eventually[Any]:
        return (yield SendTo(found, MetadataRequest(topics=[])))

    assert isinstance(asker.run(ask_the_dead), Disconnected)
    offsets = cluster.image().topics[OFFSETS_TOPIC].partitions
    cluster.wait_for(lambda: all(cluster.leader(OFFSETS_TOPIC, number) != found for number in offsets))
    assert asker.run(asker.actor.coordinator, group) != found


def test_a_broker_that_did_not_answer_is_asked_again_only_when_nobody_else_answers(cluster) -> None:
    asker = Asker(cluster, request_timeout_ms=1_000)
    asker.run(asker.actor.metadata.refresh)
    cluster.faults.pause(2)
    began = cluster.now
    for _ in range(20):
        asker.run(asker.actor.metadata.refresh)
    assert cluster.now - began < 2.5, "one request at most waited for the broker that says nothing"
    cluster.faults.pause(1)
    cluster.faults.pause(3)
    with pytest.raises(KafkaTimeout):
        asker.run(asker.actor.metadata.refresh, timeout_s=5)
    cluster.faults.resume(2)
    asker.run(asker.actor.metadata.refresh)


def test_metadata_is_asked_for_once_however_many_want_it_at_once(cluster) -> None:
    asker = Asker(cluster)
    asker.run(asker.actor.metadata.refresh)

    def many() -> Eventually[Any]:
        gate = Gate()
        done: list[Any] = []

        def refreshed(view: Any, _error: object) -> None:
            done.append(view)
            gate.open()

        for _ in range(5):
            asker.actor.begin(asker.actor.metadata.refresh(), refreshed)
        while len(done) < 5:
            yield Wait(gate)
        return done

    before = asker.actor.view.version
    views = asker.run(many)
    assert len(views) == 5
    assert asker.actor.view.version <= before + 5


def test_a_cancelled_talk_is_ended_where_it_stands(cluster) -> None:
    ended: list[str] = []

    def coroutine() -> Eventually[None]:
        try:
            yield Pause(60_000)
        finally:
            ended.append("here")

    asker = Asker(cluster)
    with pytest.raises(KafkaTimeout):
        asker.run(coroutine, timeout_s=1)
    assert ended == ["here"]


def test_several_questions_are_under_way_at_once(cluster) -> None:
    def coroutine() -> Eventually[Any]:
        outcomes = yield [SendTo(node, MetadataRequest(topics=[])) for node in cluster.node_ids]
        nothing = yield []
        return outcomes, nothing

    outcomes, nothing = Asker(cluster).run(coroutine)
    assert [len(each.brokers) for each in outcomes] == [3, 3, 3]
    assert nothing == []


def test_what_is_known_is_asked_for_anew_when_it_is_old(cluster) -> None:
    asker = Asker(cluster, metadata_max_age_ms=1_000)
    asker.run(asker.actor.metadata.refresh)
    before = asker.actor.view.version
    cluster.run_for(5.5)
    assert asker.actor.view.version == before + 5


def test_waits_between_attempts_double_give_or_take_a_fifth_and_never_pass_their_maximum(cluster) -> None:
    actor = Asker(cluster, retry_backoff_ms=100, retry_backoff_max_ms=1_000).actor
    for attempt, base in enumerate([100, 200, 400, 800, 1_000, 1_000]):
        waits = [actor.backoff(attempt).delay_ms for _ in range(50)]
        assert all(0.8 * base <= wait <= min(1.2 * base, 1_000) for wait in waits)
        assert len(set(waits)) > 1


def test_a_client_that_was_closed_says_so(cluster) -> None:
    asker = Asker(cluster)
    asker.close()
    asker.close()
    with pytest.raises(ClientClosed, match="asker was closed"):
        asker.run(asker.actor.metadata.refresh)


def test_a_client_whose_cluster_was_closed_says_so() -> None:
    cluster = Cluster(1)
    asker = Asker(cluster)
    cluster.close()
    with pytest.raises(ClientClosed):
        asker.run(asker.actor.metadata.refresh)
    asker.close()


def test_names_of_clients_are_taken_again_when_they_are_free(cluster) -> None:
    first, second = Asker(cluster), Asker(cluster)
    names = [first._transport.node.name, second._transport.node.name]
    first.close()
    assert names == ["asker-1", "asker-2"]
    assert Asker(cluster)._transport.node.name == "asker-1"
