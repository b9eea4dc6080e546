"""A forked child lives on: it holds nothing of its parent's, who restarts brokers, closes and goes on all the same."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from present import present

import kstore
from actors.runtime.driver import ForkedError
from kstore import Cluster
from kstore.fs import LockedError
from kstore.fs.posix import PosixFileSystem


@contextmanager
def child() -> Iterator[None]:
    """A forked child that lives while the block runs."""
    readable, writable = os.pipe()
    number = os.fork()
    if not number:
        os.close(writable)
        os.read(readable, 1)
        os._exit(0)
    os.close(readable)
    try:
        yield
    finally:
        os.close(writable)
        os.waitpid(number, 0)


def done_in_child(work: Callable[[], None]) -> bool:
    """Whether a forked child can do something."""
    number = os.fork()
    if not number:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == 0


@pytest.fixture(params=["listen", "disk", "both"])
def keywords(request, tmp_path):
    listen, disk = {"listen": "127.0.0.1:0"}, {"data_dir": str(tmp_path / "data")}
    return {"listen": listen, "disk": disk, "both": {**listen, **disk}}[request.param]


def test_brokers_are_restarted_and_the_cluster_closed_while_a_child_lives(keywords) -> None:
    cluster = Cluster(**keywords)
    producer = cluster.producer()
    producer.send("numbers", b"1").get()
    with child():
        cluster.faults.restart(1)
        producer.send("numbers", b"2").get(timeout=30)
        cluster.close()
        if "data_dir" in keywords:
            with Cluster(**keywords) as again:
                assert [record.value for record in again.records("numbers")] == [b"1", b"2"]


def test_the_port_is_free_for_others_while_a_child_lives() -> None:
    cluster = Cluster(listen="127.0.0.1:0")
    listen = cluster.bootstrap_servers
    with child():
        cluster.close()
        with Cluster(listen=listen) as again:
            assert again.bootstrap_servers == listen


def test_connections_end_while_a_child_lives() -> None:
    cluster = Cluster(listen="127.0.0.1:0")
    host, port = cluster.bootstrap_servers.split(":")
    client = socket.create_connection((host, int(port)), timeout=30)
    cluster.wait_for(lambda: present(cluster.ports).listeners[1].channels)
    with child():
        cluster.close()
        assert client.recv(1) == b""
    client.close()


def test_a_clients_connections_end_while_a_child_lives() -> None:
    with Cluster(listen="127.0.0.1:0") as cluster:
        producer = kstore.Producer(bootstrap_servers=cluster.bootstrap_servers)
        producer.send("numbers", b"1").get()
        assert present(cluster.ports).listeners[1].channels
        with child():
            producer.close()
            cluster.wait_for(lambda: not present(cluster.ports).listeners[1].channels)


def test_a_childs_end_harms_no_parent() -> None:
    with Cluster(listen="127.0.0.1:0") as cluster:
        producer = kstore.Producer(bootstrap_servers=cluster.bootstrap_servers)
        producer.send("numbers", b"1").get()

        def work() -> None:
            producer.close()
            cluster.close()

        assert done_in_child(work)
        producer.send("numbers", b"2").get(timeout=30)
        assert len(cluster.records("numbers", 2)) == 2
        producer.close()


def test_a_child_has_clusters_of_its_own_and_none_of_its_parents(keywords, tmp_path) -> None:
    with Cluster(**keywords) as cluster:
        producer = cluster.producer()

        def work() -> None:
            for use in (lambda: producer.send("numbers", b"1").get(), lambda: cluster.records("numbers")):
                with pytest.raises(ForkedError):
                    use()
            own = {**keywords, **({"data_dir": str(tmp_path / "own")} if "data_dir" in keywords else {})}
            with Cluster(**own) as mine:
                mine.producer().send("numbers", b"1").get(timeout=30)

        assert done_in_child(work)
        producer.send("numbers", b"1").get(timeout=30)


def test_a_lock_that_is_given_up_is_free_though_a_child_has_it_as_well(tmp_path) -> None:
    fs = PosixFileSystem(tmp_path)
    lock = fs.lock("lock")

    def work() -> None:
        try:
            fs.lock("lock")
        except LockedError:
            return
        raise AssertionError("the parent has it")

    assert done_in_child(work)
    with child():
        lock.release()
        fs.lock("lock").release()


def test_numbers_of_descriptors_that_a_child_let_go_of_stay_taken(tmp_path) -> None:
    fs = PosixFileSystem(tmp_path)
    lock = fs.lock("lock")
    number = lock.descriptors()[0]

    def work() -> None:
        assert os.fstat(number).st_rdev == os.stat(os.devnull).st_rdev
        lock.release()

    assert done_in_child(work)
