"""Builds the Cython extensions: every ``.pyx`` below ``kstore`` and ``actors`` is a module of its own.

Environment variables steer a build:

* ``KSTORE_DEBUG=1`` turns on bounds and None checks, assertions in C and checked mode (``kstore/checked.pyx``): the
  debug build;
  ``KSTORE_SANITIZE=1`` adds AddressSanitizer to it, and stops at a signed overflow. (Cython's own overflow checks
  would also refuse the unsigned arithmetic that hashes and checksums are made of.)
* ``KSTORE_ONLY=kstore/codec`` builds only the extensions below that folder (several: separated by commas).
* ``KSTORE_JOBS=4`` compiles that many at once (the number of cores unless told).

Each flavour keeps its intermediate files in a folder of its own (``build/release``, ``build/debug``,
``build/asan``), so that one never takes the other's objects for its own.
"""

import os
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SANITIZE = os.environ.get("KSTORE_SANITIZE") == "1"
DEBUG = SANITIZE or os.environ.get("KSTORE_DEBUG") == "1"
ONLY = tuple(p for p in os.environ.get("KSTORE_ONLY", "").split(",") if p)
JOBS = int(os.environ.get("KSTORE_JOBS") or os.cpu_count() or 1)
BUILD = f"build/{'asan' if SANITIZE else 'debug' if DEBUG else 'release'}"

DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "embedsignature": True,
    "boundscheck": DEBUG,
    "wraparound": False,
    "nonecheck": DEBUG,
    "initializedcheck": DEBUG,
    "cdivision": True,
}


class BuildWithPages(build_py):
    """Installs the pages of the documentation as well, beside the command that prints them (``kstore help``)."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "actors/cli/pages"
            target.mkdir(parents=True, exist_ok=True)
            for page in sorted((ROOT / "docs").glob("*.md")):
                self.copy_file(str(page), str(target / page.name))


class BuildInPlace(build_ext):
    """In place, a build's files are all of them: what an older build left, of sources that are no more, goes."""

    def run(self) -> None:
        super().run()
        if self.inplace and not ONLY:
            for file in leftovers(ROOT, {each.name for each in self.extensions}):
                print(f"removing {file.relative_to(ROOT)}: it isn't compiled any more")
                file.unlink()


def leftovers(root: Path, names: set[str]) -> Iterator[Path]:
    """The files below ``root`` that were compiled for this Python, and are none of the modules ``names``."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for house in ("kstore", "actors"):
        for file in sorted((root / house).rglob(f"*{suffix}")):
            if ".".join(file.relative_to(root).parts).removesuffix(suffix) not in names:
                yield file


def description() -> str:
    """README.md as a package index shows it: there a path leads nowhere, so it stands as text instead of a link."""
    text = (ROOT / "README.md").read_text()
    text = re.sub(r"\[([^\]]+)\]\(\1\)", r"`\1`", text)
    text = re.sub(r"\[([^\]]+)\]\((?!https?:)([^)#]+)[^)]*\)", r"\1 (`\2`)", text)
    return (
        f"{text}\nThe files that are named are in the source distribution; `kstore help` prints the pages of `docs`.\n"
    )


def extensions() -> list[Extension]:
    # -w: what is to be warned of is the source, and Cython does that.
    compile_args = ["-O1", "-g", "-UNDEBUG", "-DKSTORE_CHECKED=1"] if DEBUG else ["-O3", "-g0", "-w"]
    link_args = []
    if SANITIZE:
        sanitizers = "-fsanitize=address,signed-integer-overflow"
        compile_args += [sanitizers, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
        link_args += [sanitizers]
    found = []
    sources = [
        path.relative_to(ROOT) for house in ("kstore", "actors") for path in sorted((ROOT / house).rglob("*.pyx"))
    ]
    for source in sources:
        if ONLY and not str(source).startswith(ONLY):
            continue
        name = ".".join(source.with_suffix("").parts)
        found.append(Extension(name, [str(source)], extra_compile_args=compile_args, extra_link_args=link_args))
    return found


def compiled() -> list[Extension]:
    return cythonize(
        extensions(),
        compiler_directives=DIRECTIVES,
        build_dir=f"{BUILD}/cython",
        force=DEBUG,
        quiet=True,
        nthreads=JOBS if os.name == "posix" else 0,
    )


if __name__ == "__main__":
    setup(
        ext_modules=compiled(),
        cmdclass={"build_ext": BuildInPlace, "build_py": BuildWithPages},
        long_description=description(),
        long_description_content_type="text/markdown",
        options={"build_ext": {"parallel": JOBS}, "build": {"build_base": BUILD}},
    )
