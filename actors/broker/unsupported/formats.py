"""Checks the first bytes of each segment for message formats before v2.

A log changed to a new format when its brokers did, in the middle of a segment, so old messages come first. If they
don't, opening the log finds them, and leaves that log as it is.
"""

from __future__ import annotations

from actors.node.folder import Folder, FolderError
from kstore.log.names import LOG, SWAP, base_offset_of, topic_and_partition
from kstore.log.old_formats import find_old_message, refusal

READ_BYTES = 64 << 10


def check_formats(folder: Folder) -> None:
    """Raise ``FolderError`` for a segment that begins with messages of an old format."""
    fs = folder.fs
    for path in fs.listdir():
        if topic_and_partition(path) is None:
            continue
        try:
            for name in fs.listdir(path):
                if base_offset_of(name) >= 0 and name.endswith((LOG, LOG + SWAP)):
                    check_segment(folder, f"{path}/{name}")
        except OSError:
            continue  # a user's file, or offline until it can be read


def check_segment(folder: Folder, name: str) -> None:
    file = folder.fs.open(name)
    try:
        magic = find_old_message(file.read(0, READ_BYTES))
    finally:
        file.close()
    if magic is not None:
        raise FolderError(refusal(f"{folder.name}/{name}", magic))
