"""The error for a missing compiled module: how to build it, instead of ``No module named 'kstore.…'``.

A checkout has the sources of its extensions (``.pyx``), and their compiled modules once they were built, for the Python
that built them. The finder stands last in ``sys.meta_path``: it is asked only about a module that nobody has found, so
a start that goes well never reads this file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


class UncompiledError(ImportError):
    """An extension of kstore's isn't built."""


def refuse(name: str, folders: Sequence[str]) -> None:
    """Raise ``UncompiledError`` if a module that wasn't found in ``folders``, its package's, has a source there."""
    for folder in folders:
        source = Path(folder, name.rpartition(".")[2] + ".pyx")
        if source.exists():
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise UncompiledError(
                f"the extensions aren't built for this Python ({version}), {name} is missing: "
                f"run `make build` in the checkout, or install kstore with `pip install .`",
                name=name,
                path=str(source),
            )
