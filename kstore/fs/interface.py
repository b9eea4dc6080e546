"""The interface of a file system, with only what the log needs.

Paths are relative to the file system's root, with ``/`` between their parts. Failures are ``OSError`` as the
platform raises them (``FileNotFoundError``, ``FileExistsError``, ENOSPC ...), plus the two below. One owner uses a
file at a time; only what ``sync_later`` and ``sync_path_later`` return, ``read_piece``, ``read_bytes`` and ``replace``
may run on another thread.

Durability: what ``append`` wrote survives the end of the process; what was synced survives a power cut. A new name
is durable after ``sync_dir`` of its folder. ``replace`` is atomic: a reader finds the old content or the new one.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from kstore.named import NamedTuple

Buffer = bytes | bytearray | memoryview


class TornWriteError(OSError):
    """An append failed part way, and the file couldn't be cut back: what the bytes at its end are isn't known."""


class LockedError(OSError):
    """Another process, or another opener in this one, holds the lock."""


class FileSlice:
    """A range of a file that is read when it is needed, in pieces of the reader's choosing.

    The log never rewrites bytes, but it may cut or delete them before they are read: then ``read`` raises EOFError or
    FileNotFoundError, and the answer that was being sent is void.
    """

    __slots__ = ("_cuts", "file", "nbytes", "position")

    def __init__(self, file: "File", position: int, nbytes: int) -> None:
        self.file = file
        self.position = position
        self.nbytes = nbytes
        self._cuts = file.cuts

    def __len__(self) -> int:
        return self.nbytes

    def __repr__(self) -> str:
        return f"FileSlice({self.file.path!r}, {self.position}, {self.nbytes})"

    def read(self, offset: int, nbytes: int) -> bytes:
        """At most ``nbytes`` bytes from ``offset`` in the slice; short only at the slice's own end."""
        if offset < 0 or offset > self.nbytes:
            raise ValueError(f"offset {offset} is outside of a slice of {self.nbytes} bytes")
        if self.file.cuts != self._cuts:
            raise EOFError(f"{self.file.path} was cut since this slice of it was made")
        wanted = min(nbytes, self.nbytes - offset)
        data = self.file.read(self.position + offset, wanted)
        if len(data) != wanted:
            raise EOFError(f"{self.file.path} ends inside of a slice: wanted {wanted} bytes, got {len(data)}")
        return data


Chunk = Buffer | FileSlice


class File(Protocol):
    """A file that grows at its end. It may be opened and closed underneath by its file system at any time."""

    @property
    def path(self) -> str:
        """Its path in the file system."""

    @property
    def size(self) -> int:
        """Bytes in the file; what the owner appended and didn't cut."""
        ...

    @property
    def cuts(self) -> int:
        """Rises whenever slices made before become void."""
        ...

    def append(self, chunks: Sequence[Buffer], nbytes: int) -> None:
        """Write all chunks (``nbytes`` in total) at the end, or none of them.

        Buffers may be kept by reference: nobody may change them afterwards. On failure the file is cut back to its
        former size and OSError is raised; if the cut fails too, TornWriteError.
        """
        ...

    def read(self, position: int, nbytes: int) -> bytes:
        """Up to ``nbytes`` bytes from ``position``; short only at the end of the file."""
        ...

    def chunks(self, position: int, nbytes: int) -> list[Chunk]:
        """The same range as chunks for a socket: slices of the file, or views of memory; nothing is copied yet."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to ``size`` bytes, which must not be more than it has."""
        ...

    def preallocate(self, size: int) -> None:
        """Have the disk set room aside for so many bytes in all, where it can: they are zeros behind what was appended,
        and no part of ``size``. If the file is opened anew before it was trimmed, they are there as well. Raises
        OSError if there is no room.
        """

    def trim(self) -> None:
        """Give back what was set aside and isn't used."""

    def sync(self) -> None:
        """Make the file's content durable."""
        ...

    def sync_later(self) -> Callable[[], None]:
        """A call that does what ``sync`` does, from any thread, whatever happens to this file's handle until then."""
        ...

    def retire(self) -> None:
        """Give the file up, as its name is about to be another file's or nobody's: it isn't opened again, slices are
        void.
        """
        ...

    def close(self) -> None:
        """Give the handle back. The file may still be used: it is opened again when needed."""
        ...


class DiskSpace(NamedTuple):
    """Room on the disk that a folder is on: all of it, and what is left to us."""

    total_bytes: int
    usable_bytes: int


class Lock(Protocol):
    """A lock on a file that one owner has until it releases it or its process ends."""

    def release(self) -> None:
        """Let others have it. Releasing twice is harmless."""
        ...


class FileSystem(Protocol):
    """Where a node's files are: on a disk, in memory, or behind faults."""

    @property
    def in_memory(self) -> bool:
        """Whether nothing of it waits for a device, so that making files durable is as quick as reading them."""
        ...

    @property
    def root(self) -> str | None:
        """The folder that it is, as the machine names it; None where that has no name, as in memory."""
        ...

    def open(self, path: str, *, create: bool = False) -> File:
        """The file at ``path``; with ``create`` it is made when it isn't there, without it FileNotFoundError."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder of this path."""

    def size(self, path: str) -> int:
        """The size of a file in bytes."""

    def read_bytes(self, path: str) -> bytes:
        """A small file whole."""
        ...

    def read_piece(self, path: str, position: int, nbytes: int) -> bytes:
        """Up to ``nbytes`` bytes of a file from ``position``, short only at its end. It may be asked for from any
        thread, and where the system can be told so, they come from the device even if they are cached: for that, a
        file is read from its beginning on. Any ``nbytes`` may be asked for, as room is made only for what is there.
        """
        ...

    def replace(self, path: str, data: bytes, *, sync: bool = True) -> None:
        """Put ``data`` at ``path`` atomically; with ``sync`` it is durable when this returns."""
        ...

    def sync_path_later(self, path: str) -> Callable[[], None]:
        """A call, for any thread, that makes a file's content or a folder's names durable, if it is there by then."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Move a file or folder; a file at ``new`` is replaced. Open ``File`` objects below ``old`` go stale."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file."""

    def remove_tree(self, path: str) -> None:
        """Remove a folder with all that is in it; one that isn't there is no error."""
        ...

    def listdir(self, path: str = "") -> list[str]:
        """The names in a folder, sorted."""
        ...

    def mkdir(self, path: str) -> None:
        """Make a folder and those above it; one that is there is no error."""
        ...

    def sync_dir(self, path: str = "") -> None:
        """Make the names in a folder durable."""
        ...

    def lock(self, path: str) -> Lock:
        """Take the exclusive lock of a lock file (made when missing), or raise LockedError at once."""
        ...

    def disk_space(self, path: str = "") -> DiskSpace | None:
        """The room on the disk that a folder is on; None where nobody knows. It may be asked for from any thread, as a
        disk in trouble may take long to answer.
        """
        ...

    def give_descriptors_back(self, count: int) -> int:
        """Close up to ``count`` files that are open and may be needed again, as others need descriptors more; how many
        were closed. A few stay open.
        """
        ...


def parent(path: str) -> str:
    """The folder of a path: ``a/b/c`` gives ``a/b``, ``c`` gives the root.

    >>> parent("orders-0/leader-epoch-checkpoint")
    'orders-0'
    """
    return path.rpartition("/")[0]
