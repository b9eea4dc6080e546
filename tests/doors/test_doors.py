"""Holds the one-way doors of docs/architecture.md: which part may import which, and who may touch the world.

The rules are tables, so that a door that is opened on purpose is one line here, seen in review. What isn't there yet
is not looked at; what is there, is.
"""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from doors.imports import Import, imports, modules, reached
from tidy.sources import Source, assert_none, code

# What users import from the storage house although it lives in the other one; they import lazily.
FACADES = ("kstore/__init__.py", "kstore/testing", "kstore/compat")

# Inside kstore: which parts a part may import beside itself, kstore.errors, kstore.named and kstore.checked.
BELOW = {
    "checked": set(),
    "checkout": set(),
    "named": set(),
    "layered": set(),
    "errors": set(),
    "codec": set(),
    "fs": set(),
    "schema": {"codec"},
    "records": {"codec"},
    "log": {"codec", "fs", "records", "schema"},
}

# The world: the only places that may touch clocks, randomness, threads, sockets, processes and files. What stands in
# zstd_contexts is a thread's own, and changes nothing that can be seen.
WORLDLY_PLACES = ("kstore/codec/zstd_contexts", "kstore/fs/posix", "actors/network/", "actors/runtime/", "actors/cli/")
WORLDLY_MODULES = tuple(
    "_thread asyncio concurrent datetime libc.time multiprocessing posix queue secrets select selectors signal "
    "socket ssl subprocess tempfile threading time uvloop".split()
)
WORLDLY_CALLS = re.compile(r"(?<![\w.])open\(|\bos\.(?:open|urandom|getpid|fork)\b|\buuid\.uuid[14]\b")

# Parts of actors that see links and messages, never a socket.
BEHIND_LINKS = ("broker", "controller", "coordinator", "groups", "partition", "transactions")
SOCKETS = ("asyncio", "select", "selectors", "socket", "ssl", "uvloop")


def every_import(*places: str) -> Iterator[Import]:
    for source in code(*places):
        yield from imports(source)


def test_kstore_never_imports_actors() -> None:
    inside = [each for each in every_import("kstore") if not each.source.name.startswith(FACADES)]
    assert_none([str(each) for each in inside if each.is_of("actors", "pykka")])


def test_a_facade_imports_actors_only_when_a_name_is_asked_for() -> None:
    facades = [source for source in code("kstore") if source.name == "kstore/__init__.py" and source.is_python]
    at_top = {(source.name, node.lineno) for source in facades for node in source.tree.body}
    offenders = [each for source in facades for each in imports(source) if (source.name, each.line) in at_top]
    assert_none([str(each) for each in offenders if each.is_of("actors")])


@pytest.mark.parametrize("part", sorted(BELOW))
def test_a_part_of_kstore_imports_only_what_stands_below_it(part: str) -> None:
    allowed = tuple(f"kstore.{name}" for name in {part, "errors", "named", "checked", *BELOW[part]})
    files = [source for source in code("kstore") if re.match(rf"kstore/{part}(?:/|\.)", source.name)]
    upward = [
        each for source in files for each in imports(source) if each.root == "kstore" and not each.is_of(*allowed)
    ]
    assert_none([str(each) for each in upward])


def test_every_part_of_kstore_has_its_place_in_the_order() -> None:
    parts = {re.split(r"[/.]", source.name)[1] for source in code("kstore") if not source.name.startswith(FACADES)}
    assert_none(sorted(parts - BELOW.keys()))


def test_only_the_world_touches_clocks_threads_sockets_and_files() -> None:
    inside = [source for source in code("kstore", "actors") if not source.name.startswith(WORLDLY_PLACES)]
    taken = [str(each) for source in inside for each in imports(source) if each.is_of(*WORLDLY_MODULES)]
    called = [
        f"{source.name}:{number}: {line.strip()}"
        for source in inside
        for number, line in enumerate(source.lines, 1)
        if WORLDLY_CALLS.search(line) and not re.match(r"\s*(?:#|c?p?def\b)", line)
    ]
    assert_none(taken + called)


def test_randomness_is_handed_in_and_never_taken_from_the_module() -> None:
    inside = [source for source in code("kstore", "actors") if not source.name.startswith(WORLDLY_PLACES)]
    taken = re.compile(r"^\s*import random\b|from random import (?!Random$)|\bRandom\(\)")
    assert_none(
        [
            f"{source.name}:{number}: {line.strip()}"
            for source in inside
            for number, line in enumerate(source.lines, 1)
            if taken.search(line)
        ]
    )


def test_brokers_partitions_and_groups_never_see_a_socket() -> None:
    network = [name for name in modules() if name.startswith("actors.network")]
    tcp_side = tuple(name for name in network if any(by.is_of(*SOCKETS) for by in reached(name).values()))
    places = tuple(f"actors/{part}" for part in BEHIND_LINKS)
    assert_none([str(each) for each in every_import(*places) if each.module in tcp_side or each.is_of(*SOCKETS)])


def test_importing_kstore_loads_nothing_heavy() -> None:
    show = "import sys; before = set(sys.modules); import kstore; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".", 1)[0] for name in done.stdout.split()}
    assert loaded & {"numpy", "asyncio", "rich", "ssl", "uvloop", "pykka", "cramjam", "isal", "zstandard"} == set()


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        (".py", "import os.path, time\nfrom a.b import c\n", {"os.path", "time", "a.b"}),
        (".py", "def f():\n    import socket\n", {"socket"}),
        (
            ".pyx",
            "from libc.time cimport time\ncimport cython\nimport random, re\n",
            {"libc.time", "cython", "random", "re"},
        ),
        (".pxd", 'cdef extern from "x.h":\n    int f(int)\n', set()),
    ],
)
def test_an_import_is_seen_wherever_it_stands(tmp_path, suffix, text, expected) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(text)
    assert {each.module for each in imports(Source(path, tmp_path))} == expected
