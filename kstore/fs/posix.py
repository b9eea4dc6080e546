"""The real file system: the one module of kstore that opens files.

A file is opened when it is used; how many stay open, and which is closed for another, ``descriptors`` says. An open
that the system refuses for lack of descriptors closes some of our files and tries again.

Writes go to an explicit position (``pwritev``), so a torn tail that a failed cut left behind can never slip between
two appends. The lock is an open-file-description record lock where the platform has it: it excludes Apache Kafka's
lock on the same file as well as a second opener in this process.
"""

import errno
import fcntl
import os
import shutil
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kstore.fs.descriptors import EXHAUSTED, FILES_MIN, Handles
from kstore.fs.interface import Buffer, Chunk, DiskSpace, FileSlice, LockedError, TornWriteError, parent
from kstore.fs.posix_forks import of_this_process

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
IOV_MAX = min(os.sysconf("SC_IOV_MAX") if "SC_IOV_MAX" in os.sysconf_names else 1024, 1024)


class PosixFile:
    """A file of a ``PosixFileSystem``. ``size`` is counted, not asked for: the owner is the only writer.

    Invariant: the real file is exactly ``size`` bytes long, or longer while it is ``preallocated``.
    """

    __slots__ = ("_descriptor", "_handles", "_real", "cuts", "path", "preallocated", "size", "used")

    def __init__(self, handles: Handles, path: str, real: str, descriptor: int, size: int) -> None:
        self._handles = handles
        self._real = real
        self._descriptor = descriptor
        self.path = path
        self.size = size
        self.cuts = 0
        self.used = False
        self.preallocated = False
        handles.opened(self)

    def __repr__(self) -> str:
        return f"PosixFile({self.path!r}, size={self.size})"

    def append(self, chunks: Sequence[Buffer], nbytes: int) -> None:
        descriptor = self._descriptor
        if descriptor < 0:
            descriptor = self._open()
        self.used = True
        size = self.size
        try:
            if len(chunks) > IOV_MAX or os.pwritev(descriptor, chunks, size) != nbytes:
                self._write_in_parts(descriptor, chunks, nbytes)
        except OSError as error:
            self._cut_back(descriptor, error)
            raise
        self.size = size + nbytes

    def _write_in_parts(self, descriptor: int, chunks: Sequence[Buffer], nbytes: int) -> None:
        """Write on in parts: there are more chunks than one call takes, or a call has written only a part."""
        position = self.size
        waiting: list[Buffer] = [chunk for chunk in chunks if len(chunk)]
        first = 0
        while first < len(waiting):
            written = os.pwritev(descriptor, waiting[first : first + IOV_MAX], position)
            if written <= 0:
                raise OSError(errno.EIO, "a write made no progress", self.path)
            position += written
            while first < len(waiting) and written >= len(waiting[first]):
                written -= len(waiting[first])
                first += 1
            if written:
                waiting[first] = memoryview(waiting[first])[written:]
        if position != self.size + nbytes:
            os.ftruncate(descriptor, self.size)
            raise ValueError(f"the chunks hold {position - self.size} bytes, not the {nbytes} that were announced")

    def _cut_back(self, descriptor: int, cause: OSError) -> None:
        try:
            os.ftruncate(descriptor, self.size)
            self.preallocated = False
        except OSError as error:
            raise TornWriteError(error.errno, f"couldn't cut a failed append back: {error}", self.path) from cause

    def read(self, position: int, nbytes: int) -> bytes:
        descriptor = self._descriptor
        if descriptor < 0:
            descriptor = self._open()
        self.used = True
        if self.preallocated:
            nbytes = max(0, min(nbytes, self.size - position))
        data = os.pread(descriptor, nbytes, position)
        if len(data) == nbytes or not data:
            return data
        parts = [data]
        got = len(data)
        while got < nbytes:
            data = os.pread(descriptor, nbytes - got, position + got)
            if not data:
                break
            parts.append(data)
            got += len(data)
        return b"".join(parts)

    def chunks(self, position: int, nbytes: int) -> list[Chunk]:
        return [FileSlice(self, position, nbytes)] if nbytes else []

    def truncate(self, size: int) -> None:
        if size > self.size:
            raise ValueError(f"can't cut {self.path} to {size} bytes: it has {self.size}")
        descriptor = self._descriptor if self._descriptor >= 0 else self._open()
        self.cuts += 1
        os.ftruncate(descriptor, size)
        self.size = size
        self.preallocated = False

    def preallocate(self, size: int) -> None:
        descriptor = self._descriptor if self._descriptor >= 0 else self._open()
        if size <= self.size:
            return
        try:
            if sys.platform == "linux":
                os.posix_fallocate(descriptor, 0, size)
            else:
                os.ftruncate(descriptor, size)
        except OSError:
            os.ftruncate(descriptor, self.size)
            raise
        self.preallocated = True

    def trim(self) -> None:
        if self.preallocated:
            self.truncate(self.size)

    def sync(self) -> None:
        os.fsync(self._descriptor if self._descriptor >= 0 else self._open())

    def sync_later(self) -> Callable[[], None]:
        if not self._real:
            raise FileNotFoundError(errno.ENOENT, "the file was retired", self.path)
        return PendingSync(self._real)

    def retire(self) -> None:
        self.close()
        self.cuts += 1
        self._real = ""

    def close(self) -> None:
        if self._descriptor >= 0:
            self._handles.closed(self)
            self._shut()

    def _open(self) -> int:
        if not self._real:
            raise FileNotFoundError(errno.ENOENT, "the file was retired", self.path)
        self._descriptor = _open_file(self._handles, self._real, self._handles.flags)
        self._handles.opened(self)
        return self._descriptor

    def fileno(self) -> int:
        """Its descriptor; -1 while it is closed."""
        return self._descriptor

    def move_down(self) -> None:
        """Move its descriptor to the lowest free number."""
        lower = fcntl.fcntl(self._descriptor, fcntl.F_DUPFD_CLOEXEC, 0)
        os.close(self._descriptor)
        self._descriptor = lower

    def _shut(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            self._shut()


class PendingSync:
    """An fsync of what a path names by the time it runs, on any thread.

    It takes a descriptor only while it runs: a stop has thousands of these waiting. If the path names nothing any more,
    it was deleted, or renamed in order to be, and nothing has to be kept. The kernel tells of a failed write-back to
    the first sync, also on a descriptor that was opened later.
    """

    __slots__ = ("_real",)

    def __init__(self, real: str) -> None:
        self._real = real

    def __call__(self) -> None:
        try:
            descriptor = os.open(self._real, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _open_file(handles: Handles, real: str, flags: int) -> int:
    """Open a file on the owner's thread; when descriptors have run out, others of ours are closed for it."""
    while True:
        try:
            return os.open(real, flags, 0o644)
        except OSError as error:
            if error.errno not in EXHAUSTED or not handles.close_some(FILES_MIN):
                raise


class PosixLock:
    """Holds the lock for as long as its descriptor is open, so the kernel releases it when the process ends. A child
    that was forked has the same lock by its copy of the descriptor: so it is given up before that is closed.
    """

    __slots__ = ("__weakref__", "_descriptor", "path")

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        of_this_process.add(self)

    def descriptors(self) -> tuple[int]:
        """As ``Holder.descriptors``."""
        return (self._descriptor,)

    def release(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                _give_up_lock(descriptor)
            finally:
                os.close(descriptor)


class PosixFileSystem:
    """A folder of the real file system.

    ``root`` is made when it isn't there; ``max_open_files`` bounds the descriptors kept open, by default at a share of
    what the process may have. One that is ``read_only`` makes no ``root`` and opens files for reading alone; its owner
    calls nothing that changes anything.
    """

    in_memory = False

    def __init__(
        self, root: str | os.PathLike[str], *, max_open_files: int | None = None, read_only: bool = False
    ) -> None:
        if max_open_files is not None and max_open_files < 1:
            raise ValueError("max_open_files must be at least 1")
        self.root = os.path.abspath(os.fspath(root))
        if not read_only:
            os.makedirs(self.root, exist_ok=True)
        self.handles = Handles(max_open_files, read_only=read_only)

    def __repr__(self) -> str:
        return f"PosixFileSystem({self.root!r})"

    def _real(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root

    def open(self, path: str, *, create: bool = False) -> PosixFile:
        real = self._real(path)
        flags = self.handles.flags
        descriptor = _open_file(self.handles, real, flags | os.O_CREAT if create else flags)
        return PosixFile(self.handles, path, real, descriptor, os.fstat(descriptor).st_size)

    def exists(self, path: str) -> bool:
        return os.path.exists(self._real(path))

    def size(self, path: str) -> int:
        return os.stat(self._real(path)).st_size

    def read_bytes(self, path: str) -> bytes:
        return Path(self._real(path)).read_bytes()

    def read_piece(self, path: str, position: int, nbytes: int) -> bytes:
        descriptor = os.open(self._real(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            nbytes = min(nbytes, os.fstat(descriptor).st_size - position)
            if sys.platform == "linux" and nbytes > 0:
                # What is cached and clean is let go of, and read again. The system keeps pages, and blocks of many
                # pages, of which only a part is named: so at the beginning it is told of the whole file.
                start = position // PAGE_BYTES * PAGE_BYTES
                end = -(-(position + nbytes) // PAGE_BYTES) * PAGE_BYTES
                os.posix_fadvise(descriptor, start, end - start if start else 0, os.POSIX_FADV_DONTNEED)
            parts = []
            while nbytes > 0 and (part := os.pread(descriptor, nbytes, position)):
                parts.append(part)
                position += len(part)
                nbytes -= len(part)
        finally:
            os.close(descriptor)
        return b"".join(parts)

    def replace(self, path: str, data: bytes, *, sync: bool = True) -> None:
        real = self._real(path)
        written = real + ".tmp"
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if sync:
                os.fsync(descriptor)
        except OSError:
            os.unlink(written)  # on a full disk its bytes would be missed by what comes after
            raise
        finally:
            os.close(descriptor)
        os.replace(written, real)
        if sync:
            self.sync_dir(parent(path))

    def sync_path_later(self, path: str) -> Callable[[], None]:
        return PendingSync(self._real(path))

    def rename(self, old: str, new: str) -> None:
        os.replace(self._real(old), self._real(new))

    def unlink(self, path: str) -> None:
        os.unlink(self._real(path))

    def remove_tree(self, path: str) -> None:
        if os.path.lexists(self._real(path)):
            shutil.rmtree(self._real(path))

    def listdir(self, path: str = "") -> list[str]:
        return sorted(os.listdir(self._real(path)))

    def mkdir(self, path: str) -> None:
        real = self._real(path)
        try:
            os.mkdir(real)
        except (FileNotFoundError, FileExistsError):
            os.makedirs(real, exist_ok=True)

    def sync_dir(self, path: str = "") -> None:
        descriptor = os.open(self._real(path), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: str) -> PosixLock:
        real = self._real(path)
        descriptor = os.open(real, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT, 0o644)
        try:
            _take_lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise LockedError(error.errno, "locked by another opener", real) from error
            raise
        return PosixLock(path, descriptor)

    def disk_space(self, path: str = "") -> DiskSpace:
        found = shutil.disk_usage(self._real(path))
        return DiskSpace(found.total, found.free)

    def give_descriptors_back(self, count: int) -> int:
        return self.handles.close_some(count, keep=FILES_MIN)

    def close(self) -> None:
        """Give all handles back; files open again when they are used."""
        self.handles.close_all()


def _take_lock(descriptor: int) -> None:
    if sys.platform == "linux":
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_WRLCK))
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _give_up_lock(descriptor: int) -> None:
    if sys.platform == "linux":
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _whole_file(fcntl.F_UNLCK))
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _whole_file(kind: int) -> bytes:
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0)
