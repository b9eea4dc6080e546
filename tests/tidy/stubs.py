"""Runs stubtest on every compiled module: the ``.pyi`` beside a ``.pyx`` must say what the built module really has.

``make check`` runs this file. It is a program and not a test, because stubtest builds its own picture of the whole
package and prints better than an assertion could. Names that Cython adds to every module and class are allowed in
``stubs.allow``; nothing of ours may stand there.
"""

import os
import sys
from pathlib import Path

from mypy import stubtest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = Path(__file__).with_name("stubs.allow")


def main() -> int:
    compiled = [path for house in ("kstore", "actors") for path in sorted((ROOT / house).rglob("*.pyx"))]
    bare = [str(path.relative_to(ROOT)) for path in compiled if not path.with_suffix(".pyi").exists()]
    if bare:
        print("no .pyi beside:", *bare, sep="\n  ", file=sys.stderr)
        return 1
    if not compiled:
        return 0
    os.chdir(ROOT)
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in compiled]
    arguments = [
        "--concise",
        "--ignore-disjoint-bases",
        "--ignore-unused-allowlist",
        "--allowlist",
        str(ALLOWED),
        *modules,
    ]
    return stubtest.test_stubs(stubtest.parse_options(arguments))


if __name__ == "__main__":
    sys.exit(main())
