"""What the tests of one framework came to on one Kafka, as pytest tells it in its report for machines."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from frameworks.catalogue import APPS, Framework
from frameworks.environments import jars, made, python

from kstore.named import NamedTuple

TIMEOUT_S = 1800


class Outcome(NamedTuple):
    """One test: how it ended, how many seconds it took with what it needed before and after, and why it failed."""

    passed: bool
    seconds: float
    said: str = ""


def ran(framework: Framework, bootstrap: str, *, only: str = "") -> dict[str, Outcome]:
    """Run them, showing what pytest shows; by the test's name."""
    folder = made(framework)
    known = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": bootstrap}
    if framework.maven:
        known["JARS"] = str(jars(framework))
    with tempfile.TemporaryDirectory(prefix="frameworks-") as kept:
        report = Path(kept) / "report.xml"
        command = [str(python(folder)), "-m", "pytest", "-q", "-c", "pytest.ini", "--rootdir", ".", "--tb=short"]
        command += [f"--junitxml={report}", framework.folder.name, *(["-k", only] if only else [])]
        known["PYTHONPYCACHEPREFIX"] = kept
        subprocess.run(command, cwd=APPS, env=known, check=False, timeout=TIMEOUT_S)
        return outcomes(report.read_text())


def example_passes(framework: Framework, example: Path) -> bool:
    """Run the page's example of a test with the framework's own commands on the path, and kstore beside it."""
    known = {**os.environ, "PATH": f"{python(made(framework)).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(example)]
    return subprocess.run(command, cwd=framework.folder, env=known, check=False, timeout=TIMEOUT_S).returncode == 0


def outcomes(report: str) -> dict[str, Outcome]:
    """Those in a report of pytest's; a test that failed, and after which it failed again, is there twice."""
    found: dict[str, Outcome] = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        wrong = [each for each in case if each.tag in ("failure", "error", "skipped")]
        said = "\n".join(f"{each.get('message', '')}\n{each.text or ''}" for each in wrong)
        name, seconds = case.get("name", ""), float(case.get("time", 0))
        before = found.get(name, Outcome(True, 0.0))
        found[name] = Outcome(before.passed and not wrong, before.seconds + seconds, before.said + said)
    return found
