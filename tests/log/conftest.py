"""Both file systems, for every test of a log that asks for ``fs``."""

from pathlib import Path

import pytest

from kstore.fs import FileSystem, MemoryFileSystem
from kstore.fs.posix import PosixFileSystem


@pytest.fixture(params=["memory", "posix"])
def fs(request: pytest.FixtureRequest, tmp_path: Path) -> FileSystem:
    if request.param == "memory":
        return MemoryFileSystem()
    return PosixFileSystem(tmp_path / "node", max_open_files=16)
