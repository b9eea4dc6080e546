"""What a defect ends: one is put into every kind of actor in turn, and everything that it need not end goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

import pytest
from cluster.defects import PARTITIONS, TOPIC, Defect, containing, everything_is_well, poke, work

from actors.broker.apis import produce
from actors.broker.broker import Broker
from actors.broker.call import PAUSE
from actors.broker.connection import Connection
from actors.broker.lifecycle import Lifecycle
from actors.clients.consumer.consumer import Consumer
from actors.clients.errors import ClientClosed
from actors.clients.producer.producer import Producer
from actors.clients.producer.sender import Sender
from actors.clients.structs import TopicPartition
from actors.clients.transport import TcpTransport
from actors.cluster import Cluster
from actors.controller.controller import Controller
from actors.controller.observer import Observer
from actors.coordinator.coordinator import Coordinator, Load
from actors.network.tcp_channel import TcpChannel
from actors.network.tcp_link import TcpLink
from actors.partition.checkpoints import HighWatermarks, RecoveryPoints, StartOffsets
from actors.partition.fetch.service import FetchService
from actors.partition.follower.replica_fetcher import ReplicaFetcher
from actors.partition.log_cleaner import LogCleaner
from actors.partition.log_scrubber import LogScrubber
from actors.partition.replica.replica import Replica
from actors.partition.to_controller.directory_assignments import Directories
from actors.partition.to_controller.isr_changes import IsrChanges
from actors.partition.to_controller.producer_ids import ProducerIds
from actors.runtime import Actor
from actors.runtime.driver import NodeCrashed
from actors.runtime.failures import Failures, FailureWarning
from actors.transactions.marker_sender import MarkerSender
from kstore.errors import KafkaError, UnknownServerError


@pytest.fixture
def cluster(seed: int) -> Iterator[Cluster]:
    yield from containing(seed)


def fail_once(monkeypatch: pytest.MonkeyPatch, kind: type[Actor], which: Callable[[Any], bool] = bool) -> list[Actor]:
    """Have the next turn of one actor of a kind raise, whatever it is about; the list then has the actor."""
    failed: list[Actor] = []

    def raising(handler: Callable[..., object]) -> Callable[..., object]:
        def handle(actor: Any, message: object) -> object:
            if not failed and which(actor):
                failed.append(actor)
                raise Defect(f"put into {actor.actor_urn}")
            return handler(actor, message)

        return handle

    for message, handler in list(kind.handlers.items()):
        monkeypatch.setitem(kind.handlers, message, raising(handler))
    return failed


def connections_of(cluster: Cluster, producer: Producer) -> set[Actor]:
    actors = [actor for node in cluster.living() for actor in node.actors.values()]
    who = producer._transport.node.name
    return {actor for actor in actors if isinstance(actor, Connection) and actor.client_host == who}


KINDS: dict[type[Actor], str] = {
    Controller: "the controller",
    Observer: "the node's copy of the metadata",
    Lifecycle: "the node's heartbeats",
    FetchService: "the fetch sessions",
    ProducerIds: "producer ids",
    IsrChanges: "in-sync sets",
    HighWatermarks: "this actor",
    RecoveryPoints: "this actor",
    StartOffsets: "this actor",
    LogCleaner: "this actor",
    LogScrubber: "this actor",
    ReplicaFetcher: "fetches from one leader",
    Coordinator: "a coordinator",
    Connection: "a client's connection",
    Directories: "this actor",
    Replica: "a replica",
    MarkerSender: "a node's markers under way",
}


def fail_answer(monkeypatch: pytest.MonkeyPatch, kind: type, name: str) -> list[Any]:
    """Have the next callback of this name of one actor (or what an actor holds) of a kind raise."""
    failed: list[Any] = []
    callback = getattr(kind, name)

    def handle(actor: Any, *args: object) -> object:
        if not failed:
            failed.append(actor)
            raise Defect(f"put into {actor.actor_urn}")
        return callback(actor, *args)

    monkeypatch.setattr(kind, name, handle)
    return failed


def work_through(cluster: Cluster, value: bytes) -> None:
    """As ``work``, once more for a request that met the defect: its client was told UNKNOWN_SERVER_ERROR."""
    try:
        work(cluster, value)
    except UnknownServerError:
        work(cluster, value + b" again")


IDLE = "in some turn"
REQUEST = "in the turn of a message"
CASES = [
    *((kind, IDLE) for kind in KINDS),
    *(
        (kind, REQUEST)
        for kind in KINDS
        if kind not in (Observer, IsrChanges, RecoveryPoints, LogCleaner, LogScrubber, Directories, MarkerSender)
    ),
    (Observer, "fetched"),
    (Lifecycle, "beaten"),
    (ReplicaFetcher, "answered"),
    (Coordinator, "_appended"),
    (Coordinator, "_read"),
    (Controller, "disk_work_done"),
    (HighWatermarks, "_reported"),
]


@pytest.mark.parametrize(("kind", "how"), CASES, ids=lambda it: it if isinstance(it, str) else it.__name__)
def test_a_defect_in_one_actor_ends_what_it_must_and_nothing_else(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, kind: type[Actor], how: str
) -> None:
    if how != "_read":  # the loading of a group's log
        work(cluster, b"before")
    if kind is MarkerSender:  # a node has one once it coordinates transactions
        with cluster.producer(transactional_id="transfers") as producer:
            producer.init_transactions()
    incarnations = dict(cluster.incarnations)
    steady = cluster.producer(acks="all")
    for number in range(PARTITIONS):
        steady.send(TOPIC, b"steady", partition=number).get(timeout=60)
    connections = connections_of(cluster, steady)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        if how == IDLE:
            failed = poke(cluster, monkeypatch, kind)
        elif how == REQUEST:
            failed = fail_once(monkeypatch, kind)
        else:
            failed = fail_answer(monkeypatch, kind, how)
        work_through(cluster, b"during")
        with suppress(KafkaError):  # the controller has something to write down
            cluster.create_topic("another")
        with cluster.admin() as admin:
            admin.delete_records({TopicPartition(TOPIC, number): 1 for number in range(PARTITIONS)})
        cluster.run_for(70)  # the longest interval of a checkpoint, and then some
    assert failed, "the defect was met"
    cluster.wait_for(lambda: everything_is_well(cluster), 60)
    work(cluster, b"after")
    (failure,) = cluster.failures
    assert [failure] == list(Failures.recent)
    Failures.recent.clear()  # else the pytest plugin would fail this test
    assert failure.where == failed[0].actor_urn
    assert KINDS[kind] in failure.ended
    assert isinstance(failure.error, Defect)
    assert "put into" in failure.traceback
    assert [str(each.message) for each in warned if each.category is FailureWarning] == [str(failure)]
    assert cluster.incarnations == incarnations, "no node was ended by it"
    assert connections <= connections_of(cluster, steady) | set(failed), "no connection was closed by it"


@pytest.mark.parametrize("at", ["at once", "later", "in its callback"])
def test_a_handler_that_fails_ends_its_request_and_the_connection_goes_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def fail(*_: object) -> Any:
        raise Defect("put into a handler")

    def fail_later(call: Any) -> Any:
        yield PAUSE
        raise Defect("put into a handler")

    with cluster.producer(acks="all", retries=0) as producer:
        producer.send(TOPIC, b"before", partition=0).get(timeout=60)
        connections = {name for node in cluster.living() for name in node.actors if "connection" in name}
        with monkeypatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if at == "in its callback":
                patch.setattr(produce, "_one_response", fail)
            else:
                patch.setattr(produce, "handle", fail if at == "at once" else fail_later)
            with pytest.raises(UnknownServerError):
                producer.send(TOPIC, b"during", partition=0).get(timeout=60)
        producer.send(TOPIC, b"after", partition=0).get(timeout=60)
        assert connections <= {name for node in cluster.living() for name in node.actors}
    assert {failure.ended for failure in cluster.failures} == {"a request, ProduceRequest"}
    Failures.recent.clear()


def test_a_broker_that_fails_ends_its_node_which_is_booted_again_and_its_brothers_go_on(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        failed = poke(cluster, monkeypatch, Broker)
        work(cluster, b"during")
        cluster.wait_for(lambda: everything_is_well(cluster), 60)
        work(cluster, b"after")
    node = failed[0].node
    assert not node.alive
    assert cluster.nodes[node.node_id].alive
    assert {n: count for n, count in cluster.incarnations.items() if count > 1} == {node.node_id: 2}
    assert cluster.failures[0].ended == f"{node.name}; it is restarted at once"
    Failures.recent.clear()


def test_what_fails_again_and_again_is_made_anew_ever_more_seldom(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(cluster, b"before")

    def fail(actor: Any, message: object) -> object:
        raise Defect("no coordinator can read this log")

    with monkeypatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setitem(Coordinator.handlers, Load, fail)
        patch.setattr(Coordinator, "on_start", lambda actor: fail(actor, None))
        poke(cluster, monkeypatch, Coordinator)
        cluster.run_for(120)
        assert 10 < len(cluster.failures) < 16, "doubling from 0.1 to 30 seconds"
    cluster.run_for(31)
    work(cluster, b"after")
    Failures.recent.clear()


def test_a_client_that_fails_ends_alone_and_its_user_is_told(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    producer, other = cluster.producer(), cluster.producer()
    producer.send(TOPIC, b"a").get(timeout=60)
    other.send(TOPIC, b"b").get(timeout=60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fail_once(monkeypatch, Sender, lambda actor: actor.node is producer._transport.node)
        with pytest.raises(ClientClosed, match="this producer met an unexpected error and ended: Defect"):
            producer.send(TOPIC, b"c").get(timeout=60)
    with pytest.raises(ClientClosed, match="make another one"):
        producer.send(TOPIC, b"d").get(timeout=60)
    other.send(TOPIC, b"e").get(timeout=60)
    Failures.recent.clear()


def test_a_strict_world_stops_everything_at_once(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    cluster = Cluster(3, seed=seed)
    assert cluster.world.strict
    poke(cluster, monkeypatch, Controller)
    with pytest.raises(NodeCrashed, match="put into broker-1#1/controller"):
        cluster.run_for(1)
    with pytest.raises(NodeCrashed):
        cluster.close()
    assert cluster.failures == ()


@pytest.mark.parametrize("listen", [None, "127.0.0.1:0"])
def test_a_cluster_of_a_user_contains_what_it_meets_in_real_time(
    monkeypatch: pytest.MonkeyPatch, listen: str | None
) -> None:
    monkeypatch.setattr(Cluster, "contains_failures", True)
    with warnings.catch_warnings(record=True) as warned, Cluster(3, listen=listen) as cluster:
        warnings.simplefilter("always")
        cluster.create_topic(TOPIC, PARTITIONS, 3)
        work(cluster, b"before")
        for kind in (Controller, Coordinator, FetchService, Broker):
            known = len(cluster.failures)
            poke(cluster, monkeypatch, kind)
            cluster.wait_for(partial(lambda known: len(cluster.failures) > known, known))
            cluster.wait_for(lambda: cluster.is_ready() and everything_is_well(cluster))
            work_through(cluster, kind.__name__.encode())
    assert len(cluster.failures) == 4 == len([each for each in warned if each.category is FailureWarning])
    Failures.recent.clear()


@pytest.mark.parametrize(
    "end", ["the server's writing", "the server's writing of a large answer", "the client's reading"]
)
def test_a_defect_on_a_socket_ends_its_connection(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setattr(Cluster, "contains_failures", True)
    monkeypatch.setattr(TcpTransport, "contains_failures", True)
    failed: list[object] = []
    kind, name = (TcpChannel, "flush") if "server" in end else (TcpLink, "_take")
    if "large" in end:
        name = "write_piece"
    callback = getattr(kind, name)

    def fail(self: Any, *args: Any) -> Any:
        if not failed:
            failed.append(self)
            raise Defect(end)
        return callback(self, *args)

    with warnings.catch_warnings(), Cluster(1, listen="127.0.0.1:0") as cluster:
        warnings.simplefilter("ignore")
        cluster.create_topic(TOPIC)
        with Producer(bootstrap_servers=cluster.bootstrap_servers) as other:
            other.send(TOPIC, b"a").get(timeout=60)
            monkeypatch.setattr(kind, name, fail)
            with Producer(bootstrap_servers=cluster.bootstrap_servers) as producer:
                producer.send(TOPIC, b"b").get(timeout=60)  # on a connection that was made anew
            other.send(TOPIC, b"c").get(timeout=60)
            large = 900_000
            other.send(TOPIC, bytes(large)).get(timeout=60)
        with Consumer(TOPIC, bootstrap_servers=cluster.bootstrap_servers, auto_offset_reset="earliest") as consumer:
            assert any(len(record.value) == large for record in islice(consumer, 4))
    assert failed
    (failure,) = Failures.recent
    assert "connection" in failure.ended
    Failures.recent.clear()


def test_a_topic_that_was_being_made_as_the_controller_ended_may_be_there_or_not(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fail_answer(monkeypatch, Controller, "disk_work_done") == []
    with pytest.warns(FailureWarning), pytest.raises(UnknownServerError, match="another may be there, or not"):
        cluster.create_topic("another")
    cluster.run_for(1)
    cluster.create_topic("third")
    Failures.recent.clear()
