"""The file ``compiled.txt``: a module a line, in order, and behind a ``#`` what it earns on each path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "compiled.txt"
WIDTH = 36


def listed() -> list[str]:
    """The modules, as paths from the root."""
    return [line.split()[0] for line in FILE.read_text().splitlines() if not line.startswith("#")]


def rewrite(head: Sequence[str], earned: Mapping[str, str]) -> None:
    """Write the file anew; ``earned`` says it of each module."""
    lines = [f"# {line}".rstrip() for line in head]
    lines += [f"{source:{WIDTH}}  # {said}" for source, said in sorted(earned.items())]
    FILE.write_text("\n".join(lines) + "\n")
