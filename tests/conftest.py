"""What all tests share: the Hypothesis profiles, the seed of a run, and fixtures for what a machine may lack.

A run is the same every time: Hypothesis derives its examples from the test itself, and everything else that draws
takes its randomness from the ``seed`` fixture. ``KSTORE_SEED=N`` changes that seed and ``KSTORE_HYPOTHESIS=full``
looks for longer and elsewhere; both are printed at the head of the run, and the seed once more beside a failure.
"""

import os
import secrets
import shutil
import sys
from collections.abc import Generator

import hypothesis
import pytest

PROFILE = os.environ.get("KSTORE_HYPOTHESIS", "default")
SEED = int(os.environ.get("KSTORE_SEED") or (secrets.randbits(32) if PROFILE == "full" else 1))

_SLOW_IS_FINE = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]

hypothesis.settings.register_profile(
    "default", deadline=None, derandomize=True, max_examples=60, print_blob=True, suppress_health_check=_SLOW_IS_FINE
)
hypothesis.settings.register_profile(
    "full", deadline=None, max_examples=1000, print_blob=True, suppress_health_check=_SLOW_IS_FINE
)
hypothesis.settings.load_profile(PROFILE)


def pytest_configure(config: pytest.Config) -> None:
    """A long run looks elsewhere each time, and says where."""
    if PROFILE == "full" and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(SEED)


def pytest_report_header() -> str:
    return f"kstore: KSTORE_SEED={SEED} KSTORE_HYPOTHESIS={PROFILE} make this run again"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A run that has crashed logs says how often."""
    crashes = sys.modules.get("log.crash_points")
    if crashes is not None and crashes.tried:
        kinds = ", ".join(f"{count:,} of {kind}" for kind, count in crashes.tried.items())
        terminalreporter.write_line(f"crash points of logs: {sum(crashes.tried.values()):,} ({kinds})")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and "seed" in getattr(item, "fixturenames", ()):
        report.sections.append(("seed", f"KSTORE_SEED={SEED} draws the same again"))
    return report


@pytest.fixture(scope="session", autouse=True)
def _defects_stop_everything() -> None:
    """A user's cluster contains a defect of kstore; in its own tests one stops everything at once, with the trace."""
    from actors.clients.transport import TcpTransport
    from actors.cluster.nodes import Nodes

    Nodes.contains_failures = TcpTransport.contains_failures = False


@pytest.fixture
def seed() -> int:
    """The number from which a test draws everything that it draws."""
    return SEED


@pytest.fixture(scope="session")
def kcat() -> str:
    """The path of kcat, which no Python package can bring along; without it, its tests say so and are skipped."""
    path = shutil.which("kcat")
    if path is None:
        pytest.skip("kcat is not installed (Debian and Homebrew call the package kcat)")
    return path
