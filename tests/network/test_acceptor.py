"""Who is taken from a listening socket, and what happens when there are no descriptors to take anybody with."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from network.peers import PATIENCE_S, api_versions, assert_serves, connect, is_closed, read_frame
from present import present

from actors.cluster import Cluster
from actors.network import acceptor as accepting
from actors.network import listener as listening
from actors.network.acceptor import Acceptor


class Loop:
    """A loop that does nothing by itself."""

    def __init__(self) -> None:
        self.readers: list[Any] = []
        self.later: list[Any] = []

    def add_reader(self, sock: Any, ready: Any) -> None:
        self.readers.append(ready)

    def remove_reader(self, sock: Any) -> None:
        self.readers.pop()

    def call_later(self, seconds: float, action: Any) -> Any:
        self.later.append(action)
        return SimpleNamespace(cancel=lambda: self.later.remove(action))


class ListeningSocket:
    """A listening socket at which clients wait; each needs one of ``free`` descriptors."""

    def __init__(self, clients: int, free: int) -> None:
        self.clients, self.free = clients, free
        self.closed = 0

    def accept(self) -> Any:
        if not self.clients:
            raise BlockingIOError
        if not self.free:
            raise OSError(errno.EMFILE, "Too many open files")
        self.clients -= 1
        return SimpleNamespace(close=self._close_client, fileno=lambda: 3), ("10.0.0.1", 1)

    def _close_client(self) -> None:
        self.closed += 1

    def close(self) -> None: ...


@pytest.fixture
def spare_descriptors(monkeypatch):
    """What opening and closing the spare descriptor does to a listening socket's free ones."""

    def bind(sock: ListeningSocket) -> None:
        def take(*_: Any) -> int:
            if not sock.free:
                raise OSError(errno.EMFILE, "Too many open files")
            sock.free -= 1
            return 99

        def give(_: int) -> None:
            sock.free += 1

        monkeypatch.setattr(
            accepting, "os", SimpleNamespace(open=take, close=give, devnull="", O_RDONLY=0, O_CLOEXEC=0)
        )

    return bind


def waiting_clients(
    spare_descriptors: Callable[[ListeningSocket], None], clients: int, *, takes: bool = True
) -> tuple[Loop, ListeningSocket, Acceptor]:
    """A socket at which clients wait, and one who accepts them; one descriptor is free."""
    loop, sock = Loop(), ListeningSocket(clients, free=1)
    spare_descriptors(sock)
    asyncios: Any = loop
    sockets: Any = sock
    return loop, sock, Acceptor(asyncios, sockets, lambda *_: takes, lambda _: asyncio.Protocol())


def test_clients_that_come_when_descriptors_have_run_out_are_closed_by_means_of_the_spare_one(spare_descriptors):
    loop, sock, acceptor = waiting_clients(spare_descriptors, 5)
    acceptor.ready()
    assert (sock.clients, sock.closed, acceptor.spare) == (0, 5, 99)
    assert loop.readers == [acceptor.ready]
    assert not loop.later


def test_when_even_the_spare_one_is_used_up_nobody_is_taken_until_there_is_one_again(spare_descriptors):
    loop, sock, acceptor = waiting_clients(spare_descriptors, 5)
    acceptor.spare = None  # another connection got it
    acceptor.ready()
    assert (sock.clients, loop.readers, len(loop.later)) == (5, [], 1)
    loop.later.pop()()
    assert (loop.readers, len(loop.later)) == ([], 1)
    sock.free = 1
    loop.later.pop()()
    loop.readers[0]()
    assert (sock.clients, sock.closed, acceptor.spare) == (0, 5, 99)


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN])
def test_a_client_that_is_gone_costs_those_behind_it_nothing(spare_descriptors, number, monkeypatch):
    loop, sock, acceptor = waiting_clients(spare_descriptors, 3, takes=False)
    sock.free, failing, accept = 1, [OSError(number, "this one")] * 2, sock.accept

    def accept_or_fail() -> Any:
        if failing:
            raise failing.pop()
        return accept()

    monkeypatch.setattr(sock, "accept", accept_or_fail)
    acceptor.ready()
    assert (sock.clients, sock.closed, acceptor.spare) == (0, 3, 99)
    assert loop.readers == [acceptor.ready]
    assert not loop.later


def test_a_socket_that_always_fails_is_looked_at_now_and_then(spare_descriptors, monkeypatch):
    loop, sock, acceptor = waiting_clients(spare_descriptors, 3)

    def fail() -> Any:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(sock, "accept", fail)
    acceptor.ready()
    assert (loop.readers, len(loop.later), acceptor.spare) == ([], 1, 99)


def test_connections_are_refused_before_the_reserve_of_descriptors_is_touched_and_taken_again_after(
    monkeypatch, caplog
):
    with Cluster(1, listen="127.0.0.1:0") as cluster:
        with connect(cluster) as kept:
            kept.sendall(api_versions())
            assert read_frame(kept)
            with monkeypatch.context() as patched:
                patched.setattr(listening, "ceiling", lambda: 0)
                refused = [connect(cluster) for _ in range(20)]
                assert all(map(is_closed, refused))
                kept.sendall(api_versions())
                assert read_frame(kept)
            for sock in refused:
                sock.close()
        assert_serves(cluster)
    told = [record.getMessage() for record in caplog.records if record.name == "kstore.network"]
    assert len(told) == 1
    assert "refuses connections: the process may have no more open files" in told[0]


def test_files_that_nobody_uses_make_way_for_clients(tmp_path, monkeypatch):
    with Cluster(1, listen="127.0.0.1:0", data_dir=str(tmp_path)) as cluster:
        cluster.create_topic("orders", partitions=40)
        fs: Any = cluster.nodes[1].fs
        handles = fs.handles
        before = len(handles)
        monkeypatch.setattr(listening, "ceiling", lambda: 0)
        assert_serves(cluster)
        assert len(handles) == before - listening.FILES_CLOSED_FOR_A_CLIENT


def test_what_goes_wrong_in_one_look_at_overdue_connections_ends_no_later_one(monkeypatch):
    with Cluster(1, listen="127.0.0.1:0") as cluster:
        listener = present(cluster.ports).listeners[1]
        before = listener.sweeper
        monkeypatch.setattr(listener, "close_overdue", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            cluster.world.driver.call(listener._sweep)
        assert listener.sweeper is not before
        before.cancel()


def test_an_address_has_so_many_connections_as_max_connections_per_ip_allows():
    config = {"max.connections.per.ip": "1", "max.connections.per.ip.overrides": "127.0.0.1:3, 10.0.0.9:0"}
    with Cluster(1, listen="127.0.0.1:0", config=config) as cluster:
        kept = [connect(cluster) for _ in range(3)]
        for sock in kept:
            sock.sendall(api_versions())
            assert read_frame(sock)
        with connect(cluster) as fourth:
            assert is_closed(fourth)
        other = socket.create_connection(
            present(cluster.ports).addresses[1], timeout=PATIENCE_S, source_address=("127.0.0.2", 0)
        )
        with other:
            other.sendall(api_versions())
            assert read_frame(other)
            with socket.create_connection(
                present(cluster.ports).addresses[1], timeout=PATIENCE_S, source_address=("127.0.0.2", 0)
            ) as second:
                assert is_closed(second)
        kept.pop().close()
        listener = present(cluster.ports).listeners[1]
        cluster.wait_for(lambda: listener.hosts == {"127.0.0.1": 2}, PATIENCE_S)
        assert_serves(cluster)
        for sock in kept:
            sock.close()


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:x", ":5", "a:-1"])
def test_an_override_that_is_no_address_and_number_is_refused_by_name(text):
    with pytest.raises(ValueError, match=r"max\.connections\.per\.ip\.overrides: it takes address:number"):
        Cluster(1, config={"max.connections.per.ip.overrides": text})
