"""Requests that aren't there: the connection closes, and the log says who asked for what, once."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from broker.test_connection import Peer

from actors.broker import unserved
from actors.broker.unserved import KEY_LENGTH_MAX, TOLD_WITHIN_US, Unserved
from actors.cluster import Cluster
from kstore.schema.messages.metadata import MetadataRequest
from kstore.schema.messages.share_fetch import ShareFetchRequest
from kstore.schema.messages.streams_group_heartbeat import StreamsGroupHeartbeatRequest


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
    assert ask(cluster, StreamsGroupHeartbeatRequest(), 0).channel.aborted
    assert ask(cluster, ShareFetchRequest(), 1).channel.aborted
    streams, shares = told
    assert streams == (
        "broker-1#1: client 'app' at 10.0.0.1 asked for StreamsGroupHeartbeat (key 88) and its connection was closed; "
        "Kafka Streams' own groups aren't implemented yet: give group.protocol=classic"
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
            ask(cluster, StreamsGroupHeartbeatRequest(), 0, client_id)
            ask(cluster, ShareFetchRequest(), 1, client_id)
    assert len(told) == 4


def test_a_broker_tells_so_many_in_a_time_and_no_more(
    cluster: Cluster, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unserved, "TOLD_MAX", 10)
    for number in range(30):
        ask(cluster, StreamsGroupHeartbeatRequest(), 0, f"client-{number}")
    assert len(told) == 10
    cluster.run_for(TOLD_WITHIN_US / 1e6 + 1)
    for number in range(30, 60):
        ask(cluster, StreamsGroupHeartbeatRequest(), 0, f"client-{number}")
    assert len(told) == 20
    assert "client 'client-39'" in told[-1]


def test_names_are_kept_up_to_a_length(cluster: Cluster, told: list[str]) -> None:
    for _ in range(2):
        ask(cluster, StreamsGroupHeartbeatRequest(), 0, "x" * 30_000)
    assert len(told) == 1
    kept = cluster.nodes[1].one(Unserved)
    assert list(kept.told) == [("x" * KEY_LENGTH_MAX, 88)]


def test_a_name_that_is_meant_to_spoil_the_log_does_not(cluster: Cluster, told: list[str]) -> None:
    ask(cluster, StreamsGroupHeartbeatRequest(), 0, "line one\nline two" + "x" * 30_000)
    (line,) = told
    assert "\n" not in line
    assert len(line) < 600
