"""All cases: importing the modules of ``cases`` registers them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from matrix.case import CASES as CASES

for _path in sorted((Path(__file__).parent / "cases").glob("*.py")):
    import_module(f"matrix.cases.{_path.stem}")
