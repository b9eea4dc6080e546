"""A disk that forgets: files and folders in memory, of which a power loss leaves only what was synced for certain.

``power_loss`` says what may be on the disk afterwards; which of it, is drawn. It doesn't change the disk that it is
asked of, so one run can be cut off at each of its operations. What was written survives the end of the process: for
that, nothing has to be done.

What survives a power loss, by the promises of POSIX and of file systems with a journal (ext4, XFS):

* The content of a file as it was when it was last synced. Of what was appended or cut since, any part: writes go to the
  disk sector by sector (512 bytes) in any order, and a sector that was not written reads as before, or as zeros where
  the file wasn't that long. The file has any length that it has had since, or one in the middle of an append.
* The names in a folder as they were when it was last synced, and of the creations, renames, replacements and removals
  since then the first few: names of one folder change on the disk in the order in which they were changed, each at
  once. Folders are independent of each other, and of the contents of files: a new name may lead to a file without
  content. To sync a file is no promise for its name.
* A file that is moved to another folder is synced in both; kstore has no such files.

With ``capacity_bytes`` it has that much room for the contents of files: what doesn't fit is refused as ENOSPC, and
nothing of it is written. There is room again once files are cut or removed, or the number is raised.

    disk = ForgetfulFileSystem()
    log = disk.open("log", create=True)
    log.append([b"synced"], 6)
    log.sync()
    disk.sync_dir()
    log.append([b", or not"], 8)
    assert disk.power_loss(Random(1)).read_bytes("log").startswith(b"synced")
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from random import Random

from kstore.fs.interface import Buffer, DiskSpace, LockedError
from kstore.fs.memory import Content, MemoryFile, MemoryLock, check_name

SECTOR_BYTES = 512


class Fate(Enum):
    """What becomes of all that wasn't synced."""

    LOST = 0
    KEPT = 1
    DRAWN = 2

    @classmethod
    def draw(cls, random: Random) -> Fate:
        """The extremes come often, as most faults show there."""
        return random.choices((cls.LOST, cls.KEPT, cls.DRAWN), (1, 1, 2))[0]


class StoredFile:
    """A file, whatever its name. ``synced_bytes`` is its size when it was last synced; ``cuts`` has what was cut off
    since, with the size that was left.
    """

    __slots__ = ("content", "cuts", "synced_bytes")

    def __init__(self, content: Content) -> None:
        """A file that isn't synced."""
        self.content = content
        self.synced_bytes = 0
        self.cuts: list[tuple[int, list[Buffer]]] = []

    def cut(self, size: int) -> None:
        """Cut it to a size."""
        content = self.content
        if size < content.size:
            self.cuts.append((size, content.views(size, content.size - size)))
            content.cut(size)

    def sync(self) -> None:
        """Make what it holds durable."""
        self.synced_bytes = self.content.size
        self.cuts.clear()

    def after_power_loss(self, random: Random, fate: Fate) -> StoredFile:
        """A file that it may be then."""
        kept, versions = self._versions()
        content = Content()
        for piece in self.content.views(0, kept):
            content.add(piece)
        if fate is Fate.LOST:
            tail = versions[0][1]
        elif fate is Fate.KEPT or versions[0][1] is versions[-1][1]:
            tail = versions[-1][1]
        else:
            tail = _torn(random, kept, versions)
        if tail:
            content.add(tail)
        left = StoredFile(content)
        left.sync()
        return left

    def _versions(self) -> tuple[int, list[tuple[int, bytes]]]:
        """How much of it is the same on the disk and in all that it has been since it was synced; then what came behind
        that: on the disk first, then before each cut, and now, each with the size that it grew from.
        """
        kept = min([self.synced_bytes, *(size for size, _ in self.cuts)])
        tail = b"".join(self.content.views(kept, self.content.size - kept))
        versions = []
        for size, gone in reversed(self.cuts):
            versions.append((size - kept, tail))
            tail = tail[: size - kept] + b"".join(gone)
        synced = self.synced_bytes - kept
        if len(tail) > synced:
            versions.append((synced, tail))
        versions.append((synced, tail[:synced]))
        versions.reverse()
        return kept, versions


def _torn(random: Random, position: int, versions: Sequence[tuple[int, bytes]]) -> bytes:
    """What the disk may have from a position on, of the versions that the file has had there."""
    grown_from, newest = random.choice(versions)
    size = random.choice((grown_from, len(newest), random.randint(grown_from, len(newest))))
    if random.random() < 0.5:
        return newest[:size]  # the sectors were written in order
    missing = random.choice((0.1, 0.5, 0.9))
    pieces = []
    start = 0
    while start < size:
        end = min(start + SECTOR_BYTES - (position + start) % SECTOR_BYTES, size)
        version = random.choice(versions)[1] if random.random() < missing else newest
        pieces.append(version[start:end].ljust(end - start, b"\0"))
        start = end
    return b"".join(pieces)


class StoredFolder:
    """The names in a folder: as they are, as they are on the disk, and the changes from the latter to the former."""

    __slots__ = ("_on_disk", "_since", "names")

    def __init__(self) -> None:
        self.names: dict[str, StoredFile | StoredFolder] = {}
        self._on_disk: dict[str, StoredFile | StoredFolder] = {}
        self._since: list[dict[str, StoredFile | StoredFolder | None]] = []

    def change(self, changes: dict[str, StoredFile | StoredFolder | None]) -> None:
        """Have names lead elsewhere, None to nothing; all of it or, after a power loss, nothing of it."""
        _apply(self.names, changes)
        self._since.append(changes)

    def sync(self) -> None:
        """Make its names durable."""
        for changes in self._since:
            _apply(self._on_disk, changes)
        self._since.clear()

    def after_power_loss(self, random: Random, of_names: Fate, of_files: Fate) -> StoredFolder:
        """A folder that it may be then, with all that is below."""
        count = len(self._since)
        kept = {Fate.LOST: 0, Fate.KEPT: count, Fate.DRAWN: random.randint(0, count)}[of_names]
        names = dict(self._on_disk)
        for changes in self._since[:kept]:
            _apply(names, changes)
        left = StoredFolder()
        for name, node in names.items():
            if isinstance(node, StoredFile):
                left._on_disk[name] = node.after_power_loss(random, of_files)
            else:
                left._on_disk[name] = node.after_power_loss(random, of_names, of_files)
        left.names = dict(left._on_disk)
        return left

    def files(self) -> Iterator[StoredFile]:
        """All files below it."""
        for node in self.names.values():
            if isinstance(node, StoredFile):
                yield node
            else:
                yield from node.files()


def _apply(names: dict[str, StoredFile | StoredFolder], changes: dict[str, StoredFile | StoredFolder | None]) -> None:
    for name, node in changes.items():
        if node is None:
            del names[name]
        else:
            names[name] = node


class ForgetfulFile(MemoryFile):
    """A handle on a file of a ``ForgetfulFileSystem``."""

    __slots__ = ("_fs", "_is_retired", "_stored")

    def __init__(self, fs: ForgetfulFileSystem, path: str, stored: StoredFile) -> None:
        super().__init__(path, stored.content)
        self._fs = fs
        self._stored = stored
        self._is_retired = False

    def append(self, chunks: Sequence[Buffer], nbytes: int) -> None:
        self._fs.check_room(nbytes, self.path)
        super().append(chunks, nbytes)

    def truncate(self, size: int) -> None:
        if size > self.size:
            raise ValueError(f"can't cut {self.path} to {size} bytes: it has {self.size}")
        self.cuts += 1
        self._stored.cut(size)

    def sync(self) -> None:
        self._stored.sync()

    def sync_later(self) -> Callable[[], None]:
        if self._is_retired:
            raise FileNotFoundError(errno.ENOENT, "the file was retired", self.path)
        return self._fs.sync_path_later(self.path)

    def retire(self) -> None:
        super().retire()
        self._is_retired = True


class ForgetfulFileSystem:
    """As the module says. ``in_memory`` is False, as it stands for a disk."""

    in_memory = False
    root = None

    def __init__(self, *, capacity_bytes: int | None = None) -> None:
        self.capacity_bytes = capacity_bytes
        self._top = StoredFolder()
        self._locked: set[str] = set()

    def power_loss(self, random: Random) -> ForgetfulFileSystem:
        """A disk as this one may be after a power loss at this moment; all that it holds is durable. Locks are free."""
        left = ForgetfulFileSystem(capacity_bytes=self.capacity_bytes)
        left._top = self._top.after_power_loss(random, Fate.draw(random), Fate.draw(random))
        return left

    def check_room(self, nbytes: int, path: str) -> None:
        """Raise ENOSPC if so many bytes more don't fit."""
        if self.capacity_bytes is not None and self._used_bytes() + nbytes > self.capacity_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    def _used_bytes(self) -> int:
        return sum(file.content.size for file in self._top.files())

    def _node(self, path: str) -> StoredFile | StoredFolder | None:
        node: StoredFile | StoredFolder | None = self._top
        for name in path.split("/") if path else ():
            node = node.names.get(name) if isinstance(node, StoredFolder) else None
        return node

    def _folder(self, path: str) -> StoredFolder:
        node = self._node(path)
        if not isinstance(node, StoredFolder):
            raise FileNotFoundError(errno.ENOENT, "no such folder", path)
        return node

    def _file(self, path: str) -> StoredFile:
        node = self._node(path)
        if not isinstance(node, StoredFile):
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        return node

    def _place(self, path: str) -> tuple[StoredFolder, str]:
        """Where a file of this path is or may be made: its folder, and its name there."""
        above, _, name = path.rpartition("/")
        check_name(name, path)
        folder = self._folder(above)
        if isinstance(folder.names.get(name), StoredFolder):
            raise IsADirectoryError(errno.EISDIR, "is a folder", path)
        return folder, name

    def open(self, path: str, *, create: bool = False) -> ForgetfulFile:
        if not create:
            return ForgetfulFile(self, path, self._file(path))
        folder, name = self._place(path)
        stored = folder.names.get(name)
        if not isinstance(stored, StoredFile):
            self.check_room(1, path)
            stored = StoredFile(Content())
            folder.change({name: stored})
        return ForgetfulFile(self, path, stored)

    def exists(self, path: str) -> bool:
        return self._node(path) is not None

    def size(self, path: str) -> int:
        return self._file(path).content.size

    def read_bytes(self, path: str) -> bytes:
        return b"".join(self._file(path).content.pieces)

    def read_piece(self, path: str, position: int, nbytes: int) -> bytes:
        """A range of a file, from the cache that is the same as the device here."""
        return b"".join(self._file(path).content.views(position, nbytes))

    def replace(self, path: str, data: bytes, *, sync: bool = True) -> None:
        """As the real one: a file beside it gets the data and then its name."""
        folder, name = self._place(path)
        self.check_room(max(1, len(data)), path)
        content = Content()
        if data:
            content.add(bytes(data))
        written = StoredFile(content)
        folder.change({name + ".tmp": written})
        if sync:
            written.sync()
        folder.change({name + ".tmp": None, name: written})
        if sync:
            folder.sync()

    def sync_path_later(self, path: str) -> Callable[[], None]:
        def sync() -> None:
            node = self._node(path)
            if node is not None:
                node.sync()

        return sync

    def rename(self, old: str, new: str) -> None:
        moved = self._node(old)
        if moved is None:
            raise FileNotFoundError(errno.ENOENT, "no such file or folder", old)
        if new == old:
            return
        if isinstance(moved, StoredFile):
            self._place(new)
        elif (there := self._node(new)) is not None and (isinstance(there, StoredFile) or there.names):
            raise OSError(errno.ENOTEMPTY, "the target isn't an empty folder", new)
        (above, _, name), (new_above, _, new_name) = old.rpartition("/"), new.rpartition("/")
        check_name(new_name, new)
        folder, new_folder = self._folder(above), self._folder(new_above)
        if folder is new_folder:
            folder.change({name: None, new_name: moved})
            return
        folder.change({name: None})
        new_folder.change({new_name: moved})
        folder.sync()
        new_folder.sync()

    def unlink(self, path: str) -> None:
        self._file(path)
        folder, name = self._place(path)
        folder.change({name: None})

    def remove_tree(self, path: str) -> None:
        node = self._node(path)
        if not isinstance(node, StoredFolder):
            return
        for name, below in list(node.names.items()):
            if isinstance(below, StoredFolder):
                self.remove_tree(f"{path}/{name}" if path else name)
            else:
                node.change({name: None})
        if path:
            above, _, name = path.rpartition("/")
            self._folder(above).change({name: None})

    def listdir(self, path: str = "") -> list[str]:
        return sorted(self._folder(path).names)

    def mkdir(self, path: str) -> None:
        if self.exists(path):
            if isinstance(self._node(path), StoredFile):
                raise FileExistsError(errno.EEXIST, "is a file", path)
            return
        above, _, name = path.rpartition("/")
        check_name(name, path)
        self.mkdir(above)
        self.check_room(1, path)
        self._folder(above).change({name: StoredFolder()})

    def sync_dir(self, path: str = "") -> None:
        self._folder(path).sync()

    def lock(self, path: str) -> MemoryLock:
        if path in self._locked:
            raise LockedError(errno.EAGAIN, "locked by another opener", path)
        self.open(path, create=True)
        self._locked.add(path)
        return MemoryLock(self._locked, path)

    def disk_space(self, path: str = "") -> DiskSpace | None:
        self.listdir(path)
        if self.capacity_bytes is None:
            return None
        return DiskSpace(self.capacity_bytes, max(0, self.capacity_bytes - self._used_bytes()))

    def give_descriptors_back(self, count: int) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""
