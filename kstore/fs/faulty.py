"""A failing disk for tests: a wrapper around another file system that injects errors.

A fault names operations (those of ``FileSystem`` and ``File``: ``open``, ``append``, ``sync``, ``rename`` ...), a
pattern for the paths, and what is raised. It lasts until ``heal``, or for so many times, and may hit only now and then,
as drawn. What fails has not happened, save an append that is *torn*: half of it is in the file, as when a disk fills up
and the file can't be cut back.

    fs = FaultyFileSystem(MemoryFileSystem())
    fs.fail("append", "orders-*/*.log", errno.ENOSPC)
    fs.fail("sync", times=1)
    fs.heal()
"""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from random import Random
from typing import Any

from kstore.fs.interface import Buffer, Chunk, DiskSpace, File, FileSlice, FileSystem, Lock, TornWriteError

READING = ("exists", "size", "read_bytes", "listdir", "read", "disk_space")
WRITING = ("create", "append", "truncate", "sync", "replace", "rename", "unlink", "remove_tree", "mkdir", "sync_dir")
OPERATIONS = ("open", *READING, *WRITING, "lock")


class Fault:
    """One kind of trouble. ``hits`` counts how often it was met."""

    def __init__(
        self, operations: frozenset[str], pattern: str, number: int, *, times: int | None, chance: float, torn: bool
    ) -> None:
        self.operations = operations
        self.pattern = pattern
        self.number = number
        self.left = times
        self.chance = chance
        self.torn = torn
        self.hits = 0

    def __repr__(self) -> str:
        return f"<Fault {errno.errorcode[self.number]} in {', '.join(sorted(self.operations))} of {self.pattern}>"

    def meets(self, operation: str, path: str, random: Random) -> bool:
        """Whether it happens to this operation, now."""
        if self.left == 0 or operation not in self.operations or not fnmatchcase(path, self.pattern):
            return False
        if self.chance < 1 and random.random() >= self.chance:
            return False
        if self.left is not None:
            self.left -= 1
        self.hits += 1
        return True

    def error(self, path: str) -> OSError:
        """The error that it is for an operation on this path."""
        return OSError(self.number, os.strerror(self.number), path)


class FaultyFile:
    """A file of a ``FaultyFileSystem``."""

    def __init__(self, fs: "FaultyFileSystem", inner: File) -> None:
        self._fs = fs
        self._inner = inner

    def __repr__(self) -> str:
        return f"FaultyFile({self._inner!r})"

    @property
    def path(self) -> str:
        return self._inner.path

    @property
    def size(self) -> int:
        return self._inner.size

    @property
    def cuts(self) -> int:
        return self._inner.cuts

    def append(self, chunks: Sequence[Buffer], nbytes: int) -> None:
        fault = self._fs.fault("append", self.path)
        if fault is None:
            self._inner.append(chunks, nbytes)
            return
        if fault.torn:
            half = b"".join(chunks)[: nbytes // 2]
            self._inner.append([half], len(half))
            raise TornWriteError(fault.number, os.strerror(fault.number), self.path)
        raise fault.error(self.path)

    def read(self, position: int, nbytes: int) -> bytes:
        self._fs.check("read", self.path)
        return self._inner.read(position, nbytes)

    def chunks(self, position: int, nbytes: int) -> list[Chunk]:
        """As the file has them, but slices are read through the trouble."""
        return [
            FileSlice(self, chunk.position, chunk.nbytes) if isinstance(chunk, FileSlice) else chunk
            for chunk in self._inner.chunks(position, nbytes)
        ]

    def truncate(self, size: int) -> None:
        self._fs.check("truncate", self.path)
        self._inner.truncate(size)

    def preallocate(self, size: int) -> None:
        self._fs.check("append", self.path)
        self._inner.preallocate(size)

    def trim(self) -> None:
        self._fs.check("truncate", self.path)
        self._inner.trim()

    def sync(self) -> None:
        self._fs.check("sync", self.path)
        self._inner.sync()

    def sync_later(self) -> Callable[[], None]:
        return self._fs.checked_later("sync", self.path, self._inner.sync_later())

    def retire(self) -> None:
        self._inner.retire()

    def close(self) -> None:
        self._inner.close()


class FaultyFileSystem:
    """Around ``inner``; as sound as that until ``fail`` is called. ``random`` is for faults that hit by chance."""

    def __init__(self, inner: FileSystem, random: Random | None = None) -> None:
        self.inner = inner
        self.random = random or Random(0)
        self.faults: list[Fault] = []

    def __repr__(self) -> str:
        return f"FaultyFileSystem({self.inner!r}, {self.faults})"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # what only some file systems have, such as ``close``

    def fail(
        self,
        operations: str | Iterable[str],
        pattern: str = "*",
        number: int = errno.EIO,
        *,
        times: int | None = None,
        chance: float = 1.0,
        torn: bool = False,
    ) -> Fault:
        """Have operations fail on paths that match a pattern, from now on."""
        named = frozenset([operations] if isinstance(operations, str) else operations)
        if unknown := named.difference(OPERATIONS):
            raise ValueError(f"no operation is called {', '.join(sorted(unknown))}: they are {', '.join(OPERATIONS)}")
        fault = Fault(named, pattern, number, times=times, chance=chance, torn=torn)
        self.faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove one fault; does nothing if it is gone already."""
        if fault in self.faults:
            self.faults.remove(fault)

    def heal(self) -> None:
        """Work as well as ``inner`` again."""
        self.faults.clear()

    def fault(self, operation: str, path: str) -> Fault | None:
        """The fault that an operation meets, if it meets one."""
        for fault in self.faults:
            if fault.meets(operation, path, self.random):
                return fault
        return None

    def check(self, operation: str, path: str) -> None:
        """Raise the OSError of the fault that an operation meets."""
        if self.faults:
            fault = self.fault(operation, path)
            if fault is not None:
                raise fault.error(path)

    def checked_later(self, operation: str, path: str, call: Callable[[], None]) -> Callable[[], None]:
        """A call that may fail when it is made, not now."""

        def run() -> None:
            self.check(operation, path)
            call()

        return run

    @property
    def in_memory(self) -> bool:
        return self.inner.in_memory

    @property
    def root(self) -> str | None:
        return self.inner.root

    def open(self, path: str, *, create: bool = False) -> FaultyFile:
        self.check("open", path)
        if create and self.faults and not self.inner.exists(path):
            self.check("create", path)
        return FaultyFile(self, self.inner.open(path, create=create))

    def exists(self, path: str) -> bool:
        """Whether a path is there; False when the look-up fails, as with the system's own call."""
        return self.fault("exists", path) is None and self.inner.exists(path)

    def size(self, path: str) -> int:
        self.check("size", path)
        return self.inner.size(path)

    def read_bytes(self, path: str) -> bytes:
        self.check("read_bytes", path)
        return self.inner.read_bytes(path)

    def read_piece(self, path: str, position: int, nbytes: int) -> bytes:
        self.check("read", path)
        return self.inner.read_piece(path, position, nbytes)

    def replace(self, path: str, data: bytes, *, sync: bool = True) -> None:
        self.check("replace", path)
        self.inner.replace(path, data, sync=sync)

    def sync_path_later(self, path: str) -> Callable[[], None]:
        return self.checked_later("sync", path, self.inner.sync_path_later(path))

    def rename(self, old: str, new: str) -> None:
        self.check("rename", old)
        self.inner.rename(old, new)

    def unlink(self, path: str) -> None:
        self.check("unlink", path)
        self.inner.unlink(path)

    def remove_tree(self, path: str) -> None:
        self.check("remove_tree", path)
        self.inner.remove_tree(path)

    def listdir(self, path: str = "") -> list[str]:
        self.check("listdir", path)
        return self.inner.listdir(path)

    def mkdir(self, path: str) -> None:
        self.check("mkdir", path)
        self.inner.mkdir(path)

    def sync_dir(self, path: str = "") -> None:
        self.check("sync_dir", path)
        self.inner.sync_dir(path)

    def lock(self, path: str) -> Lock:
        self.check("lock", path)
        return self.inner.lock(path)

    def disk_space(self, path: str = "") -> DiskSpace | None:
        self.check("disk_space", path)
        return self.inner.disk_space(path)
