"""Answers that clients don't take: how much memory they have together, and who leaves first; no socket, no clock."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from actors.network import tcp_channel
from actors.network.answers import LARGEST_PIECE_BYTES, LARGEST_READ_BYTES, SMALLEST_PIECE_BYTES, AnswerMemory, Writing
from actors.network.channel_messages import AnswersTaken
from actors.network.request_memory import RequestMemory
from actors.network.tcp_channel import TcpChannel
from actors.runtime.limits import WRITE_CHUNK_BYTES
from kstore.fs import FileSlice

KIB = 1024
MIB = 1024 * 1024


class Transport:
    """A socket that takes ``takes`` bytes in all; the rest of what it was handed stays in its buffer."""

    def __init__(self, channel: TcpChannel, takes: int) -> None:
        self.channel, self.takes = channel, takes
        self.buffer = b""
        self.got = bytearray()
        self.aborted = self.closed = False
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.buffer, "the channel waits until the socket has taken what it was handed"
        self.buffer = bytes(data)
        self.take(0)
        if self.buffer:
            self.channel.pause_writing()

    def writelines(self, parts: list[Any]) -> None:
        self.write(b"".join(parts))

    def take(self, more: int) -> None:
        """The client reads so much more."""
        self.takes += more
        while self.takes and self.buffer:
            count = min(self.takes, len(self.buffer))
            self.got += self.buffer[:count]
            self.buffer = self.buffer[count:]
            self.takes -= count
            if not self.buffer and not self.channel.may_write:
                self.channel.resume_writing()
                self.channel.listener.writing.go_on()

    def get_write_buffer_size(self) -> int:
        return len(self.buffer)

    def is_closing(self) -> bool:
        return self.aborted or self.closed

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Side:
    """The broker's side of some connections."""

    def __init__(self, bytes_max: int) -> None:
        self.now = 1000.0
        self.answers = AnswerMemory(bytes_max)
        self.told: list[Any] = []
        self.soon: list[Any] = []
        loop: Any = SimpleNamespace(call_soon=self.soon.append, time=lambda: self.now)
        self.writing = Writing(loop)
        self.listener: Any = SimpleNamespace(
            loop=loop,
            read_buffer=memoryview(bytearray(1024)),
            frame_bytes_max=MIB,
            answers=self.answers,
            room=RequestMemory(loop, 64 * MIB, MIB),
            writing=self.writing,
            idle_seconds_max=600,
            disconnected=lambda _: None,
            node=SimpleNamespace(alive=False),
        )

    def connect(self, takes: int = 0) -> TcpChannel:
        channel = TcpChannel(self.listener, "127.0.0.1", "PLAINTEXT")
        channel.transport = Transport(channel, takes)
        channel.connection = SimpleNamespace(tell=self.told.append)
        channel.under_way_bytes = 1
        return channel


@pytest.fixture(autouse=True)
def encoded(monkeypatch):
    """Responses here are the parts that they are encoded to."""
    monkeypatch.setattr(tcp_channel, "frames", SimpleNamespace(encode_response=lambda response, *_: response))


def respond(channel: TcpChannel, *parts: Any) -> None:
    response: Any = list(parts)
    channel.respond(1, response, 0)


def answer(channel: TcpChannel, *parts: Any) -> None:
    respond(channel, *parts)
    channel.flush()
    channel.listener.writing.go_on()


class SlicedFile:
    """A file of the zeros that a disk has many of; counts what was read of it."""

    cuts = 0
    path = "zeros"
    bytes_read = 0

    def read(self, position: int, nbytes: int) -> bytes:
        self.bytes_read += nbytes
        return bytes(nbytes)


def zeros(nbytes: int, file: SlicedFile | None = None) -> FileSlice:
    """A piece of such a file."""
    sliced: Any = file or SlicedFile()
    return FileSlice(sliced, 0, nbytes)


def test_what_a_socket_takes_in_its_turn_is_not_held_against_anybody():
    side = Side(6 * MIB)
    channel = side.connect(takes=100 * MIB)
    answer(channel, b"head", bytes(10 * MIB), zeros(5 * MIB))
    assert len(channel.transport.got) == 4 + 15 * MIB
    assert (side.answers.bytes_held, list(side.answers.readers)) == (0, [])
    assert not channel.is_backed_up


def test_a_slow_reader_gets_all_of_it_in_order_and_gives_the_memory_back():
    side = Side(64 * MIB)
    channel = side.connect(takes=5)
    data = bytes(range(256)) * 8 * KIB
    answer(channel, b"head", data, b"x" * 2000, memoryview(data)[5:], zeros(3 * MIB), b"end")
    assert side.answers.bytes_held > 4 * MIB
    while channel.is_backed_up:
        channel.transport.take(100_001)
        assert side.answers.bytes_held <= 5 * MIB
    assert channel.transport.got == b"head" + data + b"x" * 2000 + data[5:] + bytes(3 * MIB) + b"end"
    assert side.answers.bytes_held == 0


def test_of_a_file_no_more_is_read_than_the_socket_was_handed():
    side = Side(64 * MIB)
    file = SlicedFile()
    answer(side.connect(takes=WRITE_CHUNK_BYTES), zeros(50 * MIB, file))
    assert file.bytes_read == 3 * WRITE_CHUNK_BYTES  # it gets twice as much as it has taken at once
    assert side.answers.bytes_held == 2 * WRITE_CHUNK_BYTES


def sizes_written(channel: TcpChannel, *parts: Any) -> list[int]:
    """Of the pieces in which an answer is handed to a socket."""
    sizes: list[int] = []
    write = channel.transport.write

    def noted(data: Any) -> Any:
        sizes.append(len(data))
        return write(data)

    channel.transport.write = noted
    answer(channel, *parts)
    return sizes


def test_pieces_get_larger_while_a_socket_takes_them_at_once_and_smaller_when_it_does_not():
    side = Side(256 * MIB)
    channel = side.connect(takes=9 * MIB)
    kib = [size // KIB for size in sizes_written(channel, memoryview(bytes(14 * MIB)))]
    assert kib == [256, 512, 1024, 2048, 4096, 4096]  # of the last, a part
    assert channel.unsent.piece_bytes == LARGEST_PIECE_BYTES // 2


def test_small_answers_make_no_pieces_larger():
    channel = Side(256 * MIB).connect(takes=100 * MIB)
    for _ in range(20):
        answer(channel, bytes(100 * KIB))
    assert channel.unsent.piece_bytes == WRITE_CHUNK_BYTES


def test_of_a_file_no_more_is_read_at_once_than_stays_in_the_cache():
    channel = Side(256 * MIB).connect(takes=100 * MIB)
    sizes = sizes_written(channel, bytes(4 * MIB), zeros(3 * MIB), b"", b"end")
    assert max(sizes[4:]) <= LARGEST_READ_BYTES < max(sizes)
    assert sum(sizes) == len(channel.transport.got) == 7 * MIB + 3


def test_a_part_that_many_wait_for_counts_once():
    side = Side(64 * MIB)
    batch = memoryview(bytes(2 * MIB))
    channels = [side.connect() for _ in range(50)]
    for channel in channels:
        answer(channel, b"head", batch)
    assert side.answers.bytes_held < 2 * MIB + 51 * WRITE_CHUNK_BYTES
    for channel in channels:
        channel.transport.take(4 * MIB)
    assert side.answers.bytes_held == 0


def test_pieces_get_smaller_as_memory_gets_short():
    side = Side(8 * MIB)
    for _ in range(200):
        answer(side.connect(), zeros(MIB))
    assert side.answers.bytes_held <= side.answers.bytes_max
    assert side.answers.piece_bytes() == SMALLEST_PIECE_BYTES
    assert len(side.answers.readers) == 200


def test_beyond_the_bound_those_leave_that_have_taken_nothing_for_longest():
    side = Side(10 * MIB)
    channels = [side.connect() for _ in range(9)]
    for channel in channels:
        answer(channel, bytes(MIB))
    channels[0].transport.take(MIB // 2)  # it is slow, but reads
    late = [side.connect() for _ in range(4)]
    for channel in late:
        answer(channel, bytes(MIB))
        assert side.answers.bytes_held <= side.answers.bytes_max
    left = [channel.transport.aborted for channel in channels]
    assert not left[0]
    assert 3 <= sum(left) <= 5
    assert all(left[1 : sum(left) + 1])
    assert not any(channel.transport.aborted for channel in late)


def test_an_answer_larger_than_the_bound_closes_its_own_connection_and_leaves_nothing():
    side = Side(MIB)
    channel = side.connect()
    answer(channel, bytes(3 * MIB))
    assert channel.transport.aborted
    assert side.answers.bytes_held == 0


def test_answers_of_one_turn_are_counted_before_it_ends():
    side = Side(4 * MIB)
    channel = side.connect()
    for _ in range(3):
        respond(channel, bytes(MIB))
    assert side.answers.bytes_held >= 3 * MIB
    assert channel.is_backed_up


def test_a_connection_that_waits_is_told_once_when_everything_was_taken_and_not_read_from_until_then():
    side = Side(64 * MIB)
    channel = side.connect(takes=10)
    answer(channel, bytes(MIB))
    assert channel.transport.reading
    channel.tell_when_taken()
    assert not channel.transport.reading
    channel.transport.take(MIB // 2)
    assert side.told == []
    channel.transport.take(MIB)
    assert side.told == [AnswersTaken()]
    assert channel.transport.reading


def test_a_client_that_goes_away_gives_back_what_it_left():
    side = Side(64 * MIB)
    channel = side.connect()
    answer(channel, b"head", bytes(5 * MIB), zeros(MIB))
    channel.connection_lost(None)
    assert (side.answers.bytes_held, len(side.answers.readers)) == (0, 0)


def test_a_client_that_takes_nothing_for_the_idle_time_is_overdue_though_it_waits_for_more():
    side = Side(64 * MIB)
    channel = side.connect()
    assert not channel.is_overdue(side.now + 601)
    answer(channel, bytes(MIB))
    assert not channel.is_overdue(side.now + 599)
    assert channel.is_overdue(side.now + 601)


def test_large_answers_of_many_are_written_in_turn_and_others_are_looked_after_between(monkeypatch):
    side = Side(1 << 40)
    channels = [side.connect(takes=1 << 40) for _ in range(100)]
    for channel in channels:
        respond(channel, zeros(2 * MIB))
        channel.flush()

    def later() -> float:
        side.now += 0.001
        return side.now

    monkeypatch.setattr(side.writing.loop, "time", later)
    looks = 0
    while side.writing.queue:
        side.soon.pop()()
        looks += 1
        written = [len(channel.transport.got) for channel in channels]
        assert max(written) - min(written) <= LARGEST_READ_BYTES
    assert looks >= 100 * 4 // 6  # pieces of 1/4, 1/2, 1 and 1/4 MiB
    assert min(written) == 2 * MIB


def test_an_answer_to_a_connection_that_is_gone_is_not_written():
    side = Side(MIB)
    channel = side.connect(takes=MIB)
    respond(channel, zeros(MIB))
    channel.flush()
    channel.transport.abort()
    side.writing.go_on()
    assert (len(channel.transport.got), len(side.writing.queue)) == (0, 0)
