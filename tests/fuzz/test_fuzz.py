"""Whatever clients send, the server goes on: the fuzzer's campaign, with a good client beside it."""

from typing import Any

import pytest
from fuzz import kills
from fuzz.campaign import run
from fuzz.inputs import KEYS, Inputs

GROWTH_MB_MAX = 60
"""By how much a server of some thousand topics, groups and sessions may end above its peak in the first half."""


def is_well(seen: dict[str, Any]) -> None:
    assert not seen["ended"]
    assert seen["failures"] == []
    assert seen["good client"]["wrong"] == []
    assert seen["good client"]["records"] > 500
    memory = seen["memory MB"]
    assert memory[-1] - max(memory[: len(memory) // 2]) < GROWTH_MB_MAX, memory


def test_some_thousand_inputs_end_nothing(seed: int) -> None:
    is_well(run(4_000, seed, 16))


@pytest.mark.full
def test_a_hundred_thousand_inputs_end_nothing(seed: int) -> None:
    is_well(run(100_000, seed, 16))


def test_an_input_is_the_same_whenever_it_is_drawn(seed: int) -> None:
    assert [Inputs(seed).input(number) for number in range(50)] == [Inputs(seed).input(n) for n in range(50)]


def test_every_key_is_asked(seed: int) -> None:
    drawn = {int.from_bytes(Inputs(seed).input(number)[4:6], "big") for number in range(2_000)}
    assert drawn >= set(KEYS)


@pytest.mark.full
def test_a_server_that_is_killed_again_and_again_loses_nothing(seed: int) -> None:
    seen = kills.run(20, seed)
    assert seen["sent"] > 1000
    assert {seen[what] for what in ("lost", "twice", "out of order", "not acknowledged")} == {0}
    assert seen["failures"] == []
