"""A client's link over TCP: versions, answers in order, and every way in which the other end can go wrong."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

from actors.network.link import Disconnected, Misrouted
from actors.network.link_options import LinkOptions
from actors.network.sockets import socket_world
from actors.network.tcp_link import TcpLink
from actors.runtime import Node
from kstore.errors import UnsupportedVersion
from kstore.schema import frames
from kstore.schema.messages.api_versions import ApiVersion, ApiVersionsResponse
from kstore.schema.messages.metadata import MetadataRequest, MetadataResponse, MetadataResponseTopic
from kstore.schema.messages.produce import ProduceRequest

TIMEOUT_S = 20.0
PRODUCE = 0
CONFIG = SimpleNamespace(
    client_id="tester",
    socket_connection_setup_timeout_ms=5_000,
    reconnect_backoff_ms=1,
    reconnect_backoff_max_ms=5,
    connections_max_idle_ms=60_000,
    metadata_cluster_check_enable=True,
)
SERVED = [(0, 3, 13), (3, 0, 12), (18, 0, 4)]


class Peer:
    """A broker of a few lines: ``behaviour(peer, sock)`` is its whole life, once for each connection."""

    def __init__(self, behaviour: Callable[[Peer, socket.socket], None]) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.behaviour = behaviour
        self.headers: list[Any] = []
        self.connections = 0
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            with sock, suppress(ConnectionError):  # the client may go in the midst of it
                self.behaviour(self, sock)

    def read(self, sock: socket.socket) -> Any:
        """The next request's header; None at the end."""
        head = sock.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return None
        frame = sock.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
        header, _ = frames.decode_request_header(frame)
        self.headers.append(header)
        return header

    @staticmethod
    def answer(sock: socket.socket, header: Any, message: Any) -> None:
        parts = frames.encode_response(message, header.request_api_version, header.correlation_id)
        sock.sendall(b"".join(parts))

    def greet(self, sock: socket.socket) -> None:
        """Tell the versions."""
        keys = [ApiVersion(api_key=key, min_version=first, max_version=last) for key, first, last in SERVED]
        header = self.read(sock)
        if header is None:
            raise ConnectionAbortedError("the client has gone")
        self.answer(sock, header, ApiVersionsResponse(api_keys=keys))

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(TIMEOUT_S)


@pytest.fixture
def peers() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(behaviour: Callable[[Peer, socket.socket], None]) -> Peer:
        made.append(Peer(behaviour))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


class Answer:
    """Where an outcome goes."""

    outcome: Any = None

    def fail(self, error: BaseException) -> None:
        self.set(error)

    def set(self, outcome: Any = None) -> None:
        assert self.outcome is None, "answered twice"
        self.outcome = outcome


class Dialler:
    """A world with one link."""

    def __init__(
        self, port: int, host: str = "127.0.0.1", node_id: int = -1, cluster_id: str | None = None, **config: Any
    ) -> None:
        self.world, sockets = socket_world()
        node = Node(self.world, -1, kind="client")
        how = LinkOptions(SimpleNamespace(**{**vars(CONFIG), **config}), node_id, lambda: cluster_id)
        self.link = TcpLink(sockets, node, host, port, how)

    def send(self, request: Any = None, versions: tuple[int, int] = (8, 13), timeout_ms: float = 10_000) -> Answer:
        answer = Answer()
        self.world.driver.call(self.link.ask, request or MetadataRequest(topics=[]), versions, answer, timeout_ms)
        return answer

    def ask(self, *asked: Any, **how: Any) -> Any:
        answer = self.send(*asked, **how)
        assert self.world.driver.drive(lambda: answer.outcome is not None, TIMEOUT_S), "no answer"
        return answer.outcome

    def close(self) -> None:
        self.world.driver.call(self.link.close)
        self.world.disk.close()
        self.world.driver.close()


@pytest.fixture
def dial() -> Iterator[Callable[..., Dialler]]:
    made: list[Dialler] = []

    def make(port: int, **how: Any) -> Dialler:
        made.append(Dialler(port, **how))
        return made[-1]

    yield make
    for dialler in made:
        dialler.close()


def metadata_of(name: str) -> MetadataResponse:
    return MetadataResponse(topics=[MetadataResponseTopic(name=name)])


def honest(peer: Peer, sock: socket.socket) -> None:
    """Answer every Metadata with the number of the request."""
    peer.greet(sock)
    while (header := peer.read(sock)) is not None:
        if header.request_api_key == PRODUCE:
            continue  # without acks
        peer.answer(sock, header, metadata_of(str(header.correlation_id)))


def test_requests_are_sent_in_the_latest_version_that_both_know(peers, dial) -> None:
    peer = peers(honest)
    dialler = dial(peer.port)
    assert isinstance(dialler.ask(), MetadataResponse)
    assert [(h.request_api_key, h.request_api_version) for h in peer.headers] == [(18, 5), (3, 12)]
    assert peer.headers[1].client_id == "tester"


def test_many_requests_under_way_are_each_given_their_own_answer(peers, dial) -> None:
    dialler = dial(peers(honest).port)
    answers = [dialler.send() for _ in range(100)]
    assert dialler.world.driver.drive(lambda: all(a.outcome for a in answers), TIMEOUT_S)
    numbers = [int(a.outcome.topics[0].name) for a in answers]
    assert numbers == list(range(numbers[0], numbers[0] + 100))


def test_what_the_broker_does_not_speak_is_said_and_harms_no_other_request(peers, dial) -> None:
    dialler = dial(peers(honest).port)
    assert isinstance(dialler.ask(None, (13, 13)), UnsupportedVersion)
    assert isinstance(dialler.ask(), MetadataResponse)


def test_a_broker_that_knows_no_version_of_api_versions_but_0_is_asked_again_in_that(peers, dial) -> None:
    def old(peer: Peer, sock: socket.socket) -> None:
        header = peer.read(sock)
        assert header.request_api_version == 5
        parts = frames.encode_response(ApiVersionsResponse(error_code=35), 0, header.correlation_id)
        sock.sendall(b"".join(parts))
        honest(peer, sock)

    peer = peers(old)
    assert isinstance(dial(peer.port).ask(), MetadataResponse)
    assert [h.request_api_version for h in peer.headers] == [5, 0, 12]


def test_nothing_is_sent_to_another_node_than_the_one_that_is_meant(peers, dial) -> None:
    def another(peer: Peer, sock: socket.socket) -> None:
        header = peer.read(sock)
        peer.answer(sock, header, ApiVersionsResponse(error_code=129))
        assert peer.read(sock) is None

    peer = peers(another)
    outcome = dial(peer.port, node_id=3, cluster_id="a-cluster").ask()
    assert type(outcome) is Misrouted
    assert "isn't node 3 of the cluster any more" in outcome.message
    assert [header.request_api_key for header in peer.headers] == [18]


def test_a_large_request_arrives_whole_though_the_socket_takes_it_in_pieces(peers, dial) -> None:
    sizes: list[int] = []

    def slow(peer: Peer, sock: socket.socket) -> None:
        peer.greet(sock)
        size = int.from_bytes(sock.recv(4, socket.MSG_WAITALL), "big")
        sizes.append(len(sock.recv(size, socket.MSG_WAITALL)))
        header = SimpleNamespace(request_api_version=12, correlation_id=2)
        peer.answer(sock, header, metadata_of("x"))

    names = [f"{index:0100}" for index in range(100_000)]
    from kstore.schema.messages.metadata import MetadataRequestTopic

    dialler = dial(peers(slow).port)
    request = MetadataRequest(topics=[MetadataRequestTopic(name=name) for name in names])
    assert isinstance(dialler.ask(request), MetadataResponse)
    assert sizes[0] > 10_000_000


@pytest.mark.parametrize("delayed", [False, True])
def test_a_large_answer_comes_whole_however_much_of_it_is_there_at_once(peers, dial, delayed) -> None:
    topics = [MetadataResponseTopic(name=f"{index:0100}") for index in range(100_000)]
    parts: list[bytes] = []

    def behave(peer: Peer, sock: socket.socket) -> None:
        peer.greet(sock)
        header = peer.read(sock)
        parts.extend(
            frames.encode_response(MetadataResponse(topics=topics), header.request_api_version, header.correlation_id)
        )
        data = memoryview(b"".join(parts))
        for begin in range(0, len(data), 1_500_000 if delayed else len(data)):
            sock.sendall(data[begin : begin + 1_500_000] if delayed else data)
        peer.read(sock)

    answer = dial(peers(behave).port).ask()
    assert [topic.name for topic in answer.topics] == [topic.name for topic in topics]


def test_produce_without_acks_ends_at_once_as_nothing_is_ever_answered(peers, dial) -> None:
    dialler = dial(peers(honest).port)
    answers = [dialler.send(ProduceRequest(acks=0, timeout_ms=1, topic_data=[]), (9, 12)), dialler.send()]
    assert dialler.world.driver.drive(lambda: answers[1].outcome, TIMEOUT_S)
    assert answers[0].outcome is None
    assert not dialler.link.under_way


def ends_after_a_request(peer: Peer, sock: socket.socket) -> None:
    peer.greet(sock)
    peer.read(sock)


def says(data: bytes) -> Callable[[Peer, socket.socket], None]:
    def behave(peer: Peer, sock: socket.socket) -> None:
        sock.sendall(data)

    return behave


def answers(data: bytes) -> Callable[[Peer, socket.socket], None]:
    def behave(peer: Peer, sock: socket.socket) -> None:
        ends_after_a_request(peer, sock)
        sock.sendall(data)

    return behave


def answers_unasked(peer: Peer, sock: socket.socket) -> None:
    peer.greet(sock)
    sock.sendall(b"\0\0\0\5\0\0\0\2\0")
    peer.read(sock)


MISBEHAVIOURS = {
    "closes at once": says(b""),
    "closes instead of answering": ends_after_a_request,
    "a negative length": says(b"\xff\xff\xff\xff"),
    "another protocol": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an answer that ends too soon": answers(b"\0\0\0\5\0\0\0\2\0"),
    "an answer to another request": answers(b"\0\0\0\5\0\0\0\x63\0"),
    "a response to no request": answers_unasked,
}


@pytest.mark.parametrize("misbehave", MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_a_peer_that_goes_wrong_breaks_the_link_and_the_next_request_opens_it_anew(peers, dial, misbehave) -> None:
    def behave(peer: Peer, sock: socket.socket) -> None:
        if peer.connections == 1:
            misbehave(peer, sock)
        else:
            honest(peer, sock)

    dialler = dial(peers(behave).port)
    outcomes = [dialler.ask(), dialler.ask()]
    assert isinstance(outcomes[0], (Disconnected, MetadataResponse))
    assert isinstance(outcomes[1], MetadataResponse)


def test_what_is_not_answered_in_time_breaks_the_link(peers, dial) -> None:
    silent = threading.Event()

    def behave(peer: Peer, sock: socket.socket) -> None:
        peer.greet(sock)
        silent.wait(TIMEOUT_S)

    dialler = dial(peers(behave).port)
    outcome = dialler.ask(timeout_ms=50)
    silent.set()
    assert isinstance(outcome, Disconnected)
    assert "in time" in str(outcome)


def test_nobody_listening_is_said_with_the_address(dial) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    outcome = dial(port).ask()
    assert isinstance(outcome, Disconnected)
    assert f"127.0.0.1:{port} can't be reached" in str(outcome)


def test_a_name_that_nobody_has_is_said(dial) -> None:
    outcome = dial(9092, host="no-such-host.invalid").ask()
    assert isinstance(outcome, Disconnected)
    assert "no-such-host.invalid" in str(outcome)


def test_a_name_is_tried_at_each_of_its_addresses(peers, dial) -> None:
    dialler = dial(peers(honest).port, host="localhost")  # where it is ::1 first, nobody listens there
    assert isinstance(dialler.ask(), MetadataResponse)


def addresses_of(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Have every name stand for these addresses."""
    known = socket.getaddrinfo

    def found(host: str, port: int, **how: Any) -> Any:
        if host in hosts or how.get("flags"):
            return known(host, port, **how)
        return [each for host in hosts for each in known(host, port, **how)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_an_address_that_says_nothing_is_given_up_for_the_next_one(peers, dial, monkeypatch) -> None:
    peer = peers(honest)
    addresses_of(monkeypatch, "127.0.0.2", "127.0.0.1")
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.2", peer.port))
        full.listen(0)
        for each in (first, second):  # nobody accepts: what comes next waits to be heard
            each.setblocking(False)
            each.connect_ex(("127.0.0.2", peer.port))
        dialler = dial(peer.port, host="two-places.example", socket_connection_setup_timeout_ms=50)
        assert isinstance(dialler.ask(), MetadataResponse)


def test_too_many_open_files_are_a_link_that_breaks_and_opens_again(peers, dial, monkeypatch) -> None:
    dialler = dial(peers(honest).port)

    def refuse(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(socket, "socket", refuse)
        assert "Too many open files" in str(dialler.ask())
    assert isinstance(dialler.ask(), MetadataResponse)


def test_a_closed_link_answers_everybody_and_takes_nothing_more(peers, dial) -> None:
    dialler = dial(peers(honest).port)
    answer = dialler.send()
    dialler.world.driver.call(dialler.link.close)
    assert isinstance(answer.outcome, Disconnected)
    assert isinstance(dialler.send().outcome, Disconnected)


def test_a_link_that_nobody_uses_is_closed_and_opened_again_when_it_is_needed(peers, dial) -> None:
    peer = peers(honest)
    dialler = dial(peer.port, connections_max_idle_ms=20)
    dialler.ask()
    assert dialler.world.driver.drive(lambda: dialler.link.sock is None, TIMEOUT_S)
    assert isinstance(dialler.ask(), MetadataResponse)
    assert peer.connections == 2
