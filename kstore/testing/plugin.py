"""The pytest plugin: clusters as fixtures, and a failing test's report on its cluster.

* ``kstore_cluster``: a ``kstore.Cluster`` in real time, one a session, empty again for each test.
* ``kstore_bootstrap``: ``"host:port"`` for any Kafka client; the same cluster, which then listens.
* ``kstore_session_cluster``, ``kstore_session_bootstrap``: one cluster for the whole session, never reset, for fixtures
  of session scope.
* ``kstore_sim``: a cluster on virtual time, new for each test, in an order drawn from ``kstore_seed``.

``@pytest.mark.kstore(brokers=3, config={"min.insync.replicas": "2"}, seeds=20)`` shapes them for one test, class or
module; ``kstore_brokers`` and ``kstore_config`` in the project's pytest configuration shape them for all.
``--kstore-seed N`` plays that seed alone, ``--kstore-seeds COUNT`` so many, each as a test of its own;
``--kstore-traces FOLDER`` keeps the whole trace of what failed; ``--kstore-listen HOST:PORT`` is where clusters listen.

It is loaded in every run of pytest where kstore is installed: nothing but pytest is imported before a fixture is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from actors.cluster import Cluster
    from actors.testing.pool import Pool

SEED = 1
MARK = "kstore(brokers=, config=, seeds=): brokers and configs of kstore_cluster, kstore_bootstrap and kstore_sim"
LISTEN = (
    "the address of the first broker of kstore_bootstrap or kstore_session_bootstrap; the others use the next ports "
    "(default: free ports of 127.0.0.1); a worker of pytest-xdist listens ten ports above the one before it"
)
in_use = pytest.StashKey[list["Cluster"]]()
of_session = pytest.StashKey["Cluster"]()
seed_asked = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The plugin's options, and its keys in the project's configuration."""
    group = parser.getgroup("kstore", "Kafka clusters in the process")
    group.addoption("--kstore-seed", type=int, metavar="N", help=f"the seed of kstore_sim (default: {SEED})")
    group.addoption(
        "--kstore-seeds",
        type=int,
        metavar="COUNT",
        help="run each test that uses kstore_sim with this many seeds, from --kstore-seed on",
    )
    group.addoption(
        "--kstore-traces",
        metavar="FOLDER",
        help="keep the whole trace of each failing test's clusters there, for `kstore trace FILE`",
    )
    group.addoption("--kstore-listen", metavar="HOST:PORT", help=LISTEN)
    parser.addini("kstore_brokers", "how many brokers the clusters of kstore's fixtures have", default="1")
    parser.addini("kstore_config", "broker configs of kstore's fixtures: key=value, one per line", type="linelist")
    parser.addini("kstore_listen", "as --kstore-listen", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and see that there can be clusters where they are to listen."""
    config.addinivalue_line("markers", MARK)
    if listen := listen_of(config):
        check_listen(listen, [worker_of(config), *workers_of(config)])


def check_listen(listen: str, workers: list[str | None]) -> None:
    """End the run with a line if clusters can't listen there."""
    from kstore.errors.uncompiled import UncompiledError

    try:
        from actors.network.ports import ListenError
        from actors.testing.listening import for_worker
    except UncompiledError as error:
        raise pytest.UsageError(str(error)) from None
    try:
        for worker in workers:
            for_worker(listen, worker)
    except ListenError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say where clusters listen, if that was given."""
    listen = listen_of(config)
    if not listen:
        return None
    from actors.testing.listening import for_worker, is_free

    told = f"kstore: clusters listen on {listen}"
    if len(workers_of(config)) > 1 and not is_free(listen):
        told += f" in gw0, on {for_worker(listen, 'gw1')} in gw1, and so on: a fixed address reaches gw0 only"
    return told


def listen_of(config: pytest.Config) -> str:
    """Where clusters listen, as it was given; "" if it wasn't."""
    given: str = config.getoption("kstore_listen") or config.getini("kstore_listen")
    return given.strip()


def worker_of(config: pytest.Config) -> str | None:
    """What pytest-xdist calls this process; None without it, and in the process that only gives out the tests."""
    given = getattr(config, "workerinput", None)
    return None if given is None else given["workerid"]


def workers_of(config: pytest.Config) -> list[str]:
    """What pytest-xdist calls the processes that it starts, in the one that gives out the tests."""
    return [f"gw{number}" for number in range(len(getattr(config.option, "tx", None) or ()))]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each seed that was asked for, by an option or by the mark."""
    if "kstore_seed" not in metafunc.fixturenames:
        return
    first, count = metafunc.config.getoption("kstore_seed"), metafunc.config.getoption("kstore_seeds")
    if first is None and count is None:
        marked = next((mark.kwargs["seeds"] for mark in marks_of(metafunc.definition) if "seeds" in mark.kwargs), None)
        count = None if marked is None else how_many(marked)
    if first is None and count is None:
        return
    start = SEED if first is None else first
    metafunc.parametrize("kstore_seed", range(start, start + (count or 1)), ids="seed{}".format)


def how_many(seeds: object) -> int:
    """The number of seeds that a mark asks for."""
    from kstore.errors.arguments import whole

    return whole("seeds of the mark kstore", seeds, 1)


def marks_of(item: pytest.Item) -> Iterator[pytest.Mark]:
    """The plugin's marks of a test, the nearest first."""
    return item.iter_markers("kstore")


@pytest.fixture(scope="session")
def kstore_clusters(pytestconfig: pytest.Config) -> Iterator[Pool]:
    """The session's clusters by their shape; each is closed when the session ends."""
    from actors.testing.pool import Pool

    pool = Pool(
        pytestconfig.getini("kstore_brokers"),
        pytestconfig.getini("kstore_config"),
        listen_of(pytestconfig),
        worker_of(pytestconfig),
    )
    yield pool
    pool.close()


@pytest.fixture
def kstore_cluster(request: pytest.FixtureRequest, kstore_clusters: Pool) -> Iterator[Cluster]:
    """A ``kstore.Cluster`` in real time, empty: no topics, no groups, no faults. One a session, reset for each test.

    Clients that a test leaves open are lost with the next test's reset. An actor that crashed fails the test.
    """
    from actors.testing.pool import shape_of

    shape = shape_of(kstore_clusters.default, (mark.kwargs for mark in marks_of(request.node)))
    listens = "kstore_bootstrap" in request.fixturenames
    cluster = opened(lambda: kstore_clusters.take(shape, listens=listens), "kstore_bootstrap")
    request.node.stash.setdefault(in_use, []).append(cluster)
    yield cluster
    kstore_clusters.give_back(cluster)


@pytest.fixture
def kstore_bootstrap(kstore_cluster: Cluster) -> str:
    """What any Kafka client connects to: ``host:port`` of each broker, with commas; those of ``kstore_cluster``."""
    return kstore_cluster.bootstrap_servers


@pytest.fixture(scope="session")
def kstore_session_cluster(pytestconfig: pytest.Config, kstore_clusters: Pool) -> Iterator[Cluster]:
    """A ``kstore.Cluster`` in real time that listens, for the whole session: what a test leaves there stays.

    It isn't that of ``kstore_cluster``. ``kstore_brokers`` and ``kstore_config`` shape it, the mark doesn't.
    """
    cluster = opened(kstore_clusters.take_for_session, "kstore_session_cluster")
    pytestconfig.stash[of_session] = cluster
    yield cluster
    kstore_clusters.close_of_session()


@pytest.fixture(scope="session")
def kstore_session_bootstrap(kstore_session_cluster: Cluster) -> str:
    """What any Kafka client connects to: ``host:port`` of each broker of ``kstore_session_cluster``, with commas."""
    return kstore_session_cluster.bootstrap_servers


def opened(take: Callable[[], Cluster], fixture: str) -> Cluster:
    """The cluster that is taken; the test fails with a line, without a traceback, if it can't listen."""
    from actors.network.ports import ListenError

    try:
        return take()
    except ListenError as error:
        why = str(error)
    pytest.fail(f"{fixture}: {why}", pytrace=False)


@pytest.fixture
def kstore_seed() -> int:
    """The seed of ``kstore_sim``, and for whatever else a test draws."""
    return SEED


@pytest.fixture
def kstore_sim(request: pytest.FixtureRequest, kstore_clusters: Pool, kstore_seed: int) -> Iterator[Cluster]:
    """A ``kstore.Cluster`` on virtual time, new for each test: with the same seed it is the same, event by event."""
    from actors.testing.pool import shape_of, simulated

    shape = shape_of(kstore_clusters.default, (mark.kwargs for mark in marks_of(request.node)))
    with simulated(shape, kstore_seed) as cluster:
        request.node.stash.setdefault(in_use, []).append(cluster)
        request.node.stash[seed_asked] = kstore_seed
        yield cluster


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failing test shows its own line, its seed, what plays it again, and the end of its clusters' traces."""
    if call.excinfo is not None and "actors" in sys.modules:
        from actors.testing.frames import hide_frames

        hide_frames()
    report = yield
    if report.failed and (clusters := [*item.stash.get(in_use, []), *session_clusters(item)]):  # type: ignore[attr-defined]
        from actors.testing.report import sections

        folder = item.config.getoption("kstore_traces")
        seed = item.stash.get(seed_asked, None)
        report.sections.extend(sections(item.nodeid, seed, clusters, folder))  # type: ignore[attr-defined]
    return report


def session_clusters(item: pytest.Item) -> list[Cluster]:
    """The cluster of the session, if it is there and the test uses it, or may: what a fixture asks for as it runs
    (``request.getfixturevalue``), no test shows.
    """
    cluster = item.config.stash.get(of_session, None)
    if cluster is None:
        return []
    return [cluster] if uses_session(item) or not any(map(uses_session, item.session.items)) else []


def uses_session(item: pytest.Item) -> bool:
    """Whether a test, or a fixture of its, names the cluster of the session."""
    return "kstore_session_cluster" in getattr(item, "fixturenames", ())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test in which a cluster met a defect of kstore's own fails at its end, though the cluster went on."""
    yield
    _fail_for_defects()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """So does one whose fixtures met one."""
    yield
    _fail_for_defects()


def _fail_for_defects() -> None:
    failures = sys.modules.get("actors.runtime.failures")
    if failures is None or not failures.Failures.recent:
        return
    met = list(failures.Failures.recent)
    failures.Failures.recent.clear()
    texts = "\n".join(f"{failure}\n{failure.traceback}" for failure in met)
    pytest.fail(f"kstore had {len(met)} unexpected {'error' if len(met) == 1 else 'errors'}:\n{texts}", pytrace=False)
