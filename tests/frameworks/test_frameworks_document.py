"""``docs/frameworks.md`` goes with the results that are kept, the applications and their tests."""

from pathlib import Path

import pytest
from frameworks.catalogue import FRAMEWORKS, Framework, NotYet
from frameworks.document import PAGE, names_of_tests, page, problems
from frameworks.outcomes import Outcome, outcomes
from frameworks.results import Results

AGAIN = "run make test-frameworks ARGS=--kafka, which needs the package index, a JDK and Maven"
EACH = pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda each: each.name)


def test_the_page_is_what_the_kept_results_make_it() -> None:
    assert PAGE.read_text() == page(Results.kept()), AGAIN


def test_every_test_passes_but_for_what_the_catalogue_has_a_reason_for() -> None:
    assert problems(Results.kept()) == []


@EACH
@pytest.mark.parametrize("kafka", ["kafka", "kstore"])
def test_every_test_of_a_framework_has_a_result(framework: Framework, kafka: str) -> None:
    assert sorted(Results.kept().outcomes(framework.name, kafka)) == names_of_tests(framework), AGAIN


@EACH
def test_what_cannot_pass_yet_is_a_test_that_is_there(framework: Framework) -> None:
    assert set(framework.not_yet) <= set(names_of_tests(framework))


def with_outcome(passed: bool, said: str = "") -> Results:
    """Of a framework with something that can't pass yet."""
    results = Results({})
    framework = next(each for each in FRAMEWORKS if each.not_yet)
    results.keep(framework.name, {}, "kstore", {next(iter(framework.not_yet)): Outcome(passed, 1.0, said)}, 0.1)
    return results


def test_a_reason_that_no_test_fails_for_any_more_is_a_problem() -> None:
    assert "passes on kstore, although" in problems(with_outcome(True))[0]


def test_a_test_that_hangs_instead_of_ending_by_its_error_is_a_problem() -> None:
    assert "doesn't end by" in problems(with_outcome(False, "AssertionError: after 60 s still waiting"))[0]


def test_a_test_that_fails_on_apache_kafka_is_a_problem() -> None:
    results = Results({})
    results.keep(FRAMEWORKS[0].name, {}, "kafka", {"test_of_the_application": Outcome(False, 1.0, "Error: no")}, 6.0)
    assert "fails on Apache Kafka" in problems(results)[0]


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


def test_what_may_not_pass_yet_says_by_which_error() -> None:
    patterns = [each for framework in FRAMEWORKS for each in framework.not_yet.values()]
    assert all(isinstance(each, NotYet) and each.says for each in patterns)
