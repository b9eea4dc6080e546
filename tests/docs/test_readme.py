"""README.md as a package index shows it, where a path of this folder leads nowhere."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from setuptools.command.egg_info import FileList

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def description() -> str:
    text: str = runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["description"]()
    return text


def test_no_link_of_the_description_leads_to_a_file(description: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", description)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_what_the_description_names_instead_is_in_the_source_distribution(
    description: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    listed = FileList()
    for line in (ROOT / "MANIFEST.in").read_text().splitlines():
        listed.process_template_line(line)
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text())
    named = [path for path in linked if f"`{path}`" in description]
    assert named == linked
    assert [path for path in named if path not in listed.files and path != "LICENSE"] == []
