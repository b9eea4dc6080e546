"""Checked mode: off in a release build, on for as long as it is turned on."""

import pytest

from actors.simulation import run
from kstore import checked


def test_checked_mode_lasts_as_long_as_it_was_turned_on_for() -> None:
    before = checked.on
    with checked.turned_on():
        assert checked.on
        with checked.turned_on():
            assert checked.on
        assert checked.on
    assert checked.on == before


def test_a_failure_turns_it_off_again() -> None:
    before = checked.on
    with pytest.raises(ZeroDivisionError), checked.turned_on():
        raise ZeroDivisionError
    assert checked.on == before


def test_the_simulator_plays_in_checked_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(run.Run, "play", lambda _: seen.append(checked.on))
    assert run.play(1).ok
    assert seen == [True]
