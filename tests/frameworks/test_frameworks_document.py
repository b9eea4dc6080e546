"""``docs/frameworks.md`` goes with the results that are kept, the applications and their tests."""

from pathlib import Path

import pytest
from frameworks.catalogue import FRAMEWORKS, Framework
from frameworks.document import PAGE, names_of_tests, page, problems
from frameworks.outcomes import Outcome, outcomes
from frameworks.results import Results

AGAIN = "run make test-frameworks ARGS=--kafka, which needs the package index, a JDK and Maven"
EACH = pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda each: each.name)


def test_the_page_is_what_the_kept_results_make_it() -> None:
    assert PAGE.read_text() == page(Results.kept()), AGAIN


def test_every_test_passes() -> None:
    assert problems(Results.kept()) == []


@EACH
@pytest.mark.parametrize("kafka", ["kafka", "kstore"])
def test_every_test_of_a_framework_has_a_result(framework: Framework, kafka: str) -> None:
    assert sorted(Results.kept().outcomes(framework.name, kafka)) == names_of_tests(framework), AGAIN


@pytest.mark.parametrize(("kafka", "title"), [("kafka", "Apache Kafka"), ("kstore", "kstore")])
def test_a_test_that_fails_is_a_problem(kafka: str, title: str) -> None:
    results = Results({})
    results.keep(FRAMEWORKS[0].name, {}, kafka, {"test_of_the_application": Outcome(False, 1.0, "Error: no")}, 6.0)
    assert problems(results) == [f"{FRAMEWORKS[0].name}: test_of_the_application fails on {title}: Error: no"]
    results.keep(FRAMEWORKS[0].name, {}, kafka, {"test_of_the_application": Outcome(True, 1.0)}, 6.0)
    assert problems(results) == []


def test_the_page_names_each_apache_kafka_that_a_framework_was_run_on() -> None:
    results = Results.kept()
    results.found[FRAMEWORKS[0].name]["kafka"]["release"] = "4.2.0"
    assert f"Apache Kafka 4.2.0 and {results.releases('kafka')[1]}." in page(results)


def test_a_failure_after_a_test_is_a_failure_of_the_test() -> None:
    report = (
        '<testsuites><testsuite><testcase name="test_a" time="1.5"/>'
        '<testcase name="test_b" time="1"><failure message="no">because</failure></testcase>'
        '<testcase name="test_b" time="2"><error message="worse"/></testcase></testsuite></testsuites>'
    )
    found = outcomes(report)
    assert found["test_a"] == Outcome(True, 1.5)
    assert (found["test_b"].passed, found["test_b"].seconds) == (False, 3.0)


def test_an_applications_tests_are_read_off_its_file_and_the_stories() -> None:
    faststream = next(each for each in FRAMEWORKS if each.name == "faststream-aiokafka")
    assert "test_each_order_becomes_an_invoice" in names_of_tests(faststream)
    assert Path(faststream.path).exists()
