"""Many transactional ids, made by one client of bare sockets: a connection to each coordinator, requests in a row.

Each id is initialized or, to be used as well, has had a transaction with one record that was committed, by the first
protocol. All of them are at rest then.
"""

import socket
import struct
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from bench.peers.raw import STALLED_AFTER_S, WrongAnswer
from kstore.records import BatchBuilder
from kstore.schema import decode, frames
from kstore.schema.messages.add_partitions_to_txn import AddPartitionsToTxnRequest, AddPartitionsToTxnTopic
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from kstore.schema.struct import Message

T = TypeVar("T")

TRANSACTION = 1
PORTION = 100
"""Ids of one partition that have requests under way together; markers of one producer then come by the dozen."""

FIND, INIT, ADD, PRODUCE, END = 4, 3, 3, 9, 3
"""The versions that are spoken."""

CONCURRENT_TRANSACTIONS = 51
Address = tuple[str, int]


class Connection:
    """Sends requests of one kind in a row, and gives their answers in their order."""

    def __init__(self, address: Address) -> None:
        self._socket = socket.create_connection(address, timeout=STALLED_AFTER_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb")

    def ask(self, version: int, requests: Sequence[Message]) -> list[Message]:
        asked = [b"".join(map(bytes, frames.encode_request(each, version, 0, "ids"))) for each in requests]
        self._socket.sendall(b"".join(asked))
        return [self._answer(each.API_KEY, version) for each in requests]

    def repeat(self, version: int, request: Message, count: int) -> list[float]:
        """Send a request so many times, each when the one before is answered; the seconds that each takes. The answers
        must be the same bytes, so that they needn't be decoded.
        """
        data = b"".join(map(bytes, frames.encode_request(request, version, 0, "ids")))
        took: list[float] = []
        first = b""
        for _ in range(count):
            started = time.perf_counter()
            self._socket.sendall(data)
            answer = self._file.read(len(first)) if first else self._frame()
            took.append(time.perf_counter() - started)
            first = first or answer
            if answer != first:
                raise WrongAnswer(f"an answer differs from the first: {answer.hex()}, {first.hex()}")
        return took

    def _frame(self) -> bytes:
        head = self._file.read(4)
        return head + self._file.read(struct.unpack(">i", head)[0])

    def _answer(self, key: int, version: int) -> Message:
        head = self._file.read(4)
        if len(head) < 4:
            raise WrongAnswer("the server closed the connection")
        (size,) = struct.unpack(">i", head)
        frame = self._file.read(size)
        return decode(frames.response_class(key), version, frame, frames.decode_response_header(key, version, frame)[1])

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def make(bootstrap: Address, names: list[str], leader: Address | None = None, topic: str = "") -> None:
    """Initialize these ids and, if a topic is named and who leads its partition 0, use each."""
    with_leader = None if leader is None else Connection(leader)
    for address, found in _coordinators(bootstrap, names).items():
        connection = Connection(address)
        for portion in _portions(found):
            _make_some(connection, portion, with_leader, topic)
        connection.close()
    if with_leader is not None:
        with_leader.close()


def _portions(names: list[T]) -> Iterator[list[T]]:
    for first in range(0, len(names), PORTION):
        yield names[first : first + PORTION]


def _coordinators(bootstrap: Address, names: list[str]) -> dict[Address, list[str]]:
    """The ids by the address of their coordinator."""
    connection = Connection(bootstrap)
    by_address: dict[Address, list[str]] = defaultdict(list)
    deadline = time.monotonic() + STALLED_AFTER_S
    while names:
        request = FindCoordinatorRequest(key_type=TRANSACTION, coordinator_keys=names)
        (answer,) = connection.ask(FIND, [request])
        names = []
        for each in answer.coordinators:  # type: ignore[attr-defined]
            if each.error_code:
                names.append(each.key)
            else:
                by_address[each.host, each.port].append(each.key)
        if names and time.monotonic() > deadline:
            raise WrongAnswer(f"{len(names)} ids have no coordinator")
    connection.close()
    return by_address


def _make_some(connection: Connection, names: list[str], with_leader: Connection | None, topic: str) -> None:
    wanted = [InitProducerIdRequest(transactional_id=name, transaction_timeout_ms=60_000) for name in names]
    made = _checked(connection.ask(INIT, wanted))
    if with_leader is None:
        return
    producers = {
        name: (each.producer_id, each.producer_epoch)  # type: ignore[attr-defined]
        for name, each in zip(names, made, strict=True)
    }
    places = [AddPartitionsToTxnTopic(name=topic, partitions=[0])]
    added: list[Message] = [
        AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=name,
            v3_and_below_producer_id=producer_id,
            v3_and_below_producer_epoch=epoch,
            v3_and_below_topics=places,
        )
        for name, (producer_id, epoch) in producers.items()
    ]
    connection.ask(ADD, added)
    answers = with_leader.ask(PRODUCE, [_produced(name, topic, *producer) for name, producer in producers.items()])
    for answer in answers:
        _check(answer.responses[0].partition_responses[0].error_code)  # type: ignore[attr-defined]
    ended: list[Message] = [
        EndTxnRequest(transactional_id=name, producer_id=producer_id, producer_epoch=epoch, committed=True)
        for name, (producer_id, epoch) in producers.items()
    ]
    _checked(connection.ask(END, ended))


def _produced(name: str, topic: str, producer_id: int, epoch: int) -> ProduceRequest:
    builder = BatchBuilder(producer_id=producer_id, producer_epoch=epoch, base_sequence=0, transactional=True)
    builder.append(int(time.time() * 1000), None, b"x" * 100)
    data = PartitionProduceData(index=0, records=builder.build())
    topics = [TopicProduceData(name=topic, partition_data=[data])]
    return ProduceRequest(transactional_id=name, acks=-1, timeout_ms=30_000, topic_data=topics)


def _checked(answers: Iterable[Message]) -> list[Message]:
    answers = list(answers)
    for answer in answers:
        _check(answer.error_code)  # type: ignore[attr-defined]
    return answers


def _check(code: int) -> None:
    if code:
        raise WrongAnswer(f"error {code} for a transactional id")
