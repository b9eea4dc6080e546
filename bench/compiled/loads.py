"""The loads: what a record passes in the process and on its way over TCP.

``python -m bench.compiled.loads LIBRARY [MODULE ...]`` runs all of them in this process and has each counted by itself.
The modules named, ``actors/broker/call.py``, are run as Python; all others of ``compiled.txt`` have to be compiled.
Garbage isn't collected while a load is counted, for when that happens depends on what ran before.
"""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location

import kstore
from bench.compiled.listed import ROOT, listed

RECORDS = 50
BULK_RECORDS = 4_000
WARM_UP = 20
BULK_VALUE = b"x" * 1000
VALUE = b"x" * 100


class AsPython:
    """Finds some modules as their sources, whatever lies beside them."""

    def __init__(self, sources: Iterable[str]) -> None:
        self.sources = {name_of(source): ROOT / source for source in sources}

    def find_spec(self, name: str, _path: object = None, _target: object = None, /) -> ModuleSpec | None:
        return spec_from_file_location(name, self.sources[name]) if name in self.sources else None


def name_of(source: str) -> str:
    return source.removesuffix(".py").replace("/", ".")


class Counting:
    """Has callgrind count a block, under a name."""

    def __init__(self, library: str) -> None:
        self.requests = ctypes.CDLL(library)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        gc.collect()
        gc.disable()
        self.requests.start_counting()
        yield
        self.requests.end_counting(name.encode())
        gc.enable()


def one_by_one(counting: Counting) -> None:
    """Each record is acknowledged by three replicas before the next is sent; on virtual time."""
    with kstore.Cluster(3, seed=1) as cluster, cluster.producer() as producer:
        cluster.create_topic("orders", partitions=1, replication_factor=3)
        for _ in range(WARM_UP):
            producer.send("orders", VALUE).get()
        with counting("record"):
            for _ in range(RECORDS):
                producer.send("orders", VALUE).get()


def in_bulk(counting: Counting) -> None:
    """Records of 1 kB in batches, sent to one replica and consumed; on virtual time."""
    with kstore.Cluster(1, seed=1) as cluster, cluster.producer() as producer:
        cluster.create_topic("orders", partitions=1, replication_factor=1)
        consumer = cluster.consumer()
        consumer.assign([kstore.TopicPartition("orders", 0)])
        consumer.seek_to_beginning()
        values = [BULK_VALUE] * (BULK_RECORDS // 4)
        send_and_consume(producer, consumer, values)
        with counting("bulk"):
            for _ in range(4):
                send_and_consume(producer, consumer, values)


def send_and_consume(producer: kstore.Producer, consumer: kstore.Consumer, values: list[bytes]) -> None:
    producer.send_many("orders", values)
    producer.flush()
    left = len(values)
    while left:
        left -= sum(map(len, consumer.poll(1000).values()))


def over_tcp(counting: Counting) -> None:
    """The side of the server: a client in a process of its own has records appended to a disk and fetches each."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-compiled-") as folder,
        kstore.Cluster(1, data_dir=folder, listen="127.0.0.1:0") as cluster,
    ):
        cluster.create_topic("orders", partitions=1, replication_factor=1)
        command = [sys.executable, "-m", "bench.compiled.client", cluster.bootstrap_servers.rpartition(":")[2]]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            ask(client, WARM_UP)
            with counting("tcp"):
                ask(client, RECORDS)


def ask(client: subprocess.Popen[str], records: int) -> None:
    """Have the client send and fetch so many."""
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(f"{records}\n")
    client.stdin.flush()
    assert client.stdout.readline() == "done\n", "the client has ended"


def check(as_python: Sequence[str]) -> None:
    """All modules are what they have to be, and are there."""
    for each in listed():
        module = sys.modules.get(name_of(each))
        assert module is not None, f"no load imports {each}"
        assert module.__file__ is not None
        assert module.__file__.endswith(".py") == (each in as_python), f"{module.__file__}: run `make build` first"


def main(library: str, *as_python: str) -> None:
    counting = Counting(library)
    sys.meta_path.insert(0, AsPython(as_python))
    one_by_one(counting)
    in_bulk(counting)
    over_tcp(counting)
    check(as_python)


if __name__ == "__main__":
    main(*sys.argv[1:])
