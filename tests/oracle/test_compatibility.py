"""The matrix: every scenario is answered by kstore as a real Kafka answers it, but for what is explained."""

from pathlib import Path

import pytest
from matrix.case import Transcript
from matrix.document import compared, page, problems
from matrix.run import PAGE, played


@pytest.fixture(scope="module")
def transcripts(kafka_jars: Path) -> tuple[Transcript, Transcript]:
    return played("kstore"), played("kafka")


def test_no_difference_is_without_a_reason_and_no_reason_without_a_difference(
    transcripts: tuple[Transcript, Transcript],
) -> None:
    assert problems(compared(*transcripts)) == []


def test_the_page_about_compatibility_is_up_to_date(transcripts: tuple[Transcript, Transcript]) -> None:
    assert PAGE.read_text() == page(*transcripts), "run make compatibility"
