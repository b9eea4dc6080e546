"""A connection: answers in the order of requests, work side by side for Produce alone, bounds on what is under way."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest

from actors.cluster import Cluster
from actors.network.channel_messages import AnswersTaken, ChannelClosed, FramesReceived
from actors.runtime import limits
from kstore.records import BatchBuilder
from kstore.schema import frames
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.metadata import MetadataRequest
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kstore.schema.struct import Message

METADATA_VERSION = 1
PRODUCE_VERSION = 7
LENGTH_BYTES = 4


class FakeChannel:
    """Keeps what a socket would send, and whether it would be read."""

    def __init__(self) -> None:
        self.answered: list[int] = []
        self.responses: list[Any] = []
        self.reading = True
        self.aborted = False
        self.is_backed_up = False
        self.waited_for = 0
        self.bytes_done = 0

    def request_done(self, size_bytes: int) -> None:
        self.bytes_done += size_bytes

    def tell_when_taken(self) -> None:
        self.waited_for += 1

    def respond(self, correlation_id: int, response: Message, version: int) -> None:
        self.answered.append(correlation_id)
        self.responses.append(response)
        frames.encode_response(response, version, correlation_id)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Peer:
    """A client of one node, by frames."""

    def __init__(self, cluster: Cluster, node_id: int, listener: str = "client", client_id: str = "test") -> None:
        self.cluster = cluster
        self.client_id = client_id
        self.channel = FakeChannel()
        accept = cluster.nodes[node_id].accept
        assert accept is not None
        self.ref = accept(self.channel, listener, "10.0.0.1")
        self.correlation_ids = itertools.count(1)

    def frame(self, request, version: int) -> bytes:
        parts = frames.encode_request(request, version, next(self.correlation_ids), self.client_id)
        return b"".join(parts)[LENGTH_BYTES:]

    def send(self, *frames_: bytes) -> None:
        self.ref.tell(FramesReceived(list(frames_)))

    def wait_for_answers(self, count: int) -> None:
        self.cluster.wait_for(lambda: len(self.channel.answered) >= count)


def produce(
    topic: str, value: bytes, acks: int = -1, timeout_ms: int = 30_000, *, in_transaction: bool = False
) -> ProduceRequest:
    if in_transaction:
        builder = BatchBuilder(transactional=True, producer_id=7, producer_epoch=0, base_sequence=0)
    else:
        builder = BatchBuilder()
    builder.append(0, None, value)
    data = PartitionProduceData(index=0, records=builder.build())
    return ProduceRequest(
        acks=acks, timeout_ms=timeout_ms, topic_data=[TopicProduceData(name=topic, partition_data=[data])]
    )


@pytest.fixture
def cluster():
    with Cluster(3, seed=11) as running:
        yield running


def leader_of_a_new_topic(cluster: Cluster) -> int:
    peer = Peer(cluster, 1)
    topic = CreatableTopic(name="orders", num_partitions=1, replication_factor=3)
    peer.send(peer.frame(CreateTopicsRequest(topics=[topic], timeout_ms=5000), 4))
    peer.wait_for_answers(1)
    cluster.wait_for(lambda: all("orders" in cluster.image(n).topics for n in (1, 2, 3)))
    return cluster.image().topics["orders"].partitions[0].leader


def cut_off_the_followers(cluster: Cluster, leader: int) -> None:
    """From now on nothing that needs every replica is answered, until the replicas are judged to lag."""
    cluster.net.cut({leader}, {1, 2, 3} - {leader})


def test_answers_leave_in_the_order_of_the_requests_whatever_is_done_first(cluster):
    leader = leader_of_a_new_topic(cluster)
    cut_off_the_followers(cluster, leader)
    peer = Peer(cluster, leader)
    peer.send(
        peer.frame(produce("orders", b"slow", acks=-1, timeout_ms=1000), PRODUCE_VERSION),
        peer.frame(produce("orders", b"quick", acks=1), PRODUCE_VERSION),
        peer.frame(MetadataRequest(topics=[]), METADATA_VERSION),
    )
    cluster.world.driver.drive(lambda: False, 0.5)
    assert peer.channel.answered == [], "the second is done, but the first is not"
    peer.wait_for_answers(3)
    assert peer.channel.answered == [1, 2, 3]


def test_produce_requests_are_worked_on_side_by_side_and_keep_their_order(cluster):
    leader = leader_of_a_new_topic(cluster)
    peer = Peer(cluster, leader)
    peer.send(*(peer.frame(produce("orders", b"%d" % n), PRODUCE_VERSION) for n in range(100)))
    peer.wait_for_answers(100)
    offsets = [r.responses[0].partition_responses[0].base_offset for r in peer.channel.responses]
    assert offsets == list(range(100))


def test_a_thousand_requests_that_are_answered_at_once_need_no_deep_stack(cluster):
    leader = leader_of_a_new_topic(cluster)
    cut_off_the_followers(cluster, leader)
    peer = Peer(cluster, leader)
    peer.send(
        peer.frame(produce("orders", b"slow", timeout_ms=200), PRODUCE_VERSION),
        *(peer.frame(MetadataRequest(topics=[]), METADATA_VERSION) for _ in range(1000)),
    )
    peer.wait_for_answers(1001)
    assert peer.channel.answered == list(range(1, 1002))


def test_a_connection_with_too_many_requests_under_way_is_not_read_until_some_are_answered(cluster):
    leader = leader_of_a_new_topic(cluster)
    cut_off_the_followers(cluster, leader)
    peer = Peer(cluster, leader)
    many = limits.CONNECTION_REQUESTS_IN_FLIGHT_MAX + 1
    peer.send(*(peer.frame(produce("orders", b"x", timeout_ms=500), PRODUCE_VERSION) for _ in range(many)))
    cluster.wait_for(lambda: not peer.channel.reading)
    peer.wait_for_answers(many)
    assert peer.channel.reading


def test_a_connection_with_too_many_bytes_under_way_is_not_read_until_some_are_answered(cluster, monkeypatch):
    monkeypatch.setattr("actors.broker.connection.CONNECTION_BYTES_IN_FLIGHT_MAX", 10_000)
    leader = leader_of_a_new_topic(cluster)
    cut_off_the_followers(cluster, leader)
    peer = Peer(cluster, leader)
    peer.send(*(peer.frame(produce("orders", bytes(3000), timeout_ms=500), PRODUCE_VERSION) for _ in range(4)))
    cluster.wait_for(lambda: not peer.channel.reading)
    peer.wait_for_answers(4)
    assert peer.channel.reading


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x00",
        struct.pack(">hhi", 3, 1, 7),
        struct.pack(">hhih", 3, 99, 7, -1),
        struct.pack(">hhih", 62, 0, 7, -1),
    ],
    ids=["empty", "one byte", "no client id", "unknown version", "a node's own key"],
)
def test_a_frame_that_cannot_be_read_closes_the_connection(cluster, frame):
    peer = Peer(cluster, 1)
    peer.send(frame, peer.frame(MetadataRequest(topics=[]), METADATA_VERSION))
    cluster.wait_for(lambda: peer.channel.aborted)
    assert peer.channel.answered == []
    assert cluster.nodes[1].alive


def test_what_is_answered_after_the_client_has_gone_goes_nowhere(cluster):
    leader = leader_of_a_new_topic(cluster)
    cut_off_the_followers(cluster, leader)
    peer = Peer(cluster, leader)
    peer.send(peer.frame(produce("orders", b"x", timeout_ms=300), PRODUCE_VERSION))
    peer.ref.tell(ChannelClosed())
    cluster.world.driver.drive(lambda: False, 2)
    assert peer.channel.answered == []
    assert not peer.ref.is_alive()


def test_names_of_connections_are_used_again(cluster):
    names = set()
    for _ in range(50):
        peer = Peer(cluster, 2)
        names.add(peer.ref.actor_urn)
        peer.ref.tell(ChannelClosed())
        cluster.wait_for(lambda peer=peer: not peer.ref.is_alive())
    assert len(names) == 1


def test_requests_of_a_client_that_takes_no_answers_are_not_begun_until_it_does(cluster):
    peer = Peer(cluster, 1)
    peer.channel.is_backed_up = True
    peer.send(*[peer.frame(MetadataRequest(topics=[]), METADATA_VERSION) for _ in range(5)])
    cluster.run_for(1)
    assert peer.channel.answered == []
    assert peer.channel.waited_for
    peer.channel.is_backed_up = False
    peer.ref.tell(AnswersTaken())
    peer.wait_for_answers(5)
    assert peer.channel.answered == [1, 2, 3, 4, 5]


def test_a_client_that_stops_taking_answers_among_its_requests_gets_the_rest_later(cluster, monkeypatch):
    peer = Peer(cluster, 1)
    respond = peer.channel.respond

    def respond_and_back_up(*answer) -> None:
        respond(*answer)
        peer.channel.is_backed_up = len(peer.channel.answered) >= 3

    monkeypatch.setattr(peer.channel, "respond", respond_and_back_up)
    peer.send(*[peer.frame(MetadataRequest(topics=[]), METADATA_VERSION) for _ in range(5)])
    cluster.run_for(1)
    assert peer.channel.answered == [1, 2, 3]
    peer.channel.is_backed_up = False
    monkeypatch.setattr(peer.channel, "respond", respond)
    peer.ref.tell(AnswersTaken())
    peer.wait_for_answers(5)
    assert peer.channel.answered == [1, 2, 3, 4, 5]


def test_a_small_batch_from_a_large_request_does_not_keep_the_request(cluster):
    node = leader_of_a_new_topic(cluster)
    peer = Peer(cluster, node)
    small = produce("orders", b"x" * 50)
    small.topic_data.append(
        TopicProduceData(name="absent", partition_data=[PartitionProduceData(index=0, records=bytes(1_000_000))])
    )
    frame = peer.frame(small, PRODUCE_VERSION)
    peer.send(frame)
    peer.wait_for_answers(1)
    log = cluster.nodes[node].view.replicas["orders", 0].actor_inbox.actor.log
    (batch,) = log.read(0, 1000).batches
    assert len(memoryview(batch.payload.obj)) < 1000
