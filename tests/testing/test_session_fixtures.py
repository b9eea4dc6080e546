"""A cluster for a whole session, ports that are given, and the processes of pytest-xdist, as a project meets them."""

from __future__ import annotations

import re
import socket

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester):
    """Run pytest in an empty project whose tests are the text that is given."""

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_project=tests)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options)

    return run


@pytest.fixture
def port():
    """A port of 127.0.0.1 above which some more are free."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            found = first.getsockname()[1]
        if found < 60000 and all(is_free(found + further) for further in (0, 1, 2, 10, 11, 12)):
            return found


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_fixture_of_session_scope_has_a_cluster_that_keeps_what_tests_leave(project):
    result = project(
        """
        import pytest
        from kafka import KafkaProducer

        @pytest.fixture(scope="session")
        def producer(kstore_session_bootstrap):
            producer = KafkaProducer(bootstrap_servers=kstore_session_bootstrap)
            yield producer
            producer.close()

        def test_first(producer, kstore_session_cluster):
            kstore_session_cluster.create_topic("orders")
            producer.send("orders", b"a").get(timeout=10)

        def test_the_reset_of_the_other_cluster_does_not_touch_it(producer, kstore_cluster, kstore_session_cluster):
            assert kstore_cluster is not kstore_session_cluster
            assert not kstore_cluster.image().topics
            producer.send("orders", b"b").get(timeout=10)
            found = kstore_session_cluster.records("orders", 2)
            assert [record.value for record in found] == [b"a", b"b"]

        def test_both_listen(kstore_bootstrap, kstore_session_bootstrap):
            assert kstore_bootstrap != kstore_session_bootstrap
        """
    )
    result.assert_outcomes(passed=3)


def test_it_is_made_only_when_a_test_asks_for_it_and_closed_when_the_session_ends(project, pytester):
    pytester.makeini("[pytest]\nkstore_brokers = 3\nkstore_config =\n    num.partitions=4\n")
    pytester.makeconftest(
        """
        import pytest

        clusters = []

        @pytest.hookimpl(trylast=True)
        def pytest_unconfigure():
            print("closed:", [cluster.closed for cluster in clusters])
        """
    )
    result = project(
        """
        import sys
        from conftest import clusters

        def test_nothing():
            assert "actors" not in sys.modules

        def test_its_shape_is_that_of_the_configuration(kstore_session_cluster):
            clusters.append(kstore_session_cluster)
            assert len(kstore_session_cluster.brokers) == 3
            assert kstore_session_cluster.config.integer("num.partitions") == 4
        """,
        "-s",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["closed: [[]True[]]"])


FAILS_BESIDE_A_SESSION = """
    import pytest

    @pytest.fixture(scope="session")
    def kafka(request):
        return request.getfixturevalue("kstore_session_bootstrap")

    @pytest.fixture(scope="session")
    def orders(kstore_session_cluster):
        kstore_session_cluster.create_topic("orders")

    def test_named(orders, kstore_cluster):
        assert False

    def test_without():
        assert False
"""


def test_a_failing_test_prints_the_trace_of_the_sessions_cluster_if_it_uses_it(project, pytester):
    result = project(FAILS_BESIDE_A_SESSION, "--kstore-traces", "kept")
    result.assert_outcomes(failed=2)
    headings = [line.strip("- ") for line in result.outlines if "kstore trace" in line and line.startswith("---")]
    assert headings == ["kstore trace", "kstore trace of kstore_session_cluster"]
    kept = sorted(file.name for file in (pytester.path / "kept").iterdir())
    assert kept == ["test_project.py-test_named-1.ktrace", "test_project.py-test_named.ktrace"]


def test_so_does_one_whose_fixtures_ask_for_it_as_they_run(project):
    dynamic = FAILS_BESIDE_A_SESSION.replace("orders, kstore_cluster", "kafka")
    result = project(dynamic, "-k", "test_named")
    result.stdout.fnmatch_lines(["*kstore trace of kstore_session_cluster*"])


def test_a_defect_in_it_fails_the_test_in_which_it_was_met(project):
    result = project(
        """
        def test_meets_one(kstore_session_cluster):
            world = kstore_session_cluster.world
            world.driver.call(world.met_defect, AssertionError("a defect"))

        def test_goes_on(kstore_session_cluster):
            kstore_session_cluster.create_topic("orders")
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*kstore had 1 unexpected error:*"])


def test_clusters_of_every_shape_listen_on_the_ports_that_were_given(project, port):
    result = project(
        f"""
        import pytest
        from kafka import KafkaAdminClient

        def test_one(kstore_bootstrap):
            assert kstore_bootstrap == "127.0.0.1:{port}"

        @pytest.mark.kstore(brokers=3)
        def test_three(kstore_bootstrap):
            assert kstore_bootstrap == "127.0.0.1:{port},127.0.0.1:{port + 1},127.0.0.1:{port + 2}"

        def test_what_is_hard_wired_works(kstore_bootstrap):
            KafkaAdminClient(bootstrap_servers="localhost:{port}").close()
        """,
        "--kstore-listen",
        f"127.0.0.1:{port}",
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"kstore: clusters listen on 127.0.0.1:{port}"])


def test_they_are_given_in_the_configuration_as_well(project, pytester, port):
    pytester.makeini(f"[pytest]\nkstore_listen = 127.0.0.1:{port}\n")
    result = project(
        f"""
        def test_it(kstore_session_bootstrap):
            assert kstore_session_bootstrap == "127.0.0.1:{port}"
        """
    )
    result.assert_outcomes(passed=1)


def test_a_second_cluster_on_the_same_ports_is_refused_by_a_line_that_says_who_has_them(project, port):
    result = project(
        """
        def test_a(kstore_bootstrap):
            pass

        def test_b(kstore_session_bootstrap, kstore_cluster):
            pass

        def test_c(kstore_bootstrap):
            pass
        """,
        "--kstore-listen",
        f"127.0.0.1:{port}",
        "-rE",
    )
    result.assert_outcomes(passed=2, errors=1)
    line = (
        f"kstore_bootstrap: kstore_session_cluster has 127.0.0.1:{port}, which --kstore-listen names, "
        "until the session ends: take kstore_session_bootstrap here as well, or leave --kstore-listen out"
    )
    assert result.outlines.count(line) == 1
    assert "Traceback" not in result.stdout.str()


def test_one_that_a_test_asks_for_while_it_has_the_other_is_refused_too(project, port):
    result = project(
        """
        def test_it(kstore_bootstrap, request):
            request.getfixturevalue("kstore_session_bootstrap")
        """,
        "--kstore-listen",
        f"127.0.0.1:{port}",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [f"kstore_session_cluster: kstore_bootstrap has 127.0.0.1:{port}, *until the test ends*"]
    )


@pytest.mark.parametrize("fixture", ["kstore_bootstrap", "kstore_session_cluster"])
def test_a_port_that_another_process_has_is_a_line(project, fixture):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = project(f"def test_it({fixture}):\n    pass", "--kstore-listen", address)
    result.assert_outcomes(errors=1)
    line = f"{fixture}: {address} can't be listened on: Address already in use: choose another --kstore-listen"
    assert line in result.outlines
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize("listen", ["9092", "localhost", "http://localhost:9092", "localhost:65536"])
def test_what_is_no_address_ends_the_run_before_it_begins(project, listen):
    result = project("def test_it():\n    pass", "--kstore-listen", listen)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: --kstore-listen takes host:port, as in --kstore-listen *; got '{listen}': *"])


def test_ports_that_a_worker_of_xdist_could_not_have_end_the_run_before_it_begins(project):
    result = project("def test_it():\n    pass", "--kstore-listen", "127.0.0.1:65530", "-n", "2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: gw1 would listen on port 65540, *: choose another --kstore-listen, *"])


WORKERS = """
    import pytest
    from kstore import Producer

    @pytest.fixture(scope="session")
    def producer(kstore_session_bootstrap):
        with Producer(bootstrap_servers=kstore_session_bootstrap) as producer:
            yield producer

    @pytest.mark.parametrize("number", range(6))
    def test_session(number, producer, kstore_session_cluster):
        producer.send("orders", b"a").get(timeout=10)
        assert kstore_session_cluster.records("orders", 1)

    @pytest.mark.parametrize("number", range(6))
    def test_own(number, kstore_cluster, kstore_sim, kstore_bootstrap):
        for cluster in (kstore_cluster, kstore_sim):
            assert not cluster.image().topics
            cluster.create_topic("orders")

    def test_fails(kstore_session_cluster, kstore_sim):
        assert False
"""


def test_every_fixture_works_in_the_processes_of_xdist(project):
    result = project(WORKERS, "-n", "2", "-W", "error", "--kstore-traces", "kept")
    result.assert_outcomes(passed=12, failed=1)
    result.stdout.fnmatch_lines(["*kstore seed*", "*kstore trace -*", "*kstore trace of kstore_session_cluster*"])


def test_each_process_of_xdist_has_ports_of_its_own(project, port):
    result = project(
        f"""
        import pytest

        @pytest.mark.kstore(brokers=3)
        @pytest.mark.parametrize("number", range(8))
        def test_it(number, kstore_bootstrap, worker_id):
            first = {port} + 10 * int(worker_id[2:])
            assert kstore_bootstrap == ",".join(f"127.0.0.1:{{first + n}}" for n in range(3))

        @pytest.mark.kstore(brokers=11)
        def test_too_many(kstore_bootstrap):
            pass
        """,
        "--kstore-listen",
        f"127.0.0.1:{port}",
        "-n",
        "2",
    )
    result.assert_outcomes(passed=8, errors=1)
    result.stdout.fnmatch_lines(
        [
            f"kstore: clusters listen on 127.0.0.1:{port} in gw0, on 127.0.0.1:{port + 10} in gw1, *a fixed address*",
            "*has 10 ports, too few for 11 brokers: run these tests without -n, or leave --kstore-listen out",
        ]
    )


def test_the_plugin_tells_of_them_in_the_help(project):
    help_text = project("", "--help").stdout.str()
    assert re.search(r"--kstore-listen=HOST:PORT", help_text)
    assert "kstore_listen" in help_text
    told = project("", "--fixtures").stdout.str()
    assert "kstore_session_cluster [session scope] -- " in told
    assert "kstore_session_bootstrap [session scope] -- " in told
