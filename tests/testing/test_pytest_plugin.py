"""The pytest plugin as a project meets it: its fixtures, options and mark, and what a failing test prints."""

from __future__ import annotations

import pytest

from actors.trace import Trace

pytest_plugins = ["pytester"]


@pytest.fixture
def project(pytester: pytest.Pytester):
    """Run pytest in an empty project whose tests are the text that is given."""

    def run(tests: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_project=tests)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options)

    return run


def test_a_run_that_uses_no_fixture_of_ours_loads_nothing_of_ours(project):
    result = project(
        """
        import sys

        def test_nothing_is_loaded():
            loaded = {name.split(".")[0] for name in sys.modules}
            assert not {"actors", "numpy", "pykka", "asyncio", "greenlet"} & loaded
        """
    )
    result.assert_outcomes(passed=1)


def test_one_cluster_serves_a_session_and_is_empty_for_each_test(project):
    result = project(
        """
        seen = []

        def test_first(kstore_cluster):
            kstore_cluster.create_topic("orders")
            with kstore_cluster.producer() as producer:
                assert producer.send("orders", b"a").get(timeout=10).offset == 0
            seen.append(kstore_cluster)

        def test_second(kstore_cluster):
            assert kstore_cluster is seen[0]
            kstore_cluster.create_topic("orders")
            assert kstore_cluster.records("orders") == []
            kstore_cluster.faults.kill(1)

        def test_third(kstore_cluster):
            assert kstore_cluster.brokers[1].alive
            assert not kstore_cluster.image().topics
        """
    )
    result.assert_outcomes(passed=3)


def test_a_cluster_that_a_test_closed_or_crashed_is_replaced(project):
    result = project(
        """
        def test_closes_it(kstore_cluster):
            kstore_cluster.close()

        def test_crashes_it(kstore_cluster):
            kstore_cluster.world.driver.call(kstore_cluster.world.met_defect, AssertionError("a defect"))

        def test_has_another(kstore_cluster):
            kstore_cluster.create_topic("orders")
        """
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*kstore had 1 unexpected error:*", "*outside any turn failed: *'a defect'*"])


def test_any_client_connects_to_the_bootstrap_servers_of_the_same_cluster(project):
    result = project(
        """
        from kafka import KafkaProducer

        def test_a_client_over_tcp(kstore_bootstrap, kstore_cluster):
            kstore_cluster.create_topic("orders")
            producer = KafkaProducer(bootstrap_servers=kstore_bootstrap)
            producer.send("orders", b"a").get(timeout=10)
            producer.close()
            assert [record.value for record in kstore_cluster.records("orders", 1)] == [b"a"]

        def test_again(kstore_bootstrap, kstore_cluster):
            assert kstore_cluster.bootstrap_servers == kstore_bootstrap
            assert not kstore_cluster.image().topics

        def test_without(kstore_cluster):
            assert kstore_cluster.ports is None
        """
    )
    result.assert_outcomes(passed=3)


def test_the_mark_shapes_a_cluster_and_the_nearest_wins(project):
    result = project(
        """
        import pytest

        pytestmark = pytest.mark.kstore(brokers=2, config={"num.partitions": 4})

        def test_of_the_module(kstore_cluster):
            assert len(kstore_cluster.brokers) == 2
            assert kstore_cluster.config.integer("num.partitions") == 4

        @pytest.mark.kstore(brokers=3)
        def test_of_its_own(kstore_cluster, kstore_sim):
            for cluster in (kstore_cluster, kstore_sim):
                assert len(cluster.brokers) == 3
                assert cluster.config.integer("num.partitions") == 4

        @pytest.mark.kstore(broker=3)
        def test_of_none(kstore_cluster):
            pass
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ConfigError: the mark kstore has no keyword 'broker' (did you mean brokers?)"])


def test_the_projects_configuration_shapes_all_clusters(project, pytester):
    pytester.makeini(
        """
        [pytest]
        kstore_brokers = 3
        kstore_config =
            num.partitions=2
            min.insync.replicas=2
        """
    )
    result = project(
        """
        def test_shape(kstore_cluster, kstore_sim):
            for cluster in (kstore_cluster, kstore_sim):
                assert len(cluster.brokers) == 3
                assert cluster.config.integer("num.partitions") == 2
        """
    )
    result.assert_outcomes(passed=1)


SIMULATED = """
    def test_draws(kstore_sim, kstore_seed):
        kstore_sim.create_topic("orders")
        kstore_sim.run_for(60)
        assert kstore_sim.world.seed == kstore_seed
        print("hash of", kstore_seed, kstore_sim.world.recorder.trace_hash())
"""


def hashes(result: pytest.RunResult) -> list[str]:
    return [line[line.index("hash of") :] for line in result.outlines if "hash of" in line]


def test_a_simulation_is_the_same_with_the_same_seed_and_another_with_another(project):
    one, again = hashes(project(SIMULATED, "-s")), hashes(project(SIMULATED, "-s"))
    other = hashes(project(SIMULATED, "-s", "--kstore-seed", "2"))
    assert one == again
    assert one[0].startswith("hash of 1 ")
    assert other[0].startswith("hash of 2 ")
    assert one[0].split()[-1] != other[0].split()[-1]


def test_a_test_is_played_with_as_many_seeds_as_are_asked_for(project):
    result = project(SIMULATED, "-v", "-s", "--kstore-seed", "7", "--kstore-seeds", "3")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"*test_draws[[]seed{seed}[]]*" for seed in (7, 8, 9)])
    assert len(set(hashes(result))) == 3


def test_the_mark_asks_for_seeds_and_an_option_for_one_of_them(project):
    marked = "    import pytest\n\n    @pytest.mark.kstore(seeds=4)" + SIMULATED
    project(marked, "-s").assert_outcomes(passed=4)
    result = project(marked, "-v", "-s", "--kstore-seed", "3")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_draws[[]seed3[]]*"])


FAILING = """
    def test_fails(kstore_sim):
        kstore_sim.create_topic("orders")
        assert kstore_sim.world.seed != 5
"""


def test_a_failing_test_prints_its_seed_the_command_that_replays_it_and_its_trace(project, pytester):
    result = project(FAILING, "--kstore-seeds", "6")
    result.assert_outcomes(passed=5, failed=1)
    command = "pytest 'test_project.py::test_fails[seed5]' --kstore-seed 5"
    result.stdout.fnmatch_lines(
        [
            "*kstore seed*",
            f"seed 5; again: {command}",
            "*kstore trace*",
            "*rows of the trace, without heartbeats*",
            "* broker-1#1*",
        ]
    )
    replayed = pytester.runpytest_subprocess("test_project.py::test_fails[seed5]", "--kstore-seed", "5")
    replayed.assert_outcomes(failed=1)


def test_the_whole_trace_of_a_failing_test_is_kept_where_it_is_asked_for(project, pytester):
    result = project(FAILING, "--kstore-seed", "5", "--kstore-traces", "kept/here")
    result.assert_outcomes(failed=1)
    name = "kept/here/test_project.py-test_fails-seed5.ktrace"
    result.stdout.fnmatch_lines([f"all of it: kstore trace {name}"])
    assert "broker-1#1/controller" in Trace.load(pytester.path / name).actors()


def test_a_failing_test_of_a_real_cluster_prints_the_end_of_its_trace(project):
    result = project("def test_fails(kstore_cluster):\n    assert kstore_cluster.leader('nothing')")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*UnknownTopicOrPartition: there is no topic nothing*", "*kstore trace*"])
    result.stdout.no_fnmatch_line("*kstore seed*")


def test_a_passing_test_prints_nothing(project):
    result = project("def test_passes(kstore_cluster, kstore_sim):\n    assert kstore_cluster is not kstore_sim")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*kstore trace*")
    result.stdout.no_fnmatch_line("*kstore seed*")


def test_a_project_that_turns_warnings_into_errors_has_none_of_ours(project):
    project(SIMULATED, "-W", "error").assert_outcomes(passed=1)


def test_the_plugin_tells_of_itself_in_the_help(project):
    result = project("", "--help")
    result.stdout.fnmatch_lines(["*--kstore-seed=N*", "*--kstore-seeds=COUNT*", "*kstore_brokers*", "*kstore_config*"])
    told = project("", "--fixtures").stdout.str()
    assert all(f"{fixture} -- " in told for fixture in ("kstore_cluster", "kstore_bootstrap", "kstore_sim"))
