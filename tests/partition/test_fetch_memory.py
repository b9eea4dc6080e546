"""What fetches that wait hold in memory, and that it is given back when nobody waits any more."""

from __future__ import annotations

import pytest

from actors.partition import fetch_desk, sessions
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic

FOREVER_MS = 2**31 - 1


def desk_of(client, node: int = 1):
    return client.cluster.nodes[node].view.fetch_desk.actor_inbox.actor


def test_a_fetch_whose_connection_is_gone_leaves_nothing_behind(start):
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a" * 1000)
    desk = desk_of(client)
    for connection, request in enumerate(
        [
            client.fetch_request("t", 1, max_wait_ms=FOREVER_MS),
            client.fetch_request("t", 0, min_bytes=FOREVER_MS, max_wait_ms=FOREVER_MS),
        ],
        start=1,
    ):
        client.send(1, request, connection=connection)
    client.run(1)
    assert len(desk.waiting) == 2
    assert len(desk.asked) == 2
    assert desk.bytes_waiting >= 1000
    for connection in (1, 2):
        client.cluster.world.driver.call(client.links[1, connection].close)
    client.run(1)
    assert (desk.waiting, desk.asked, desk.bytes_waiting) == ({}, {}, 0)


def test_fetches_that_wait_for_more_hold_no_more_than_the_bound(start, monkeypatch):
    monkeypatch.setattr(fetch_desk, "FETCH_BYTES_WAITING_MAX", 10_000)
    client = start(brokers=1)
    client.create("t", copies=1)
    client.produce("t", b"a" * 3000)
    request = client.fetch_request("t", 0, min_bytes=1_000_000, max_wait_ms=FOREVER_MS)
    outcomes = [client.send(1, request, connection=number) for number in range(1, 8)]
    client.run(1)
    answered = [outcome for outcome in outcomes if outcome]
    assert len(answered) == 4
    assert all(outcome[0].responses[0].partitions[0].records for outcome in answered)
    assert desk_of(client).bytes_waiting <= 10_000


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
    monkeypatch.setattr(sessions, "FETCH_SESSION_PARTITIONS_MAX", 100)


def test_sessions_of_clients_remember_no_more_partitions_than_the_bound(start, few_partitions):
    client = start(brokers=1)
    client.create("t", copies=1)
    cache = desk_of(client).sessions
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
