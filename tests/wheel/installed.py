"""A program that tries an installed kstore: what was compiled is there, and clients talk with a server of its own.

It runs with the Python of an environment in which kstore was installed, never on a checkout, and needs nothing else::

    fresh/bin/python -P tests/wheel/installed.py
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import kstore

ROOT = Path(__file__).parents[2]


def check_files() -> None:
    """The extensions are compiled, all of them, and nothing else is."""
    installed = Path(kstore.__file__).parents[1]
    assert installed != ROOT, f"this is the checkout, {installed}: run it with python -P"
    expected = {module_of(path, ROOT) for path in files(ROOT, {".pyx"})}
    compiled = {module_of(path, installed) for path in files(installed, {".so", ".pyd"})}
    assert compiled == expected, f"compiled is not what has to be: {sorted(compiled ^ expected)}"
    for name in expected:
        spec = find_spec(name)
        assert spec is not None, f"{name} isn't installed"
        assert spec.origin is not None, f"{name} has no file"
        assert Path(spec.origin).suffix in {".so", ".pyd"}, f"{name} isn't compiled: {spec.origin}"


def files(root: Path, suffixes: set[str]) -> list[Path]:
    return [path for house in ("kstore", "actors") for path in (root / house).rglob("*") if path.suffix in suffixes]


def module_of(path: Path, root: Path) -> str:
    """The module that a file is: ``kstore/codec/cursor.cpython-311-x86_64-linux-gnu.so`` is ``kstore.codec.cursor``."""
    return ".".join((*path.relative_to(root).parent.parts, path.name.partition(".")[0]))


def check_cluster() -> None:
    with kstore.Cluster(3, listen="127.0.0.1:0") as cluster:
        cluster.create_topic("orders", partitions=3, replication_factor=3)
        with kstore.Producer(bootstrap_servers=cluster.bootstrap_servers) as producer:
            for number in range(100):
                producer.send("orders", b"%d" % number)
        kept = sorted(int(record.value) for record in cluster.records("orders"))
        assert kept == list(range(100)), kept


def check_command() -> None:
    command = Path(sys.executable).parent / "kstore"
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert version("kstore") in said, said
    subprocess.run([command, "demo"], check=True, timeout=120)


if __name__ == "__main__":
    check_files()
    check_cluster()
    check_command()
    print(f"kstore {version('kstore')} works on Python {sys.version.split()[0]}")
