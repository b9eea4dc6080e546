"""Messages of the formats before v2 in the folders' segments: looked for in the first bytes of each.

A log went over to a new format as its brokers did, in the middle of a segment: what is old in it comes first. Where
it doesn't, opening the log finds it, and leaves that log as it is.
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
            continue  # a user's file, or out of use until it can be read


def check_segment(folder: Folder, name: str) -> None:
    file = folder.fs.open(name)
    try:
        magic = find_old_message(file.read(0, READ_BYTES))
    finally:
        file.close()
    if magic is not None:
        raise FolderError(refusal(f"{folder.name}/{name}", magic))
