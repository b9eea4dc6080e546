"""A virtual environment for each framework, in ``build/frameworks``: what they need can't be had in one.

It has the framework as the package index gives it, pytest, and confluent-kafka for what the tests themselves ask. It is
made anew when the catalogue asks for something else.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from frameworks.catalogue import Framework

ENVIRONMENTS = Path(__file__).parents[2] / "build" / "frameworks"
FOR_THE_TESTS = ("pytest", "pytest-timeout", "confluent-kafka")


def made(framework: Framework) -> Path:
    """The folder of its environment, made if need be."""
    folder = ENVIRONMENTS / framework.name
    stamp = folder / "requirements.json"
    wanted = json.dumps([*framework.install, *FOR_THE_TESTS, sys.version])
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = ["install", "--quiet", "--disable-pip-version-check", *framework.install, *FOR_THE_TESTS]
        subprocess.run([str(python(folder)), "-m", "pip", *install], check=True)
        stamp.write_text(wanted)
    return folder


def python(folder: Path) -> Path:
    return folder / "bin" / "python"


def jars(framework: Framework) -> Path:
    """The folder with the jars of one in Java, which are fetched if need be."""
    folder, named = ENVIRONMENTS / f"{framework.name}-jars", framework.folder / "pom.xml"
    stamp = folder / "pom.xml"
    if not stamp.exists() or stamp.read_bytes() != named.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        fetch = ["mvn", "-q", "-B", "-f", str(named), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        subprocess.run(fetch, check=True, stdout=sys.stderr)
        shutil.copy(named, stamp)
    return folder


def versions(framework: Framework) -> dict[str, str]:
    """What was installed of the framework and of the client below it."""
    if framework.maven:
        jar = next(jars(framework).glob("kafka-streams-*.jar"))
        return {"kafka-streams": jar.stem.removeprefix("kafka-streams-")}
    folder = made(framework)
    named = [each.partition("[")[0] for each in framework.install]
    listed = [str(python(folder)), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"]
    installed = json.loads(subprocess.run(listed, check=True, capture_output=True, text=True).stdout)
    by_name = {each["name"].lower(): each["version"] for each in installed}
    return {name: by_name[name] for name in (*named, framework.client) if name in by_name}
