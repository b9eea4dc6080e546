"""The file-system interface: all of kstore's files go through it, so a test can replace the disk.

``interface`` says what a file system must do; ``posix`` is the real one (the only module that opens files),
``memory`` keeps files as lists of chunks and never copies a large payload.
"""

from kstore.fs.interface import Buffer, Chunk, DiskSpace, File, FileSlice, FileSystem, Lock, LockedError, TornWriteError
from kstore.fs.memory import MemoryFileSystem

__all__ = [
    "Buffer",
    "Chunk",
    "DiskSpace",
    "File",
    "FileSlice",
    "FileSystem",
    "Lock",
    "LockedError",
    "MemoryFileSystem",
    "TornWriteError",
]
