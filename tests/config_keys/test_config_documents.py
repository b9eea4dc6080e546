"""The pages about configs and differences are what the tables make of them."""

from pathlib import Path

import pytest

from actors.config.documents import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run python -m actors.config.documents"
