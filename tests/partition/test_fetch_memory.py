"""What fetches that wait hold in memory, and that it is given back when nobody waits any more."""

from __future__ import annotations

import pytest
from broker.test_connection import Peer

from actors.network.channel_messages import ChannelClosed, FramesReceived
from actors.partition.fetch import service, session_cache
from actors.runtime.failures import Failures
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic

FOREVER_MS = 2**31 - 1


def service_of(client, node: int = 1):
    return client.cluster.nodes[node].view.fetch_service.actor_inbox.actor


def test_a_fetch_whose_connection_is_gone_leaves_nothing_behind(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a" * 1000)
    service = service_of(client)
    for connection, request in enumerate(
        [
            client.fetch_request("t", 1, max_wait_ms=FOREVER_MS),
            client.fetch_request("t", 0, min_bytes=FOREVER_MS, max_wait_ms=FOREVER_MS),
        ],
        start=1,
    ):
        client.send(1, request, connection=connection)
    client.run(1)
    assert len(service.waiting) == 2
    assert len(service.asked) == 2
    assert service.bytes_waiting >= 1000
    for connection in (1, 2):
        client.cluster.world.driver.call(client.links[1, connection].close)
    client.run(1)
    assert (service.waiting, service.asked, service.bytes_waiting) == ({}, {}, 0)


@pytest.mark.parametrize("how", ["it closes", "its turn fails"])
def test_a_connection_that_is_gone_before_the_replicas_have_answered_leaves_nothing_behind(start, how):
    client = start(brokers=1)
    client.cluster.world.strict = False
    client.create("t", copies=1, partitions=20)
    for index in range(20):
        client.produce("t", b"a" * 1000, index=index)
    partitions = [FetchPartition(partition=index, partition_max_bytes=1 << 20) for index in range(20)]
    request = FetchRequest(
        max_wait_ms=FOREVER_MS,
        min_bytes=FOREVER_MS,
        max_bytes=FOREVER_MS,
        session_epoch=-1,
        topics=[FetchTopic(topic="t", partitions=partitions)],
    )
    service = service_of(client)

    def come_and_go() -> None:
        peer = Peer(client.cluster, 1)
        peer.send(peer.frame(request, 12))
        peer.ref.tell(ChannelClosed() if how == "it closes" else FramesReceived(None))  # type: ignore[arg-type]

    client.cluster.world.driver.call(come_and_go)
    client.run(1)
    assert bool(client.cluster.failures) == (how == "its turn fails")
    Failures.recent.clear()
    assert (service.waiting, service.asked, service.bytes_waiting) == ({}, {}, 0)


def test_the_next_fetch_of_a_connection_is_not_forgotten_with_one_that_ends_late(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    service = service_of(client)
    request = client.fetch_request("t", 0, max_wait_ms=FOREVER_MS)
    client.send(1, request, connection=1)
    client.run(1)
    ((connection, first),) = service.waiting.items()
    service.waiting[connection] = second = object()
    client.cluster.world.driver.call(lambda: service._finish(first))
    assert service.waiting == {connection: second}


def test_fetches_that_wait_for_more_hold_no_more_than_the_bound(start, monkeypatch):
    monkeypatch.setattr(service, "FETCH_BYTES_WAITING_MAX", 10_000)
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a" * 3000)
    request = client.fetch_request("t", 0, min_bytes=1_000_000, max_wait_ms=FOREVER_MS)
    outcomes = [client.send(1, request, connection=number) for number in range(1, 8)]
    client.run(1)
    answered = [outcome for outcome in outcomes if outcome]
    assert len(answered) == 4
    assert all(outcome[0].responses[0].partitions[0].records for outcome in answered)
    assert service_of(client).bytes_waiting <= 10_000


def named(session_id: int, epoch: int, topic: str, partitions: range) -> FetchRequest:
    return FetchRequest(
        session_id=session_id,
        session_epoch=epoch,
        max_wait_ms=0,
        min_bytes=1,
        max_bytes=1 << 20,
        topics=[
            FetchTopic(
                topic=topic,
                partitions=[
                    FetchPartition(partition=number, fetch_offset=0, partition_max_bytes=1000) for number in partitions
                ],
            )
        ],
    )


@pytest.fixture
def few_partitions(monkeypatch):
    monkeypatch.setattr(session_cache, "FETCH_SESSION_PARTITIONS_MAX", 100)


def test_sessions_of_clients_remember_no_more_partitions_than_the_bound(start, few_partitions):
    client = start(brokers=1)
    client.create("t", copies=1)
    cache = service_of(client).sessions
    first = client.ask(1, named(0, 0, "t", range(60)), version=12)
    assert first.session_id
    assert client.ask(1, named(0, 0, "t", range(60)), version=12).session_id == 0
    small = client.ask(1, named(0, 0, "t", range(30)), version=12)
    assert small.session_id
    assert cache.partitions == 90
    grown = client.ask(1, named(first.session_id, 1, "t", range(60, 120)), version=12)
    assert grown.error_code == 70
    assert cache.partitions == 30
    client.ask(1, FetchRequest(session_id=small.session_id, session_epoch=-1), version=12)
    assert cache.partitions == 0
