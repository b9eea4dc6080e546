"""What a type checker and an editor know of the package: its names, and the clients' keywords."""

from pathlib import Path
from typing import get_type_hints

import pytest
from clients.keyword_documents import CLASSES, KEPT
from mypy import api

from actors.clients.keywords import typed_dicts

ROOT = Path(__file__).parents[2]
PROGRAM = """
from kstore import Cluster, Clustre, Consumer, Producer
with Cluster() as cluster:
    cluster.consumer("t", grup_id="g")
    cluster.producer(acks=None)
    cluster.admin(retries=3)
Consumer("t", group_id="g", auto_offset_reset="earliest")
Producer(bootstrap_servers="localhost:9092", lingerms=3)
"""


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_what_follows_from_the_table_of_keywords_is_kept_as_it_follows(path: Path) -> None:
    text = path.read_text()
    assert text == KEPT[path](text), "run python tests/clients/keyword_documents.py"


@pytest.mark.parametrize("kind", CLASSES)
def test_type_checkers_know_the_keywords_that_a_client_takes_and_no_others(kind: str) -> None:
    typed = get_type_hints(getattr(typed_dicts, f"{kind.capitalize()}Keywords"))
    assert sorted(typed) == sorted(CLASSES[kind].rows())


def test_a_type_checker_finds_names_and_keywords_that_there_are_not(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    said, complaints, _ = api.run(["--config-file", str(ROOT / "pyproject.toml"), str(program)])
    assert complaints == ""
    lines = [line for line in said.splitlines() if "program.py:" in line and "error:" in line]
    assert [line.split("program.py:")[1].split(":")[0] for line in lines] == ["2", "4", "5", "8"], said
    assert "Clustre" in lines[0]
    assert "grup_id" in lines[1]
    assert "lingerms" in lines[3]
