"""How reads from a socket become frames, in what memory and within what time; no socket, no loop, no clock."""

from __future__ import annotations

import math
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.network.answers import AnswerRoom
from actors.network.room import SILENT_SECONDS, FrameRoom
from actors.network.tcp import TcpChannel
from actors.runtime.limits import FIRST_PIECE_BYTES, FRAME_SECONDS_MAX, LARGE_FRAME_BYTES

MIB = 1024 * 1024


class Transport:
    def __init__(self) -> None:
        self.ends: list[str] = []
        self.written: list[bytes] = []

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return bool(self.ends)

    def write(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def writelines(self, parts: list[bytes]) -> None:
        self.written += parts

    def abort(self) -> None:
        self.ends.append("aborted")

    def close(self) -> None:
        self.ends.append("closed")

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Side:
    """The broker's side of some connections, with a clock that is set by hand."""

    def __init__(self, room_bytes: int = 1 << 30, idle_seconds: float = math.inf) -> None:
        self.now = 1000.0
        self.frames: list[bytes] = []
        self.bytes_in_flight = 0
        self.room = FrameRoom(room_bytes)
        self.listener: Any = SimpleNamespace(
            loop=SimpleNamespace(time=lambda: self.now),
            read_buffer=memoryview(bytearray(64 * 1024)),
            frame_bytes_max=100 * MIB,
            idle_seconds_max=idle_seconds,
            room=self.room,
            answers=AnswerRoom(1 << 30),
            writing=SimpleNamespace(begin=lambda _: None),
            driver=SimpleNamespace(drain_now=lambda: None),
            node=SimpleNamespace(
                alive=True,
                world=SimpleNamespace(queue=SimpleNamespace(enter=lambda *_: 0, leave=lambda: None)),
            ),
            dirty=[],
            disconnected=lambda _: None,
        )

    def connect(self) -> TcpChannel:
        channel = TcpChannel(self.listener, "127.0.0.1")
        channel.transport = Transport()
        channel.connection = SimpleNamespace(
            tell=lambda message: self.frames.extend(map(bytes, getattr(message, "frames", []))),
            actor_inbox=SimpleNamespace(actor_id=1, actor=self),
        )
        return channel


def send(channel: TcpChannel, data: bytes, piece_bytes: int = 1 << 30) -> None:
    """Bring bytes as a transport does: each read fills the buffer that it is given, or less of it."""
    rest = memoryview(data)
    while rest and not channel.transport.ends:
        buffer = channel.get_buffer(-1)
        count = min(len(buffer), len(rest), piece_bytes)
        buffer[:count] = rest[:count]
        del buffer
        channel.buffer_updated(count)
        rest = rest[count:]


def framed(payload: bytes) -> bytes:
    return struct.pack(">i", len(payload)) + payload


def held_bytes(channel: TcpChannel) -> int:
    return len(channel.large or b"")


@given(
    st.lists(st.sampled_from([1, 3, 200, LARGE_FRAME_BYTES - 1, LARGE_FRAME_BYTES, 70_000]), min_size=1, max_size=6),
    st.sampled_from([1, 7, 4096, 65_536]),
)
def test_however_the_bytes_are_cut_the_frames_come_out_whole_and_in_order(lengths, piece_bytes):
    side = Side()
    payloads = [bytes([number]) * min(length, 400 * piece_bytes) for number, length in enumerate(lengths)]
    send(side.connect(), b"".join(map(framed, payloads)), piece_bytes)
    assert side.frames == payloads
    assert side.room.bytes_held == 0


@pytest.mark.parametrize("extra", [-1, 0, 1, 3 * MIB, 9 * MIB + 5])
def test_a_frame_larger_than_its_first_piece_of_buffer_comes_out_whole(extra):
    side = Side()
    payload = bytes(range(251)) * (FIRST_PIECE_BYTES // 251 + 1)
    payload = (payload * 8)[: FIRST_PIECE_BYTES + extra]
    send(side.connect(), framed(payload) + framed(b"next"), 300_000)
    assert side.frames == [payload, b"next"]
    assert side.room.bytes_held == 0


def test_a_frame_up_to_the_first_piece_is_read_into_one_buffer():
    channel = Side().connect()
    send(channel, framed(bytes(FIRST_PIECE_BYTES))[:10])
    buffer = channel.large
    send(channel, bytes(FIRST_PIECE_BYTES - 7), 100_000)
    assert channel.large is buffer
    assert held_bytes(channel) == FIRST_PIECE_BYTES


def test_a_length_alone_gets_no_more_than_the_first_piece_and_bytes_get_twice_their_own():
    side = Side()
    channel = side.connect()
    send(channel, struct.pack(">i", 100 * MIB) + b"x")
    assert held_bytes(channel) == side.room.bytes_held == FIRST_PIECE_BYTES
    for _ in range(30):
        send(channel, bytes(MIB))
        assert held_bytes(channel) <= max(FIRST_PIECE_BYTES, 2 * channel.filled)
        assert side.room.bytes_held <= max(FIRST_PIECE_BYTES, 2 * channel.filled)


def test_many_lengths_together_take_no_more_than_the_room_and_the_silent_ones_go_first():
    side = Side(room_bytes=10 * FIRST_PIECE_BYTES)
    greedy = []
    for _ in range(30):
        greedy.append(side.connect())
        send(greedy[-1], struct.pack(">i", 100 * MIB) + b"x")
        assert side.room.bytes_held <= side.room.bytes_max
        side.now += SILENT_SECONDS
    assert [bool(channel.transport.ends) for channel in greedy] == [True] * 20 + [False] * 10
    side.now += SILENT_SECONDS
    send(side.connect(), framed(bytes(5 * MIB)))
    assert side.frames == [bytes(5 * MIB)]


def test_when_all_are_sending_the_one_that_asks_for_more_is_closed():
    side = Side(room_bytes=2 * FIRST_PIECE_BYTES)
    first, second, third = side.connect(), side.connect(), side.connect()
    for channel in (first, second, third):
        send(channel, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    assert [channel.transport.ends for channel in (first, second, third)] == [[], [], ["aborted"]]
    send(first, bytes(FIRST_PIECE_BYTES - 1))
    assert side.frames == [b"x" + bytes(FIRST_PIECE_BYTES - 1)]


def test_a_peer_that_is_not_read_from_is_not_taken_for_silent():
    side = Side(room_bytes=2 * FIRST_PIECE_BYTES)
    first, second, third = side.connect(), side.connect(), side.connect()
    for channel in (first, second):
        send(channel, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    first.pause_reading()
    side.now += 10 * SILENT_SECONDS
    send(third, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    assert [channel.transport.ends for channel in (first, second, third)] == [[], ["aborted"], []]


def test_a_frame_that_needs_more_than_the_room_has_left_is_closed_and_gives_all_back():
    side = Side(room_bytes=3 * FIRST_PIECE_BYTES)
    channel = side.connect()
    send(channel, struct.pack(">i", 100 * MIB) + bytes(10 * MIB))
    assert channel.transport.ends == ["aborted"]
    channel.connection_lost(None)
    assert side.room.bytes_held == 0
    assert side.room.holders == {}


@pytest.mark.parametrize("length", [4_000, 100_000], ids=["small", "large"])
def test_a_peer_that_drips_bytes_has_the_time_for_one_frame_and_no_more(length):
    side = Side()
    channel = side.connect()
    data = framed(bytes(length))
    for index in range(60):
        send(channel, data[index : index + 1])
        assert channel.begun_at == 1000.0
        assert not channel.is_overdue(side.now)
        side.now += 1
    assert channel.is_overdue(1000.0 + FRAME_SECONDS_MAX + 1)


def test_each_frame_has_its_own_time():
    side = Side()
    channel = side.connect()
    for _ in range(5):
        send(channel, framed(b"abc")[:5])
        side.now += FRAME_SECONDS_MAX - 1
        send(channel, framed(b"abc")[5:] + framed(b"abc")[:2])
        assert channel.begun_at == side.now
        side.now += FRAME_SECONDS_MAX - 1
        assert not channel.is_overdue(side.now)
        send(channel, framed(b"abc")[2:])
    assert len(side.frames) == 10


def test_the_time_in_which_a_peer_is_not_read_from_is_not_held_against_it():
    side = Side()
    channel = side.connect()
    send(channel, framed(b"abc")[:5])
    channel.pause_reading()
    side.now += 10 * FRAME_SECONDS_MAX
    assert not channel.is_overdue(side.now)
    channel.resume_reading()
    assert not channel.is_overdue(side.now)
    assert channel.is_overdue(side.now + FRAME_SECONDS_MAX + 1)


def test_a_peer_that_has_been_silent_too_long_is_overdue_unless_it_waits_for_an_answer():
    side = Side(idle_seconds=600)
    channel = side.connect()
    assert not channel.is_overdue(side.now + 600)
    assert channel.is_overdue(side.now + 601)
    side.now += 500
    send(channel, framed(b"a request"))
    assert not channel.is_overdue(side.now + 600)
    side.bytes_in_flight = 9
    assert not channel.is_overdue(side.now + 6000)
    side.bytes_in_flight = 0
    assert channel.is_overdue(side.now + 601)


def test_a_closing_connection_sends_what_was_answered_and_drops_what_a_slow_reader_left():
    channel = Side().connect()
    channel.collected.append(b"answer")
    channel.abort()
    assert channel.transport.written == [b"answer"]
    assert channel.transport.ends == ["closed"]
    assert channel.is_overdue(1000 + FRAME_SECONDS_MAX + 1)

    slow = Side().connect()
    slow.pause_writing()
    slow.collected.append(b"answer")
    slow.abort()
    slow.resume_writing()
    assert slow.transport.written == []
    assert slow.transport.ends == ["closed"]
