"""What a workflow on GitHub runs is what pyproject.toml promises: it can't be run here, so its words are compared."""

from __future__ import annotations

import re
import tomllib
from typing import TypedDict

import pytest
import yaml
from tidy.sources import PYTHON_OLDEST, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLASSIFIERS = PROJECT["project"]["classifiers"]
VERSIONS = re.findall(r"Python :: (3\.\d+)$", "\n".join(CLASSIFIERS), re.MULTILINE)


class Job(TypedDict):
    strategy: dict[str, dict[str, list[str]]]
    steps: list[dict[str, object]]


@pytest.fixture
def jobs() -> dict[str, Job]:
    return yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def test_every_python_that_the_project_names_runs_the_tests(jobs):
    assert jobs["test"]["strategy"]["matrix"]["python"] == VERSIONS


def test_the_pythons_that_the_project_names_are_all_from_the_oldest_on():
    assert [numbers(version) for version in VERSIONS] == [(3, minor) for minor in range(11, 11 + len(VERSIONS))]
    assert PROJECT["project"]["requires-python"] == f">={VERSIONS[0]}"
    assert numbers(VERSIONS[0]) == numbers(PROJECT["tool"]["mypy"]["python_version"]) == PYTHON_OLDEST
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py{VERSIONS[0].replace('.', '')}"


def test_there_is_a_wheel_for_every_python_that_the_project_names():
    wheels = [f"cp{version.replace('.', '')}-*" for version in VERSIONS]
    assert PROJECT["tool"]["cibuildwheel"]["build"].split() == wheels


def test_every_system_that_the_project_names_runs_the_tests_and_has_wheels(jobs):
    systems = {"MacOS": "macos", "POSIX :: Linux": "ubuntu"}
    named = {each.removeprefix("Operating System :: ") for each in CLASSIFIERS if each.startswith("Operating System")}
    for job in ("test", "wheels"):
        kinds = {system.partition("-")[0] for system in jobs[job]["strategy"]["matrix"]["system"]}
        assert kinds == {systems[name] for name in named}


def test_what_a_workflow_runs_is_there(jobs):
    commands = "\n".join(str(step.get("run", "")) for job in jobs.values() for step in job["steps"])
    files = re.findall(r"\btests/[\w/]+\.py", commands + PROJECT["tool"]["cibuildwheel"]["test-command"])
    targets = re.findall(r"\bmake (\S+)", commands)
    assert len(files) == 2
    assert [name for name in files if not (ROOT / name).is_file()] == []
    assert targets == ["test"]
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)
