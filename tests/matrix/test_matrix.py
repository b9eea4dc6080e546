"""Every scenario is answered as Apache Kafka answered it when ``docs/compatibility.md`` was made, but for what is told
there. ``make test-oracle`` asks a real Kafka anew.
"""

import pytest
from matrix.case import Transcript
from matrix.document import compared, page, problems
from matrix.run import PAGE, golden, played

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def ours() -> Transcript:
    return played("kstore")


def test_no_difference_is_without_a_reason_and_no_reason_without_a_difference(ours: Transcript) -> None:
    assert problems(compared(ours, golden())) == []


def test_the_page_is_what_such_a_run_makes_it(ours: Transcript) -> None:
    assert PAGE.read_text() == page(ours, golden()), "run make compatibility, which needs a real Kafka"
