"""Imports in a source checkout: ignores or refuses compiled files that don't belong to their source.

An extension's compiled file lies beside its source, and is what Python's own finder takes. Builds put it there; nothing
else touches it, and it may be older than the source by now. ``Checkout`` stands first in ``sys.meta_path`` and looks at
the times that make looks at:

* An extension (``.pyx``) that was changed since is refused by an ``UncompiledError``. What it takes from a ``.pxd``
  isn't looked at.
* A compiled file without a source is no module: an older build left it behind.
* A compiled file beside a Python module (``.py``) is such a leftover too, and the Python is imported. Builds made some
  of them once, and Python's finder would take one before its source.

An installation has no ``setup.py`` beside the package, so that nobody's times of files count there.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder

TYPE_CHECKING = False  # type checkers take it for True; ``typing`` has it too, and takes milliseconds to load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

COMPILED = tuple(EXTENSION_SUFFIXES)


class Checkout:
    """The first finder of modules: no compiled file stands for a source that it wasn't made of."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, _target: object = None, /) -> ModuleSpec | None:
        """The module as its source has it, or an ``ImportError``."""
        if path is None or not name.startswith(("kstore.", "actors.")):
            return None
        found = PathFinder.find_spec(name, path)
        if found is None or found.origin is None or not found.origin.endswith(COMPILED):
            return found
        source = os.path.join(os.path.dirname(found.origin), name.rpartition(".")[2])
        if os.path.exists(f"{source}.py"):
            from importlib.util import spec_from_file_location

            return spec_from_file_location(name, f"{source}.py")
        _refuse_old(name, f"{source}.pyx", found.origin)
        return found


def _refuse_old(name: str, source: str, compiled: str) -> None:
    try:
        changed_at = os.stat(source).st_mtime_ns
    except FileNotFoundError:
        message = f"No module named {name!r}: {compiled} was left behind by an older build"
        raise ModuleNotFoundError(message, name=name) from None
    if changed_at > os.stat(compiled).st_mtime_ns:
        from kstore.errors.uncompiled import UncompiledError

        raise UncompiledError(
            f"{source} was changed since it was compiled: run `make build` in the checkout", name=name, path=source
        )


sys.meta_path.insert(0, Checkout)
