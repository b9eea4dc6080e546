"""Requests that aren't there: the connection closes, and the log says who asked for what, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from broker.test_connection import Peer

from actors.broker import unserved
from actors.broker.unserved import KEY_LENGTH_MAX, TOLD_WITHIN_US, Unserved
from actors.cluster import Cluster
from kstore.schema.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.heartbeat import HeartbeatRequest
from kstore.schema.messages.metadata import MetadataRequest
from kstore.schema.messages.share_fetch import ShareFetchRequest
from kstore.schema.messages.txn_offset_commit import TxnOffsetCommitRequest


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(seed=11) as running:
        yield running


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The lines of the log, as they come."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Lines()
    logging.getLogger("kstore.requests").addHandler(handler)
    yield lines
    logging.getLogger("kstore.requests").removeHandler(handler)


def ask(cluster: Cluster, request: object, version: int, client_id: str = "app") -> Peer:
    """What came of a request, on a connection of its own."""
    peer = Peer(cluster, 1, client_id=client_id)
    peer.send(peer.frame(request, version))
    cluster.wait_for(lambda: peer.channel.aborted or peer.channel.answered)
    return peer


def test_a_request_of_a_kind_that_is_not_there_is_told_with_what_would_do(cluster: Cluster, told: list[str]) -> None:
    assert ask(cluster, ConsumerGroupHeartbeatRequest(), 0).channel.aborted
    assert ask(cluster, ShareFetchRequest(), 1).channel.aborted
    groups, shares = told
    assert groups == (
        "broker-1#1: client 'app' at 10.0.0.1 asked for ConsumerGroupHeartbeat (key 68) and its connection was closed; "
        "the new group protocol isn't implemented yet: give group.protocol=classic"
    )
    assert shares == (
        "broker-1#1: client 'app' at 10.0.0.1 asked for ShareFetch (key 78) and its connection was closed; "
        "share groups aren't implemented yet: use a classic consumer group"
    )


def test_a_request_in_a_version_that_is_not_there_is_told_with_those_that_are(
    cluster: Cluster, told: list[str]
) -> None:
    peer = Peer(cluster, 1)
    frame = bytearray(peer.frame(MetadataRequest(topics=[]), 1))
    frame[2:4] = b"\0\x63"
    peer.send(bytes(frame))
    cluster.wait_for(lambda: peer.channel.aborted)
    (line,) = told
    assert (
        "asked for Metadata (key 3) in version 99 and its connection was closed; it is served in versions 0 to 13"
        in line
    )


def test_it_is_told_once_for_each_client_and_kind(cluster: Cluster, told: list[str]) -> None:
    for client_id in ("one", "two"):
        for _ in range(3):
            ask(cluster, ConsumerGroupHeartbeatRequest(), 0, client_id)
            ask(cluster, ShareFetchRequest(), 1, client_id)
    assert len(told) == 4


def test_a_broker_tells_so_many_in_a_time_and_no_more(
    cluster: Cluster, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unserved, "TOLD_MAX", 10)
    for number in range(30):
        ask(cluster, ConsumerGroupHeartbeatRequest(), 0, f"client-{number}")
    assert len(told) == 10
    cluster.run_for(TOLD_WITHIN_US / 1e6 + 1)
    for number in range(30, 60):
        ask(cluster, ConsumerGroupHeartbeatRequest(), 0, f"client-{number}")
    assert len(told) == 20
    assert "client 'client-39'" in told[-1]


def test_names_are_kept_up_to_a_length(cluster: Cluster, told: list[str]) -> None:
    for _ in range(2):
        ask(cluster, ConsumerGroupHeartbeatRequest(), 0, "x" * 30_000)
        ask(cluster, FindCoordinatorRequest(key_type=0, key="g" * 30_000), 2, "x" * 30_000)
    assert len(told) == 1
    kept = cluster.nodes[1].one(Unserved)
    assert list(kept.told) == [("x" * KEY_LENGTH_MAX, 68)]
    assert list(kept.finds) == [("x" * KEY_LENGTH_MAX, "g" * KEY_LENGTH_MAX)]


def test_a_name_that_is_meant_to_spoil_the_log_does_not(cluster: Cluster, told: list[str]) -> None:
    ask(cluster, ConsumerGroupHeartbeatRequest(), 0, "line one\nline two" + "x" * 30_000)
    (line,) = told
    assert "\n" not in line
    assert len(line) < 600


def test_who_asks_for_a_coordinator_again_and_again_is_told_why_that_may_be(cluster: Cluster, told: list[str]) -> None:
    for _ in range(9):
        ask(cluster, FindCoordinatorRequest(key_type=0, key="g"), 2)
    assert told == []
    cluster.run_for(60)
    (line,) = told
    assert "client 'app' at 10.0.0.1 asked 3 times who coordinates group 'g', and nothing of that coordinator" in line


def test_who_reads_without_a_group_may_look_for_its_coordinator_again_and_again(
    cluster: Cluster, told: list[str]
) -> None:
    cluster.create_topic("t")
    for _ in range(9):
        ask(cluster, FindCoordinatorRequest(key_type=0, key="g"), 2)
    reader = Peer(cluster, 1, client_id="app")
    part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1000)
    fetch = FetchRequest(max_wait_ms=30_000, min_bytes=1, topics=[FetchTopic(topic="t", partitions=[part])])
    reader.send(reader.frame(fetch, 11))
    cluster.run_for(60)
    assert told == []


def test_who_asks_for_a_coordinator_now_and_then_is_not_told_of(cluster: Cluster, told: list[str]) -> None:
    for _ in range(30):
        ask(cluster, FindCoordinatorRequest(key_type=0, key="g"), 2)
        ask(cluster, FindCoordinatorRequest(key_type=0, key="g"), 2)
        cluster.run_for(10)
    assert told == []


@pytest.mark.parametrize(
    ("request_", "version"),
    [
        (HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), 1),
        (TxnOffsetCommitRequest(transactional_id="tx", group_id="g", producer_id=1, producer_epoch=0), 3),
    ],
    ids=["a member", "a producer"],
)
def test_who_goes_on_with_the_coordinator_may_look_for_it_again_and_again(
    cluster: Cluster, told: list[str], request_: object, version: int
) -> None:
    for _ in range(9):
        ask(cluster, FindCoordinatorRequest(key_type=0, key="g"), 2)
        ask(cluster, request_, version)
    cluster.run_for(60)
    assert told == []


def test_a_consumer_that_is_closed_at_once_is_not_told_of(cluster: Cluster, told: list[str]) -> None:
    cluster.create_topic("t")
    for _ in range(3):
        consumer = cluster.consumer(group_id="g")
        consumer.subscribe(["t"])
        consumer.poll(5)
        consumer.close()
    assert told == []
