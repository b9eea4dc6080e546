"""``docs/benchmarks.md`` is made of parts: a run writes its own and leaves the others as they are."""

from __future__ import annotations

from pathlib import Path

from bench.peers import page

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


def test_a_run_writes_its_own_parts_and_leaves_the_others(tmp_path) -> None:
    path = tmp_path / "benchmarks.md"
    page.write(path, {page.HEAD: "# Benchmarks\n\nhead", "Goals": "all met", "In the process": "fast"})
    page.write(path, {"Transactions": "- small: 1 ms\n- large: 2 ms"})
    assert path.read_text() == (
        "# Benchmarks\n\nhead\n\n## Goals\n\nall met\n\n"
        "## Transactions\n\n- small: 1 ms\n- large: 2 ms\n\n## In the process\n\nfast\n"
    )
    page.write(path, {"Goals": "all missed"})
    assert page.read(path.read_text()) == {
        page.HEAD: "# Benchmarks\n\nhead",
        "Goals": "all missed",
        "Transactions": "- small: 1 ms\n- large: 2 ms",
        "In the process": "fast",
    }


def test_an_empty_part_is_taken_out(tmp_path) -> None:
    path = tmp_path / "benchmarks.md"
    page.write(path, {"Goals": "all met", "What failed in this run": "- kfake"})
    page.write(path, {"What failed in this run": ""})
    assert path.read_text() == "## Goals\n\nall met\n"


def test_every_part_of_the_document_is_written_again_as_it_stands(tmp_path) -> None:
    path = tmp_path / "benchmarks.md"
    page.write(path, page.read(DOCUMENT.read_text()))
    assert path.read_text() == DOCUMENT.read_text()
