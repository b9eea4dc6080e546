"""A file system in memory: files are lists of chunks.

Appending a large payload keeps a reference to it, so three replicas in memory cost one copy; what is small is copied
together with its neighbours, since a view of it would weigh more than its bytes (and keep a whole frame alive).

The object stands for the disk, not for the process: a node that dies and comes back finds its files as it left them.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from kstore.fs.interface import Buffer, Chunk, LockedError

REFERENCE_MIN_BYTES = 2048  # smaller chunks are copied
NAME_BYTES_MAX = 255
_JOIN_MAX_BYTES = 1 << 16
_JOINED_PIECES = 128


class Content:
    """The bytes of one file: ``pieces[i]`` begins at ``starts[i]``; pieces are never empty and never change.

    Every so often the small ones at the end are joined to a larger one, so that a file of crumbs isn't read crumb
    by crumb; views of the old ones stay good.
    """

    __slots__ = ("_small_run", "pieces", "size", "starts")

    def __init__(self) -> None:
        self.pieces: list[Buffer] = []
        self.starts: list[int] = []
        self.size = 0
        self._small_run = 0

    def add(self, piece: Buffer) -> None:
        """Add bytes at the end; many small pieces become one."""
        self.pieces.append(piece)
        self.starts.append(self.size)
        self.size += len(piece)
        if len(piece) >= REFERENCE_MIN_BYTES:
            self._small_run = 0
            return
        self._small_run += 1
        if self._small_run == _JOINED_PIECES:
            first = len(self.pieces) - _JOINED_PIECES
            self.pieces[first:] = [b"".join(self.pieces[first:])]
            del self.starts[first + 1 :]
            self._small_run = 0

    def cut(self, size: int) -> None:
        """Remove what is beyond this size."""
        self._small_run = 0
        while self.starts and self.starts[-1] >= size:
            self.starts.pop()
            self.pieces.pop()
        if self.starts:
            kept = size - self.starts[-1]
            if kept < len(self.pieces[-1]):
                self.pieces[-1] = memoryview(self.pieces[-1])[:kept]
        self.size = size

    def views(self, position: int, nbytes: int) -> list[Buffer]:
        """The range, piece by piece; whole pieces as they are."""
        end = min(position + nbytes, self.size)
        found: list[Buffer] = []
        if position < 0 or position >= end:
            return found
        index = bisect_right(self.starts, position) - 1
        while position < end:
            piece = self.pieces[index]
            start = self.starts[index]
            stop = start + len(piece)
            whole = position == start and stop <= end
            found.append(piece if whole else memoryview(piece)[position - start : end - start])
            position = stop
            index += 1
        return found


class MemoryFile:
    """A handle on a file's content; any number of them see the same bytes."""

    __slots__ = ("_content", "cuts", "path")

    def __init__(self, path: str, content: Content) -> None:
        self.path = path
        self.cuts = 0
        self._content = content

    def __repr__(self) -> str:
        return f"MemoryFile({self.path!r}, size={self.size})"

    @property
    def size(self) -> int:
        return self._content.size

    def append(self, chunks: Sequence[Buffer], nbytes: int) -> None:
        total = sum(map(len, chunks))
        if total != nbytes:
            raise ValueError(f"the chunks hold {total} bytes, not the {nbytes} that were announced")
        content = self._content
        if nbytes < REFERENCE_MIN_BYTES:
            if nbytes:
                content.add(b"".join(chunks))
            return
        small: list[Buffer] = []
        for chunk in chunks:
            if len(chunk) < REFERENCE_MIN_BYTES:
                small.append(chunk)
                continue
            if small:
                content.add(b"".join(small))
                small = []
            content.add(bytes(chunk) if isinstance(chunk, bytearray) else chunk)
        if small and any(small):
            content.add(b"".join(small))

    def read(self, position: int, nbytes: int) -> bytes:
        views = self._content.views(position, nbytes)
        if len(views) == 1 and type(views[0]) is bytes:
            return views[0]
        return b"".join(views)

    def chunks(self, position: int, nbytes: int) -> list[Chunk]:
        """Views of the range; runs of small pieces are joined, so that a socket isn't fed crumbs."""
        found: list[Chunk] = []
        small: list[Buffer] = []
        joined = 0
        for view in self._content.views(position, nbytes):
            if len(view) < REFERENCE_MIN_BYTES:
                small.append(view)
                joined += len(view)
                if joined < _JOIN_MAX_BYTES:
                    continue
            if small:
                found.append(b"".join(small))
            if len(view) >= REFERENCE_MIN_BYTES:
                found.append(view)
            small = []
            joined = 0
        if small:
            found.append(b"".join(small))
        return found

    def truncate(self, size: int) -> None:
        if size > self.size:
            raise ValueError(f"can't cut {self.path} to {size} bytes: it has {self.size}")
        self.cuts += 1
        self._content.cut(size)

    def preallocate(self, size: int) -> None:
        """Memory is taken as it is needed."""

    def trim(self) -> None:
        """Nothing was set aside."""

    def sync(self) -> None:
        """Memory is as durable as it gets."""

    def sync_later(self) -> Callable[[], None]:
        return self.sync

    def retire(self) -> None:
        self.cuts += 1

    def close(self) -> None:
        """Nothing is held."""


class MemoryLock:
    """A lock that is held as long as its path is in the file system's set."""

    __slots__ = ("_held", "_path")

    def __init__(self, held: set[str], path: str) -> None:
        self._held = held
        self._path = path

    def release(self) -> None:
        self._held.discard(self._path)


class MemoryFileSystem:
    """Files and folders in memory, behind the same seam as the real ones.

    >>> fs = MemoryFileSystem()
    >>> fs.mkdir("orders-0")
    >>> file = fs.open("orders-0/note", create=True)
    >>> file.append([b"hello ", b"world"], 11)
    >>> fs.read_bytes("orders-0/note")
    b'hello world'
    """

    in_memory = True
    root = None

    def __init__(self) -> None:
        self._files: dict[str, Content] = {}
        self._folders: dict[str, set[str]] = {"": set()}
        self._locked: set[str] = set()

    def open(self, path: str, *, create: bool = False) -> MemoryFile:
        content = self._files.get(path)
        if content is None:
            if not create:
                raise FileNotFoundError(2, "no such file", path)
            content = self._put(path, Content())
        return MemoryFile(path, content)

    def _put(self, path: str, content: Content) -> Content:
        folder, _, name = path.rpartition("/")
        check_name(name, path)
        if folder not in self._folders:
            raise FileNotFoundError(2, "no such folder", folder)
        if path in self._folders:
            raise IsADirectoryError(21, "is a folder", path)
        self._files[path] = content
        self._folders[folder].add(name)
        return content

    def _content(self, path: str) -> Content:
        try:
            return self._files[path]
        except KeyError:
            raise FileNotFoundError(2, "no such file", path) from None

    def exists(self, path: str) -> bool:
        return path in self._files or path in self._folders

    def size(self, path: str) -> int:
        return self._content(path).size

    def read_bytes(self, path: str) -> bytes:
        return b"".join(self._content(path).pieces)

    def read_piece(self, path: str, position: int, nbytes: int) -> bytes:
        return b"".join(self._content(path).views(position, nbytes))

    def replace(self, path: str, data: bytes, *, sync: bool = True) -> None:
        content = Content()
        if data:
            content.add(bytes(data))
        self._put(path, content)

    def sync_path_later(self, path: str) -> Callable[[], None]:
        return _nothing_to_sync

    def rename(self, old: str, new: str) -> None:
        if old in self._files:
            content = self._files[old]
            if new != old:
                self._put(new, content)
                self.unlink(old)
            return
        if old not in self._folders:
            raise FileNotFoundError(2, "no such file or folder", old)
        if new in self._files or self._folders.get(new):
            raise OSError(39, "the target isn't an empty folder", new)
        self.mkdir(new)
        for name in list(self._folders[old]):
            self.rename(f"{old}/{name}", f"{new}/{name}")
        self._forget_folder(old)

    def unlink(self, path: str) -> None:
        self._content(path)
        del self._files[path]
        self._forget_name(path)

    def remove_tree(self, path: str) -> None:
        if path not in self._folders:
            return
        for name in list(self._folders[path]):
            below = f"{path}/{name}" if path else name
            if below in self._folders:
                self.remove_tree(below)
            else:
                self.unlink(below)
        if path:
            self._forget_folder(path)

    def _forget_name(self, path: str) -> None:
        folder, _, name = path.rpartition("/")
        self._folders[folder].discard(name)

    def _forget_folder(self, path: str) -> None:
        del self._folders[path]
        self._forget_name(path)

    def listdir(self, path: str = "") -> list[str]:
        if path not in self._folders:
            raise FileNotFoundError(2, "no such folder", path)
        return sorted(self._folders[path])

    def mkdir(self, path: str) -> None:
        if path in self._folders:
            return
        if path in self._files:
            raise FileExistsError(17, "is a file", path)
        folder, _, name = path.rpartition("/")
        check_name(name, path)
        self.mkdir(folder)
        self._folders[folder].add(name)
        self._folders[path] = set()

    def sync_dir(self, path: str = "") -> None:
        if path not in self._folders:
            raise FileNotFoundError(2, "no such folder", path)

    def lock(self, path: str) -> MemoryLock:
        if path in self._locked:
            raise LockedError(11, "locked by another opener", path)
        if path not in self._files:
            self._put(path, Content())
        self._locked.add(path)
        return MemoryLock(self._locked, path)

    def disk_space(self, path: str = "") -> None:
        """Nobody knows how much memory the process may still have."""
        self.listdir(path)

    def give_descriptors_back(self, count: int) -> int:
        return 0

    def close(self) -> None:
        """Nothing is held."""


def check_name(name: str, path: str) -> None:
    """As the real ones do."""
    if len(name.encode()) > NAME_BYTES_MAX:
        raise OSError(36, "the name is too long", path)


def _nothing_to_sync() -> None:
    """Memory is as durable as it gets."""
