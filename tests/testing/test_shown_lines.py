"""A failing test shows the line of the test that waited or asked, not the one in kstore that raised."""

from __future__ import annotations

import re

import pytest

pytest_plugins = ["pytester"]

FAILING = """
import pytest

@pytest.fixture
def orders(kstore_cluster):
    kstore_cluster.create_topic("orders")
    return kstore_cluster

def test_records(orders):
    orders.records("orders", 1, timeout=0.01)  # here

def test_wait_for(orders):
    orders.wait_for(lambda: False, timeout=0.01)  # here

def test_wait_for_on_virtual_time(kstore_sim):
    kstore_sim.wait_for(lambda: False, timeout=1)  # here

def test_a_predicate(orders):
    def predicate():
        assert orders.image() is None  # here
    orders.wait_for(predicate)

def test_a_predicate_on_virtual_time(kstore_sim):
    def predicate():
        assert kstore_sim.image() is None  # here
    kstore_sim.wait_for(predicate)

def test_wait_for_group(orders):
    orders.wait_for_group("billing", timeout=0.01)  # here

def test_leader(orders):
    orders.leader("nothing")  # here

def test_broker(orders):
    orders.brokers[7].kill()  # here

def test_get(orders):
    orders.faults.drop("Produce")
    future = orders.producer().send("orders", b"1")
    future.get(timeout=0.01)  # here

def test_get_of_many(orders):
    orders.faults.drop("Produce")
    future = orders.producer().send_many("orders", [b"1", b"2"])
    future.get(timeout=0.01)  # here

def test_flush(orders):
    orders.faults.drop("Produce")
    producer = orders.producer()
    producer.send("orders", b"1")
    producer.flush(timeout=0.01)  # here

def test_next(orders):
    consumer = orders.consumer("orders", consumer_timeout_ms=10)
    next(consumer)  # here

def test_poll(orders):
    consumer = orders.consumer("orders")
    consumer.close()
    consumer.poll(1)  # here

def test_admin(orders):
    orders.admin().delete_topics(["nothing"])  # here

def test_a_keyword(orders):
    orders.producer(ack=1)  # here

def test_a_stalled_simulation(kstore_sim):
    kstore_sim.create_topic("orders")
    next(kstore_sim.consumer("orders"))  # here

def test_over_tcp(kstore_bootstrap, kstore_cluster):
    kstore_cluster.wait_for_group("billing", timeout=0.01)  # here

def helper(cluster):
    cluster.records("orders", 2, timeout=0.01)  # here

def test_a_function_of_the_users(orders):
    helper(orders)
"""
LINES = [number for number, line in enumerate(FAILING.splitlines(), 1) if line.endswith("# here")]


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    pytester.path.joinpath("test_project.py").write_text(FAILING)
    words = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "--show-capture=no", *options)
    return pytester.runpytest_subprocess(*words)


def shown(result: pytest.RunResult, pattern: str) -> list[int]:
    """The lines of the tests that are shown so."""
    return [int(match[1]) for line in result.outlines if (match := re.match(pattern, line))]


def test_the_line_of_a_failure_is_the_tests_and_the_summary_says_what_was_waited_for(pytester):
    result = run(pytester, "--tb=line", "-rf")
    result.assert_outcomes(failed=len(LINES))
    assert shown(result, r".*/test_project\.py:(\d+): ") == LINES
    assert not [line for line in result.outlines if re.match(r"\S*/(kstore|actors)/", line)]
    result.stdout.fnmatch_lines(["FAILED test_project.py::test_records - TimeoutError: not 1 records in orders *"])


def test_a_short_traceback_ends_at_the_tests_line(pytester):
    result = run(pytester, "--tb=short")
    places = shown(result, r"test_project\.py:(\d+): ")
    assert [line for line in places if line in LINES] == LINES
    assert not [line for line in result.outlines if re.match(r"\S*(kstore|actors)/\S+:\d+: ", line)]
    assert not [line for line in result.outlines if "entries are hidden" in line]


def test_a_long_traceback_shows_the_test_alone(pytester):
    result = run(pytester, "-k", "test_records or test_wait_for_group")
    assert len(shown(result, r"test_project\.py:(\d+): TimeoutError")) == 2
    assert not [line for line in result.outlines if re.match(r"\S*(kstore|actors)/\S+:\d+: ", line)]


def test_a_full_trace_has_kstores_lines_too(pytester):
    result = run(pytester, "--full-trace", "-k", "test_records")
    assert [line for line in result.outlines if re.match(r"\S*actors/cluster/questions\.py:\d+: ", line)]


def test_a_failed_assertion_of_kstores_own_is_shown_where_it_is(pytester):
    pytester.makepyfile(
        test_project="""
        def test_it(kstore_cluster, monkeypatch):
            module = {"__name__": "actors.cluster.defect"}
            exec("def is_known(self): assert self is None, 'a defect'", module)
            monkeypatch.setattr(type(kstore_cluster), "is_known", module["is_known"])
            kstore_cluster.leader("orders")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--tb=short")
    assert [line for line in result.outlines if re.match(r"\S*actors/cluster/questions\.py:\d+: in leader", line)]
