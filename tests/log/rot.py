"""Plants rot: bytes of a file become others while it is open, as on a disk that changes them.

It goes through ``FileSystem.open``, so it works on any of them, and under a fault-free wrapper. A file in memory isn't
checked as it is read, as it went to no disk: rot in it is found by a check (``cluster.scrub``), or after it was opened
again.
"""

from kstore.fs import FileSystem

PAGE_BYTES = 4096


def overwrite(fs: FileSystem, path: str, data: bytes) -> None:
    """Other bytes, as many as before, in the same file."""
    file = fs.open(path)
    assert file.size == len(data), "rot changes no sizes"
    file.truncate(0)
    file.append([data], len(data))
    file.close()


def flip(fs: FileSystem, path: str, at: int, bit: int = 2) -> None:
    """Turn a bit over, ``at`` bytes into a file; from its end if negative."""
    data = bytearray(fs.read_bytes(path))
    data[at] ^= 1 << bit
    overwrite(fs, path, bytes(data))


def tear(fs: FileSystem, path: str, page: int) -> None:
    """Make a page of a file zeros."""
    data = bytearray(fs.read_bytes(path))
    start = page * PAGE_BYTES
    assert start < len(data), "there is such a page"
    data[start : start + PAGE_BYTES] = bytes(len(data[start : start + PAGE_BYTES]))
    overwrite(fs, path, bytes(data))
