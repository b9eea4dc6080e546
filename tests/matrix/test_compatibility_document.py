"""``docs/compatibility.md`` goes with the registry, the cases and the reasons; the answers are compared elsewhere."""

from pathlib import Path

import pytest
from matrix.all_cases import CASES
from matrix.document import clients, compared, page, problems, served_cells, unserved
from matrix.explanations import EXPLANATIONS
from matrix.not_served import NOT_SERVED
from matrix.plain import NORMALISATIONS

from actors.broker.registry import CLIENT_APIS
from kstore.schema.versions import APIS

PAGE = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
AGAIN = "run make compatibility, which needs a real Kafka"
BESIDE_BYTES = {"malformed", "version not served"}
"""The cases that every key has without anybody's doing."""


@pytest.mark.parametrize("key", sorted(CLIENT_APIS), ids=lambda key: APIS[key].name)
def test_every_advertised_version_is_asked_by_a_case_of_its_own(key: int) -> None:
    served = CLIENT_APIS[key]
    own = [case for case in CASES if case.key == key and case.name not in BESIDE_BYTES]
    played = {version for case in own for version in case.played_versions()}
    assert played == set(range(served.first, served.last + 1)), f"tests/matrix/cases: more cases of {APIS[key].name}"


@pytest.mark.parametrize("key", sorted(CLIENT_APIS), ids=lambda key: APIS[key].name)
def test_the_page_has_a_row_for_every_advertised_key(key: int) -> None:
    assert served_cells(key) in PAGE, AGAIN


def test_the_page_has_a_row_for_no_other_key() -> None:
    rows = PAGE.split("## By key")[1].split("\n## ")[0]
    assert rows.count("\n| ") - 1 == len(CLIENT_APIS), AGAIN


def test_the_page_names_every_key_that_is_not_served() -> None:
    assert "\n".join(unserved()) in PAGE, AGAIN


def test_the_page_names_every_client_whose_transactions_are_tried() -> None:
    assert "\n".join(clients()) in PAGE, AGAIN


def test_no_key_is_served_and_not_served() -> None:
    keys = [key for keys in NOT_SERVED.values() for key in keys]
    assert len(keys) == len(set(keys))
    assert not set(keys) & set(CLIENT_APIS), "tests/matrix/not_served.py: they are served now"


def test_the_page_gives_every_reason_once() -> None:
    for row in EXPLANATIONS:
        if row.reason not in NOT_SERVED:
            assert PAGE.count(f"- {row.reason} (") == 1, AGAIN
        else:
            assert row.reason in PAGE, AGAIN


def test_the_page_tells_what_is_made_alike_before_answers_are_compared() -> None:
    for each in NORMALISATIONS:
        assert f"- {' '.join(each.split())}\n" in PAGE, AGAIN


def test_no_two_cases_of_a_key_have_one_name() -> None:
    names = [(case.key, case.name) for case in CASES]
    assert len(names) == len(set(names))


def test_a_difference_without_a_reason_and_a_reason_without_a_difference_are_found() -> None:
    ours = {"Heartbeat/a case/a step/v4": {"error_code": 0}}
    kafkas = {"Heartbeat/a case/a step/v4": {"error_code": 25}}
    found = problems(compared(ours, kafkas))
    assert found[0] == "unexplained: Heartbeat/a case/a step v4: error_code: ours 0, Kafka's 25"
    assert len(found) - 1 == sum(len(row.fields) for row in EXPLANATIONS)
    assert all(line.startswith("explains nothing any more") for line in found[1:])
    assert "| 12 | Heartbeat |" in page(ours, kafkas)
