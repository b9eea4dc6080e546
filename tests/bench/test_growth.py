"""The growth bench: what it makes of its figures, and that each of its loads does what it says, at a small size."""

from __future__ import annotations

import pytest

from bench.growth import __main__ as program
from bench.growth.growth import GOAL, Growth, grown, row

SMALL = 6


def test_exponents_are_those_of_each_doubling_and_of_all() -> None:
    growth = grown("things", {1: [1.0, 9.0, 1.0], 2: [2.0, 2.0, 8.0], 4: [8.0, 8.0, 8.0]})
    assert growth == Growth("things", [1, 2, 4], [1.0, 2.0, 8.0])
    assert growth.ratios == [2.0, 4.0]
    assert growth.exponents == [1.0, 2.0]
    assert growth.exponent == pytest.approx(1.5)
    assert not growth.reached
    assert row(growth) == "| things | 1 to 4 | 1,000 / 2,000 / 8,000 | 2.00 / 4.00 | 1.00 / 2.00 | 1.50 | **no** |"


def test_a_goal_is_reached_when_no_doubling_costs_more() -> None:
    assert Growth("things", [1, 2, 4], [1.0, GOAL, GOAL * 2]).reached
    assert not Growth("things", [1, 2, 4], [1.0, 2.0, 2.0 * (GOAL + 0.01)]).reached


@pytest.mark.parametrize("name", sorted(program.DIMENSIONS))
def test_every_load_can_be_put_on(name: str) -> None:
    load, _ = program.DIMENSIONS[name]
    assert load(SMALL) >= 0


def test_the_page_has_a_row_for_each_dimension() -> None:
    found = [Growth(name, [1, 2], [1.0, 2.0]) for name in program.DIMENSIONS]
    page = program.render(found, 3, {"processor": "some"})
    assert all(f"| {name} |" in page for name in program.DIMENSIONS)
