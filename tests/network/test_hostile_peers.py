"""What peers may do to a broker's sockets without harm: garbage, oversize, half-open, slow, too many."""

from __future__ import annotations

import os
import socket
import struct

import pytest
from network.peers import PATIENCE_S, api_versions, assert_serves, connect, frame, is_closed, read_frame
from present import present

from actors.cluster import Cluster
from actors.network.listener import READ_BUFFER_BYTES
from actors.runtime.limits import FIRST_PIECE_BYTES
from kstore.schema import decode, encode
from kstore.schema.messages.api_versions import ApiVersionsResponse
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic


@pytest.fixture(scope="module")
def cluster():
    with Cluster(1, listen="127.0.0.1:0", config={"socket.request.max.bytes": "1000000"}) as running:
        yield running


@pytest.mark.parametrize("length", [0, -1, -(2**31), 1_000_001, 2**31 - 1])
def test_a_frame_length_that_cannot_be_closes_the_connection(cluster, length):
    with connect(cluster) as sock:
        sock.sendall(struct.pack(">i", length) + b"xxxx")
        assert is_closed(sock)
    assert_serves(cluster)


@pytest.mark.parametrize(
    "payload",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        struct.pack(">i", 3) + b"abc",
        struct.pack(">ihhih", 10, 18, 0, 7, 100),
        frame(999, 0, b""),
        frame(3, 99, b""),
        frame(0, 2, b"\x00" * 20),
        frame(62, 0, b"\x00" * 40),
        frame(3, 1, struct.pack(">i", 2**31 - 1)),
    ],
    ids=[
        "http",
        "short header",
        "broken client id",
        "unknown key",
        "unknown version",
        "produce v2",
        "a broker's own request",
        "a count beyond the frame",
    ],
)
def test_garbage_closes_the_connection_and_nothing_else(cluster, payload):
    with connect(cluster) as sock:
        sock.sendall(payload)
        sock.shutdown(socket.SHUT_WR)
        assert is_closed(sock)
    assert_serves(cluster)


def test_an_unknown_version_of_api_versions_is_answered_in_version_0_with_what_is_served(cluster):
    with connect(cluster) as sock:
        sock.sendall(frame(18, 99, b"\x00\x00", header_version=2))
        answer = decode(ApiVersionsResponse, 0, read_frame(sock), 4)
        assert answer.error_code == 35
        served = {key.api_key: (key.min_version, key.max_version) for key in answer.api_keys}
        assert served[18] == (0, 5)


def test_a_request_that_comes_byte_by_byte_is_answered_as_if_it_came_whole(cluster):
    with connect(cluster) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in api_versions():
            sock.sendall(bytes([byte]))
        assert read_frame(sock)[:4] == struct.pack(">i", 7)


def test_many_requests_in_one_write_are_answered_in_their_order(cluster):
    with connect(cluster) as sock:
        sock.sendall(b"".join(api_versions(n) for n in range(500)))
        for n in range(500):
            assert read_frame(sock)[:4] == struct.pack(">i", n)


def test_a_peer_that_goes_away_in_the_middle_of_a_frame_leaves_nothing_behind(cluster):
    for cut in (1, 4, 10):
        with connect(cluster) as sock:
            sock.sendall(api_versions()[:cut])
    listener = cluster.ports.listeners[1]
    cluster.wait_for(lambda: not listener.channels, PATIENCE_S)
    assert_serves(cluster)


def test_a_peer_that_does_not_finish_its_frame_is_closed_when_its_time_is_over(cluster):
    with connect(cluster) as sock:
        sock.sendall(api_versions()[:10])
        listener = cluster.ports.listeners[1]
        cluster.wait_for(lambda: any(c.frames.head for c in listener.channels), PATIENCE_S)
        cluster.world.driver.call(listener.close_overdue, listener.loop.time() + 3600)
        assert is_closed(sock)


def test_a_silent_peer_is_closed_when_its_time_is_over_and_not_before(cluster):
    with connect(cluster) as sock:
        sock.sendall(api_versions())
        read_frame(sock)
        listener = cluster.ports.listeners[1]
        cluster.world.driver.call(listener.close_overdue, listener.loop.time() + 590)
        sock.sendall(api_versions())
        read_frame(sock)
        cluster.world.driver.call(listener.close_overdue, listener.loop.time() + 610)
        assert is_closed(sock)


def test_connections_max_idle_ms_says_how_long_a_peer_may_be_silent():
    for setting, seconds in (("1500", 1.5), ("101", 0.101), ("-1", float("inf"))):
        with Cluster(1, listen="127.0.0.1:0", config={"connections.max.idle.ms": setting}) as short:
            assert present(short.ports).listeners[1].idle_seconds_max == seconds


def test_the_system_looks_after_peers_whose_machine_is_gone(cluster):
    with connect(cluster) as sock:
        sock.sendall(api_versions())
        read_frame(sock)
        listener = cluster.ports.listeners[1]
        cluster.wait_for(lambda: len(listener.channels) == 1, PATIENCE_S)
        (channel,) = listener.channels
        accepted = channel.transport.get_extra_info("socket")
        with socket.socket(fileno=os.dup(accepted.fileno())) as same:
            assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_lengths_without_their_frames_take_little_memory():
    with Cluster(1, listen="127.0.0.1:0") as running:
        peers = [connect(running) for _ in range(15)]
        for sock in peers:
            sock.sendall(struct.pack(">i", 100 * 1024 * 1024) + b"x")
        room = present(running.ports).shared.room
        running.wait_for(lambda: len(room.unfinished) == 15, PATIENCE_S)
        assert room.bytes_held == 15 * FIRST_PIECE_BYTES
        for sock in peers:
            sock.close()
        running.wait_for(lambda: not room.unfinished, PATIENCE_S)
        assert room.bytes_held == 0


def test_a_large_frame_of_zeros_is_read_whole_and_refused(cluster):
    with connect(cluster) as sock:
        sock.sendall(struct.pack(">i", 900_000) + bytes(900_000))
        assert is_closed(sock)
    assert_serves(cluster)


def test_many_half_frames_keep_no_large_request_out_and_take_no_more_than_the_bound():
    config = {"queued.max.request.bytes": "1000000", "socket.request.max.bytes": "500000"}
    names = [MetadataRequestTopic(name="x" * 200 + str(number)) for number in range(1900)]
    large = frame(3, 4, encode(MetadataRequest(topics=names, allow_auto_topic_creation=False), 4))
    with Cluster(1, listen="127.0.0.1:0", config=config) as running:
        room = present(running.ports).shared.room
        stalled = [connect(running) for _ in range(8)]
        for sock in stalled:
            sock.sendall(large[:150_000])
        running.wait_for(lambda: len(room.unfinished) >= 3, PATIENCE_S)
        with connect(running) as good:
            for _ in range(3):
                good.sendall(large)
                assert len(read_frame(good)) > 200 * 1900
        assert room.bytes_held <= 1_500_000 + 8 * READ_BUFFER_BYTES
        assert_serves(running)
        for sock in stalled:
            sock.close()
        running.wait_for(lambda: room.bytes_held == 0, PATIENCE_S)


def test_connections_beyond_the_limit_are_closed_and_others_live_on():
    with Cluster(1, listen="127.0.0.1:0", config={"max.connections": "3"}) as small:
        kept = [connect(small) for _ in range(3)]
        for sock in kept:
            sock.sendall(api_versions())
            assert read_frame(sock)
        with connect(small) as fourth:
            assert is_closed(fourth)
        kept[0].sendall(api_versions(8))
        assert read_frame(kept[0])[:4] == struct.pack(">i", 8)
        for sock in kept:
            sock.close()


def test_a_reader_that_never_reads_stops_being_read_from(cluster):
    """Its requests wait in its own socket once enough of them are under way; others are served meanwhile."""
    with connect(cluster) as sock:
        sock.setblocking(False)
        request = api_versions()
        sent = 0
        try:
            while sent < 512 * 1024 * 1024:
                sent += sock.send(request * 2000)
        except BlockingIOError:
            pass
        assert sent < 512 * 1024 * 1024, "the broker goes on reading"
        assert_serves(cluster)
