"""The pictures of the documentation can be read, in light and in dark."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.pictures import Box, Line, Picture, read, unreadable

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PICTURES = sorted(IMAGES.glob("*.svg"))
NARROW = 480.0
"""Pixels: drawn no wider than this, a text of 12 pixels can still be read on a phone."""


@pytest.fixture(params=PICTURES, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_no_text_of_a_picture_lies_on_another_over_an_edge_or_under_a_line(path: Path) -> None:
    assert unreadable(read(path)) == []


def test_a_picture_is_narrow_enough_for_a_phone(path: Path) -> None:
    assert read(path).whole.right <= NARROW


def test_a_picture_has_colours_for_dark_pages(path: Path) -> None:
    assert "@media (prefers-color-scheme: dark)" in path.read_text()


def test_texts_that_cant_be_read_are_found() -> None:
    whole = Box(0, 0, 100, 100)
    text = Box(10, 10, 40, 20, "here")
    fine = Picture(whole, [text], [Box(5, 5, 50, 25)], [Line(0, 30, 100, 30)])
    assert unreadable(fine) == []
    assert unreadable(fine._replace(texts=[text, Box(30, 15, 60, 25, "too")], boxes=[])) == ["'here' and 'too'"]
    assert unreadable(fine._replace(boxes=[Box(5, 5, 30, 25)])) == ["'here' is over the edge of a box"]
    assert unreadable(fine._replace(lines=[Line(0, 0, 100, 50)])) == ["'here' is under a line"]
    assert unreadable(fine._replace(whole=Box(0, 0, 35, 100))) == ["'here' isn't within the picture"]
