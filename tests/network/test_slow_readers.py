"""Clients of a real listener that ask for much and read nothing, beside one that works."""

from __future__ import annotations

import socket

import pytest
from network.peers import PATIENCE_S, assert_serves, frame
from present import present

from actors.cluster import Cluster
from actors.runtime.limits import WRITE_CHUNK_BYTES
from kstore.schema import encode
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.metadata import MetadataRequest

MIB = 1024 * 1024
READERS = 20


def fetch(topic: str) -> bytes:
    asked = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=50 * MIB)
    topics = [FetchTopic(topic=topic, partitions=[asked])]
    return frame(1, 4, encode(FetchRequest(max_wait_ms=0, min_bytes=1, max_bytes=50 * MIB, topics=topics), 4))


@pytest.fixture(params=["memory", "disk"])
def cluster(request, tmp_path):
    data_dir = str(tmp_path) if request.param == "disk" else None
    config = {"queued.max.response.bytes": str(MIB)}
    with Cluster(1, listen="127.0.0.1:0", config=config, data_dir=data_dir) as running:
        yield running


def deaf(cluster: Cluster) -> socket.socket:
    """A connection whose own buffer is small, so that what isn't read stays with the broker."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(PATIENCE_S)
    sock.connect(present(cluster.ports).addresses[1])
    return sock


def test_answers_that_nobody_reads_stay_within_the_bound_and_are_given_back(cluster):
    cluster.create_topic("log")
    with cluster.producer() as producer:
        for _ in range(48):
            producer.send("log", bytes(MIB // 2))
    answers = present(cluster.ports).shared.answers
    highest = 0
    readers = [deaf(cluster) for _ in range(READERS)]
    for sock in readers:
        sock.sendall(fetch("log") * 50)
        assert_serves(cluster)
        highest = max(highest, answers.bytes_held)
    listener = present(cluster.ports).listeners[1]
    cluster.wait_for(lambda: not present(cluster.ports).shared.writing.queue, PATIENCE_S)
    assert highest <= 2 * MIB
    assert answers.bytes_held <= MIB + WRITE_CHUNK_BYTES
    for sock in readers:
        sock.close()
    cluster.wait_for(lambda: not listener.channels and not answers.bytes_held, PATIENCE_S)
    assert not answers.readers


def test_requests_that_are_sent_without_end_and_never_read_pile_up_nothing(cluster):
    sock = deaf(cluster)
    request = frame(3, 1, encode(MetadataRequest(topics=None), 1))
    sock.setblocking(False)
    sent = 0
    try:
        while sent < 100_000 * len(request):
            sent += sock.send(request * 1000)
    except (BlockingIOError, ConnectionError):
        sent = 0
    answers = present(cluster.ports).shared.answers
    assert_serves(cluster)
    assert answers.bytes_held <= 2 * MIB
    sock.close()
    cluster.wait_for(lambda: not answers.bytes_held, PATIENCE_S)
