"""Indexes that are made anew from a segment's batches, apart from those that it has."""

from kstore.fs import FileSystem
from kstore.log.indexes import OffsetIndex, TimeIndex


class Rebuilt:
    """Indexes as they are made from the batches, in memory alone; what ``note_batches`` takes for a segment."""

    __slots__ = ("bytes_since_index", "max_timestamp", "offset_index", "offset_of_max_timestamp", "time_index")

    def __init__(self, fs: FileSystem, path: str, base_offset: int) -> None:
        self.offset_index = OffsetIndex(fs, path, base_offset)
        self.time_index = TimeIndex(fs, path, base_offset)
        self.bytes_since_index = 0
        self.max_timestamp = -1
        self.offset_of_max_timestamp = -1
