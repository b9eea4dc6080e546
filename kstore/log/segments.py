"""The segments of a log in order: finding one by offset, adding, truncating and removing.

A cut at the end of the log removes segments from the newest to the oldest, and a later start from the oldest on. Each
is removed by renaming its files to ``.deleted`` and unlinking them later. So a crash at any point leaves a log without
a hole, and the next start removes what is left over. ``replacement.py`` says how segments are replaced by another one.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

from kstore.fs import FileSystem
from kstore.log.answers import AbortedTransaction
from kstore.log.config import LogConfig
from kstore.log.names import CLEANED, DELETED, LOG, SNAPSHOT, SWAP, TRANSACTION_INDEX, segment_file
from kstore.log.replacement import swap_in
from kstore.log.segment import RELATIVE_OFFSET_MAX, Segment


class Segments:
    """At least one, once a log is open; the last one is ``active``."""

    __slots__ = ("_bases", "_fs", "_list", "_path", "active")

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self._path = path
        self._list: list[Segment] = []
        self._bases: list[int] = []
        self.active: Segment

    def __len__(self) -> int:
        return len(self._list)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._list)

    @property
    def first(self) -> Segment:
        """The oldest segment."""
        return self._list[0]

    @property
    def base_offsets(self) -> list[int]:
        """Where each segment begins, in order."""
        return self._bases

    @property
    def size_bytes(self) -> int:
        """How many bytes of batches all have."""
        return sum(segment.size_bytes for segment in self._list)

    def load(self, base_offset: int, now_ms: int, *, has_aborted: bool) -> Segment:
        """Add the segment whose file is there already; ``has_aborted`` says that a transaction index is, too."""
        segment = self._add(Segment(self._fs, self._path, base_offset, create=False, now_ms=now_ms))
        if has_aborted:
            segment.transaction_index()
        return segment

    def create(self, base_offset: int, now_ms: int, config: LogConfig) -> Segment:
        """Add a new, empty segment at the end."""
        segment = Segment(self._fs, self._path, base_offset, create=True, now_ms=now_ms)
        if segment.size_bytes:
            segment.file.truncate(0)
        if config.preallocate:
            segment.file.preallocate(config.segment_bytes)
        return self._add(segment)

    def _add(self, segment: Segment) -> Segment:
        assert not self._bases or segment.base_offset > self._bases[-1], "segments are added in order"
        self._list.append(segment)
        self._bases.append(segment.base_offset)
        self.active = segment
        return segment

    def check(self, start_offset: int, end_offset: int) -> None:
        """The segments of a log with these ends: the first begins at its start or before; the last at its end or
        before, is the active one, and follows on the one before it.
        """
        assert len(self._list) == len(self._bases), f"{self._path}: {self._bases}"
        assert self._bases[0] <= start_offset, f"{self._path} from {start_offset} on: {self._bases}"
        assert self._bases[-1] <= end_offset, f"{self._path} up to {end_offset}: {self._bases}"
        assert self.active is self._list[-1], f"{self._path}: {self.active} isn't the last segment"
        assert self._bases[-2:] == sorted(set(self._bases[-2:])), f"{self._path}: {self._bases}"

    def from_offset(self, offset: int) -> list[Segment]:
        """The segment that an offset belongs to, and all after it."""
        return self._list[max(bisect_right(self._bases, offset) - 1, 0) :]

    def upper_offset(self, segment: Segment, end_offset: int) -> int:
        """Where the next segment begins, or the log's end."""
        index = bisect_right(self._bases, segment.base_offset)
        return self._bases[index] if index < len(self._bases) else end_offset

    def before(self, segment: Segment) -> list[Segment]:
        """Those that come before this one, the nearest first."""
        return self._list[: bisect_right(self._bases, segment.base_offset) - 1][::-1]

    def aborted(self, offset: int, up_to: int) -> list[AbortedTransaction]:
        """The aborted transactions that end at ``offset`` or later and begin below ``up_to``."""
        found: list[AbortedTransaction] = []
        for segment in self.from_offset(offset):
            if segment.aborted is not None and segment.aborted.collect(offset, up_to, found):
                break
        return found

    def remove_from(self, base_offset: int) -> list[Callable[[], None]]:
        """Take away the segments with this base offset or a higher one; what is left to do is to unlink them."""
        later: list[Callable[[], None]] = []
        while self._bases and self._bases[-1] >= base_offset:
            self._bases.pop()
            later.append(self.discard(self._list.pop()))
        if self._list:
            self.active = self._list[-1]
        return later

    def remove_before(self, offset: int) -> list[Callable[[], None]]:
        """Take away the segments that end at ``offset`` or before, the oldest first, with the producer snapshots that
        only they needed; the active one stays. What is left to do is to unlink them.
        """
        later: list[Callable[[], None]] = []
        while len(self._bases) > 1 and self._bases[1] <= offset:
            later.append(self.discard(self._list[0]))
            del self._list[0], self._bases[0]
        if later:
            for known in self.snapshot_offsets():
                if known < self._bases[0]:
                    self._fs.unlink(self.snapshot_path(known))
        return later

    def discard(self, segment: Segment) -> Callable[[], None]:
        """Rename a segment's files out of the way, the batches' own last; the call that unlinks them."""
        segment.retire()
        gone = []
        for path in reversed(segment.paths()):
            if self._fs.exists(path):
                self._fs.rename(path, path + DELETED)
                gone.append(path + DELETED)
        return lambda: self._unlink(gone)

    def _unlink(self, paths: list[str]) -> None:
        """A name that is gone was taken by a later segment of the same base, and unlinked with that one."""
        for path in paths:
            if self._fs.exists(path):
                self._fs.unlink(path)

    def replace(self, old: Sequence[Segment], new: Segment) -> list[Callable[[], None]]:
        """Put ``new`` in the place of segments that follow on each other; what is left to do is to unlink those.

        ``new`` was made with stage ``CLEANED`` and the base offset of the first old one, holds some of their records
        at the same offsets, and is durable, its indexes too. The active segment can't be replaced. After a crash at any
        point the next start finds the old segments or the new one. What is read afterwards comes from the new one, but
        for what the hot tail has. Raises OSError; the folder is then to be opened anew.
        """
        index = self._list.index(old[0])
        after = index + len(old)
        assert self._list[index:after] == list(old), "the old segments follow on each other"
        assert after < len(self._list), "the active segment isn't replaced"
        assert new.base_offset == old[0].base_offset, f"{new} can't stand where {old[0]} does"
        new.close()
        swap_in(self._fs, self._path, new.base_offset, CLEANED, SWAP)
        later = [self.discard(segment) for segment in old]
        for segment in old[1:]:
            if self._fs.exists(self.snapshot_path(segment.base_offset)):
                self._fs.unlink(self.snapshot_path(segment.base_offset))
        swap_in(self._fs, self._path, new.base_offset, SWAP, "")
        self._list[index:after] = [self._reopened(new, self._bases[after])]
        self._bases[index:after] = [new.base_offset]
        return later

    def _reopened(self, swapped: Segment, upper_offset: int) -> Segment:
        """A segment under the names that its files have now."""
        segment = Segment(self._fs, self._path, swapped.base_offset, create=False, now_ms=swapped.created_ms)
        if self._fs.exists(segment.file_path(TRANSACTION_INDEX)):
            segment.transaction_index()
        segment.load_indexes(min(upper_offset, segment.base_offset + RELATIVE_OFFSET_MAX + 1))
        return segment

    def snapshot_offsets(self) -> list[int]:
        """The offsets of which there is a snapshot of producers, in order."""
        return sorted(int(name[:20]) for name in self._fs.listdir(self._path) if is_snapshot(name))

    def snapshot_path(self, offset: int) -> str:
        """The path of the snapshot of an offset."""
        return f"{self._path}/{segment_file(offset, SNAPSHOT)}"

    def remove_snapshots(self, above: int) -> None:
        """Remove the producer snapshots above an offset, the newest first."""
        for offset in reversed(self.snapshot_offsets()):
            if offset > above:
                self._fs.unlink(self.snapshot_path(offset))


def is_snapshot(name: str) -> bool:
    """Whether it is the name of a producer snapshot."""
    return name.endswith(SNAPSHOT) and len(name) == 20 + len(SNAPSHOT) and name[:20].isdigit()


def log_offsets(names: list[str]) -> list[int]:
    """The base offsets of the segments in a folder's listing."""
    return sorted(int(name[:20]) for name in names if name.endswith(LOG) and len(name) == 24 and name[:20].isdigit())


def holds_log(fs: FileSystem, path: str) -> bool:
    """Whether it is a folder with segments in it, if only such as are about to replace others."""
    try:
        names = fs.listdir(path)
        return bool(log_offsets(names)) or any(name.endswith(LOG + SWAP) for name in names)
    except OSError:
        return False  # a user's file, or not to be read
