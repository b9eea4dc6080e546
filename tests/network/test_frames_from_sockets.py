"""How reads from a socket become frames, in what memory and within what time; no socket, no loop, no clock."""

from __future__ import annotations

import math
import struct
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.network.answers import AnswerMemory
from actors.network.request_memory import SILENT_SECONDS, STUCK_SECONDS, RequestMemory
from actors.network.tcp_channel import TcpChannel
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

    def __init__(
        self, room_bytes: int = 1 << 30, idle_seconds: float = math.inf, frame_bytes_max: int = 100 * MIB
    ) -> None:
        self.now = 1000.0
        self.frames: list[bytes] = []
        self.later: list[Any] = []
        loop: Any = SimpleNamespace(time=lambda: self.now, call_later=lambda _, action: self.later.append(action))
        self.room = RequestMemory(loop, room_bytes, frame_bytes_max)
        self.listener: Any = SimpleNamespace(
            loop=loop,
            read_buffer=memoryview(bytearray(64 * 1024)),
            frame_bytes_max=frame_bytes_max,
            idle_seconds_max=idle_seconds,
            room=self.room,
            answers=AnswerMemory(1 << 30),
            writing=SimpleNamespace(collected=[], begin=lambda _: None),
            driver=SimpleNamespace(drain_now=lambda: None),
            node=SimpleNamespace(
                alive=True,
                world=SimpleNamespace(queue=SimpleNamespace(enter=lambda *_: 0, leave=lambda: None)),
            ),
            disconnected=lambda _: None,
        )

    def connect(self) -> TcpChannel:
        channel = TcpChannel(self.listener, "127.0.0.1", "PLAINTEXT")
        channel.transport = Transport()
        channel.connection = SimpleNamespace(
            tell=lambda message: self.frames.extend(map(bytes, getattr(message, "frames", []))),
            actor_id=1,
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


def done(channel: TcpChannel) -> None:
    """What came by a connection is answered."""
    channel.request_done(channel.under_way_bytes)


def held_bytes(channel: TcpChannel) -> int:
    return len(channel.frames.large or b"")


@given(
    st.lists(st.sampled_from([1, 3, 200, LARGE_FRAME_BYTES - 1, LARGE_FRAME_BYTES, 70_000]), min_size=1, max_size=6),
    st.sampled_from([1, 7, 4096, 65_536]),
)
def test_however_the_bytes_are_cut_the_frames_come_out_whole_and_in_order(lengths, piece_bytes):
    side = Side()
    payloads = [bytes([number]) * min(length, 400 * piece_bytes) for number, length in enumerate(lengths)]
    channel = side.connect()
    send(channel, b"".join(map(framed, payloads)), piece_bytes)
    assert side.frames == payloads
    assert side.room.bytes_held == max(0, sum(map(len, payloads)) - LARGE_FRAME_BYTES)


@pytest.mark.parametrize("extra", [-1, 0, 1, 3 * MIB, 9 * MIB + 5])
def test_a_frame_larger_than_its_first_piece_of_buffer_comes_out_whole(extra):
    side = Side()
    payload = bytes(range(251)) * (FIRST_PIECE_BYTES // 251 + 1)
    payload = (payload * 8)[: FIRST_PIECE_BYTES + extra]
    send(side.connect(), framed(payload) + framed(b"next"), 300_000)
    assert side.frames == [payload, b"next"]
    assert side.room.bytes_held == len(payload) + 4 - LARGE_FRAME_BYTES
    assert not side.room.unfinished


def test_a_frame_up_to_the_first_piece_is_read_into_one_buffer():
    channel = Side().connect()
    send(channel, framed(bytes(FIRST_PIECE_BYTES))[:10])
    buffer = channel.frames.large
    send(channel, bytes(FIRST_PIECE_BYTES - 7), 100_000)
    assert channel.frames.large is buffer
    assert held_bytes(channel) == FIRST_PIECE_BYTES


def test_a_length_alone_gets_no_more_than_the_first_piece_and_bytes_get_twice_their_own():
    side = Side()
    channel = side.connect()
    send(channel, struct.pack(">i", 100 * MIB) + b"x")
    assert held_bytes(channel) == side.room.bytes_held == FIRST_PIECE_BYTES
    for _ in range(30):
        send(channel, bytes(MIB))
        assert held_bytes(channel) <= max(FIRST_PIECE_BYTES, 2 * channel.frames.filled)
        assert side.room.bytes_held <= max(FIRST_PIECE_BYTES, 2 * channel.frames.filled)


def test_many_lengths_together_take_no_more_than_the_room_and_the_silent_ones_leave_for_others():
    side = Side(room_bytes=10 * FIRST_PIECE_BYTES)
    greedy = []
    for _ in range(30):
        greedy.append(side.connect())
        send(greedy[-1], struct.pack(">i", 100 * MIB) + b"x")
        assert side.room.bytes_held <= side.room.bytes_max + FIRST_PIECE_BYTES
        side.now += SILENT_SECONDS + 0.1
    assert sum(bool(channel.transport.ends) for channel in greedy) >= 19
    assert not greedy[-1].transport.ends
    send(side.connect(), framed(bytes(5 * MIB)))
    assert side.frames == [bytes(5 * MIB)]


def test_when_all_are_sending_who_asks_for_more_is_not_read_from_until_there_is_room():
    side = Side(room_bytes=2 * FIRST_PIECE_BYTES, frame_bytes_max=FIRST_PIECE_BYTES)
    channels = [side.connect() for _ in range(5)]
    for channel in channels:
        send(channel, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    assert [channel.reading for channel in channels] == [True, True, False, False, False]
    assert side.room.bytes_held <= side.room.bytes_max + side.room.frame_bytes_max
    for channel in channels:
        assert channel.reading
        send(channel, bytes(FIRST_PIECE_BYTES - 1))
        done(channel)
    assert side.frames == [b"x" + bytes(FIRST_PIECE_BYTES - 1)] * 5
    assert not any(channel.transport.ends for channel in channels)
    assert (side.room.bytes_held, side.room.waiting) == (0, {})


def test_a_frame_of_the_allowed_size_fits_however_full_it_is():
    side = Side(room_bytes=4 * FIRST_PIECE_BYTES, frame_bytes_max=20 * MIB)
    others = [side.connect() for _ in range(2)]
    first = side.connect()
    send(first, struct.pack(">i", 20 * MIB) + b"x")
    for channel in others:
        send(channel, struct.pack(">i", 20 * MIB) + bytes(MIB))
    send(first, bytes(20 * MIB - 1), 100_000)
    assert side.frames == [b"x" + bytes(20 * MIB - 1)]
    assert side.room.bytes_held <= side.room.bytes_max + side.room.frame_bytes_max
    done(first)
    for channel in others:
        side.now += SILENT_SECONDS / 10
        send(channel, bytes(19 * MIB), 100_000)
        done(channel)
    assert len(side.frames) == 3


def test_requests_that_are_not_answered_count_and_their_client_is_not_read_from_beyond_the_bound():
    side = Side(room_bytes=100_000)
    channels = [side.connect() for _ in range(12)]
    for channel in channels:
        send(channel, framed(bytes(LARGE_FRAME_BYTES // 2)) * 2 + framed(bytes(10_000)))
    assert [channel.reading for channel in channels] == [True] * 10 + [False] * 2
    newcomer = side.connect()
    assert newcomer.reading
    assert len(newcomer.get_buffer(-1)) == LARGE_FRAME_BYTES
    for channel in channels[:3]:
        done(channel)
    assert all(channel.reading for channel in channels)
    assert len(newcomer.get_buffer(-1)) > LARGE_FRAME_BYTES


def test_a_peer_that_drips_bytes_leaves_for_others_as_one_that_is_silent():
    side = Side(room_bytes=FIRST_PIECE_BYTES, frame_bytes_max=FIRST_PIECE_BYTES)
    dripping = [side.connect() for _ in range(3)]
    for channel in dripping:
        send(channel, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    for _ in range(3):
        side.now += SILENT_SECONDS / 2
        if not dripping[0].transport.ends:
            send(dripping[0], b"x")
    good = side.connect()
    send(good, framed(b"y" * (FIRST_PIECE_BYTES - 10)))
    assert side.frames == [b"y" * (FIRST_PIECE_BYTES - 10)]
    assert dripping[0].transport.ends == ["aborted"]


def test_who_waits_for_room_gets_that_of_a_peer_that_goes_silent_meanwhile():
    side = Side(room_bytes=FIRST_PIECE_BYTES, frame_bytes_max=FIRST_PIECE_BYTES)
    stalled, good = [side.connect(), side.connect()], side.connect()
    for channel in stalled:
        send(channel, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    send(good, struct.pack(">i", FIRST_PIECE_BYTES) + b"y" * 1000)
    assert not good.reading
    for _ in range(2):
        side.now += SILENT_SECONDS + 0.1
        side.later.pop()()
    assert good.reading
    send(good, b"y" * (FIRST_PIECE_BYTES - 1000))
    assert side.frames == [b"y" * FIRST_PIECE_BYTES]
    assert not side.room.waiting or stalled[1].transport.ends


def test_a_peer_that_is_not_read_from_is_not_taken_for_silent():
    side = Side(room_bytes=2 * FIRST_PIECE_BYTES)
    first, second, third = side.connect(), side.connect(), side.connect()
    for channel in (first, second):
        send(channel, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    first.pause_reading()
    side.now += 10 * SILENT_SECONDS
    send(third, struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    assert [channel.transport.ends for channel in (first, second, third)] == [[], ["aborted"], []]


def test_when_those_who_wait_wait_in_vain_the_connection_with_most_under_way_makes_room():
    side = Side(room_bytes=3 * MIB, frame_bytes_max=3 * MIB)
    small, large, waits = side.connect(), side.connect(), side.connect()
    send(small, framed(bytes(MIB)))
    send(large, framed(bytes(5 * MIB // 2)))
    send(waits, framed(bytes(3 * MIB // 2)))
    assert not waits.reading
    side.now += STUCK_SECONDS
    side.later.pop()()
    assert not large.transport.ends
    side.now += 1
    side.later.pop()()
    assert [channel.transport.ends for channel in (small, large, waits)] == [[], ["aborted"], []]
    assert waits.reading


def test_peers_that_read_no_answers_keep_the_room_of_frames_that_they_begin_from_nobody():
    side = Side(room_bytes=2 * FIRST_PIECE_BYTES, frame_bytes_max=50 * MIB)
    deaf, good = [side.connect() for _ in range(3)], side.connect()
    for channel in deaf:
        send(channel, struct.pack(">i", 50 * MIB) + b"x")
        channel.tell_when_taken()
    side.now += SILENT_SECONDS
    send(good, struct.pack(">i", 3 * MIB) + b"y" * MIB)
    assert not good.reading
    for _ in range(2):
        side.now += STUCK_SECONDS + 1
        side.later.pop()()
    assert good.reading
    send(good, b"y" * (2 * MIB), 300_000)
    assert side.frames == [b"y" * (3 * MIB)]


def test_who_waits_for_room_or_is_sending_is_not_closed_instead_of_one_who_reads_no_answers():
    side = Side(room_bytes=5 * FIRST_PIECE_BYTES, frame_bytes_max=50 * MIB)
    waits, deaf, sends = side.connect(), side.connect(), side.connect()
    for channel in (deaf, waits, sends):
        send(channel, struct.pack(">i", 50 * MIB) + b"x")
    send(deaf, bytes(FIRST_PIECE_BYTES))
    deaf.tell_when_taken()
    send(waits, bytes(2 * FIRST_PIECE_BYTES - 1))
    assert not waits.reading
    side.now += STUCK_SECONDS + 1
    sends.active_at = side.now
    side.later.pop()()
    assert [channel.transport.ends for channel in (deaf, waits, sends)] == [["aborted"], [], []]
    assert waits.reading


def test_what_goes_wrong_in_one_look_at_those_who_wait_ends_no_later_one(monkeypatch):
    side = Side(room_bytes=FIRST_PIECE_BYTES, frame_bytes_max=FIRST_PIECE_BYTES)
    for _ in range(3):
        send(side.connect(), struct.pack(">i", FIRST_PIECE_BYTES) + b"x")
    monkeypatch.setattr(side.room, "relieve", lambda _: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        side.later.pop()()
    assert len(side.later) == 1


def test_a_connection_that_is_gone_gives_all_back_and_its_late_answers_count_no_more():
    side = Side(room_bytes=3 * FIRST_PIECE_BYTES)
    channel = side.connect()
    send(channel, framed(b"request") + struct.pack(">i", 100 * MIB) + bytes(3 * MIB))
    channel.connection_lost(None)
    channel.request_done(7)
    room = side.room
    assert (room.bytes_held, room.unfinished, room.under_way, room.waiting) == (0, {}, {}, {})


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
    assert not channel.is_overdue(side.now + 6000)
    channel.request_done(len(b"a request"))
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
