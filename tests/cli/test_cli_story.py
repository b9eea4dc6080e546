"""The demo's state and its picture: what its processes say and what is seen of it, without any process."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from cli.pictures import drawn
from cli.stage import Clock, staged
from rich.console import Console

from actors.cli.story import frames
from actors.cli.story.counts import Counts
from actors.cli.story.scene import Line
from actors.cli.story.screen import picture
from actors.cli.story.stages import told
from actors.cli.story.state import State
from actors.cli.story.telling import by_partition, users
from actors.cli.story.wrapping import shortened, wrapped


@pytest.fixture
def state() -> State:
    """Three brokers, three partitions, and A, B and C, one partition each."""
    state = staged(State, Clock())
    for number, name in enumerate("ABC"):
        state.started(name, 100 + number)
        state.note({"event": "assigned", "member": name, "partitions": [number]})
    return state


def test_an_order_is_acknowledged_received_and_committed(state: State) -> None:
    state.note({"event": "acknowledged", "order": 7, "partition": 1, "offset": 0})
    assert not state.all_received()
    assert state.partitions[1].lag == 1
    state.note({"event": "received", "member": "B", "order": 7, "partition": 1, "offset": 0})
    assert state.all_received()
    assert not state.all_committed()
    state.note({"event": "committed", "member": "B", "offsets": {"1": 1}})
    assert state.all_committed()


def test_work_is_shared_out_when_every_partition_has_one_living_reader(state: State) -> None:
    assert state.shared_out(3)
    state.killed("C")
    assert not state.shared_out(2)
    state.note({"event": "revoked", "member": "A", "partitions": [0]})
    state.note({"event": "assigned", "member": "A", "partitions": [0, 2]})
    assert state.shared_out(2)
    assert state.assignment_text() == "A reads 0 and 2, B reads 1"


def test_what_a_killed_consumer_said_before_is_not_taken_for_life(state: State) -> None:
    state.killed("C")
    state.note({"event": "assigned", "member": "C", "partitions": [2]})
    assert "C" not in state.living()


def test_the_picture_shows_brokers_members_partitions_and_the_story(state: State) -> None:
    state.say("it begins")
    shown = drawn(picture, state)
    for words in ("● 1 controller", "group order-processors", "reading", "P2", "it begins"):
        assert words in shown


def test_the_picture_fits_a_small_terminal_and_uses_a_large_one(state: State) -> None:
    state.started("D", 103)
    for number in range(30):
        state.say(f"line {number} " + "x" * 200)
    small, large = drawn(picture, state), drawn(picture, state, 120, 50)
    assert len(small.splitlines()) <= 24
    assert max(map(len, small.splitlines())) <= 80
    assert "line 29" in small
    assert "line 20" in large
    assert len(large.splitlines()) <= 50


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (120, 40)])
def test_the_story_is_wrapped_by_words_and_nothing_is_cut_off(state: State, width: int, height: int) -> None:
    state.started("D", 103)
    words = [f"word{number}" for number in range(30)]
    state.say("long ago")
    state.say(" ".join(words))
    lines = drawn(picture, state, width, height).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert [word for line in lines for word in line.split() if word in words] == words
    assert "…" not in "".join(lines)


def test_a_frame_goes_to_the_terminal_in_one_write_between_the_marks_of_synchronized_output(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def write(_descriptor: int, data: bytes) -> int:
        written.append(bytes(data).decode())
        return len(data)

    monkeypatch.setattr(frames.os, "write", write)
    with open(os.devnull, "w") as terminal:
        file: Any = frames.Frames(terminal)
        console = Console(file=file, force_terminal=True, width=200, height=100)
        for number in range(40):
            state.say(f"line {number} " + "x" * 150)
        console.print(picture(state, 200, 100))
    (frame,) = written
    assert len(frame) > 8192
    assert frame.startswith(frames.BEGIN)
    assert frame.endswith(frames.END)
    assert "kstore demo" in frame


def test_what_a_terminal_takes_in_pieces_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = bytearray()

    def write(_: int, data: memoryview) -> int:
        taken.extend(data[:7])
        return len(data[:7])

    monkeypatch.setattr(frames.os, "write", write)
    with open(os.devnull, "w") as terminal:
        shown = frames.Frames(terminal)
        shown.write("a frame of ")
        shown.write("several pieces")
        shown.flush()
        shown.flush()
    assert taken.decode() == f"{frames.BEGIN}a frame of several pieces{frames.END}"


def test_ids_of_members_are_short_and_lines_break_between_words_with_what_goes_on_indented() -> None:
    text = "  stable: A-0f3b9a52-4a3c-4f0e-9b57-1f0d3c6f2a11 assigned orders-0"
    assert wrapped(shortened(text), hang=4, width=24) == "  stable: A-0f3b\n      assigned orders-0"


def test_a_line_of_the_story_goes_on_under_its_words() -> None:
    assert told(Line(123.25, "consumer C was killed"), 22) == "123.25s  consumer C\n         was killed"
    assert told(Line(1.25, "consumer C was killed"), 22) == "  1.25s  consumer C\n         was killed"


def test_the_picture_shows_who_was_killed_and_who_leads_now(state: State) -> None:
    state.killed("C")
    moved = {0: SimpleNamespace(leader=2, replicas=(1, 2, 3), isr=(2, 3))}
    state.see({1: "killed", 2: "up", 3: "up"}, 2, moved)
    shown = drawn(picture, state)
    for words in ("✗ 1 killed", "SIGKILL", "C (dead)", "● 2 controller", "· 2 3"):
        assert words in shown


def test_what_has_changed_stands_out_for_a_moment() -> None:
    clock = Clock()
    state = staged(State, clock)
    clock.now_s = 10.0
    state.see({1: "up", 2: "killed", 3: "up"}, 1, {})
    assert state.is_new("broker 2", 2.0)
    assert not state.is_new("broker 1", 2.0)
    clock.now_s = 13.0
    assert not state.is_new("broker 2", 2.0)


def test_the_users_keys_reach_every_partition() -> None:
    keys = users()
    assert set(keys.values()) == {0, 1, 2}
    assert by_partition(keys).startswith("0 gets User1 User2")


def test_the_counts_are_good_only_when_what_must_be_zero_is() -> None:
    counts = Counts(10, 10, 0, 0, 0, 0, 2, 2, 0, 0)
    assert counts.good
    assert "2 received by C" in counts.text()
    assert max(map(len, counts.text(60).splitlines())) <= 60
    assert " ".join(counts.text(60).split()) == " ".join(counts.text(1000).split())
    assert not Counts(10, 9, 1, 0, 0, 0, 0, 0, 0, 0).good
    assert not Counts(10, 10, 0, 0, 0, 0, 0, 0, 0, unread=1).good
