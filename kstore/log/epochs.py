"""The leader epochs of a log and their start offsets: the ``leader-epoch-checkpoint`` file.

A version line (0), a count, then a line ``epoch start_offset`` for each. Epochs and start offsets both rise. An
epoch is written down (survives the process) before the first batch that carries it; making that durable is disk
work, and a file that a power cut left unreadable is built anew from the log.
"""

from bisect import bisect_left, bisect_right

from kstore import checked
from kstore.errors.arguments import INT_MAX
from kstore.fs import FileSystem
from kstore.log.checkpoints import CheckpointError, number, read_lines, versioned

UNDEFINED = -1


class LeaderEpochs:
    """``latest`` is the newest epoch, or -1. ``unsynced`` is set by every write and cleared by the code that does its
    durability.
    """

    __slots__ = ("_epochs", "_fs", "_starts", "latest", "path", "unsynced")

    def __init__(self, fs: FileSystem, path: str) -> None:
        self._fs = fs
        self.path = path
        self._epochs: list[int] = []
        self._starts: list[int] = []
        self.latest = UNDEFINED
        self.unsynced = False

    @classmethod
    def read(cls, fs: FileSystem, path: str) -> "LeaderEpochs":
        """From its file. Raises CheckpointError when that is unreadable, FileNotFoundError when it isn't there."""
        found = cls(fs, path)
        for at, line in enumerate(read_lines(fs, path), start=3):
            try:
                epoch, start = line.split(" ")
                found._put(number(epoch, INT_MAX), number(start))
            except ValueError:
                raise CheckpointError(f"{path}:{at}: expected an epoch and an offset, neither negative") from None
        return found

    def __len__(self) -> int:
        return len(self._epochs)

    @property
    def entries(self) -> list[tuple[int, int]]:
        """The epochs with the offset at which each begins, in order."""
        return list(zip(self._epochs, self._starts, strict=True))

    def assign(self, epoch: int, start_offset: int) -> bool:
        """Note that ``epoch`` begins at ``start_offset``; whether that was new.

        It is in the file on return; when the file can't be written, nothing is noted and OSError is raised.
        """
        before = self._epochs.copy(), self._starts.copy()
        if not self.note(epoch, start_offset):
            return False
        try:
            self.write()
        except OSError:
            self._epochs, self._starts = before
            self._look_at_latest()
            raise
        return True

    def note(self, epoch: int, start_offset: int) -> bool:
        """As ``assign``, but the file is left to a later ``write``."""
        if epoch < 0 or start_offset < 0:
            raise ValueError(f"neither epoch {epoch} nor start offset {start_offset} may be negative")
        if self._epochs and epoch == self._epochs[-1] and start_offset >= self._starts[-1]:
            return False
        self._put(epoch, start_offset)
        return True

    def _put(self, epoch: int, start_offset: int) -> None:
        """Add an entry. Entries that would be out of order are removed: the last entry that the log gives is right."""
        keep = len(self._epochs)
        while keep and (self._epochs[keep - 1] >= epoch or self._starts[keep - 1] >= start_offset):
            keep -= 1
        self._epochs[keep:] = [epoch]
        self._starts[keep:] = [start_offset]
        self.latest = epoch
        if checked.on:
            self.check()

    def check(self) -> None:
        """Epochs and start offsets both rise."""
        assert self._epochs == sorted(set(self._epochs)), f"{self.path}: {self.entries}"
        assert self._starts == sorted(set(self._starts)), f"{self.path}: {self.entries}"
        assert self.latest == (self._epochs[-1] if self._epochs else UNDEFINED), f"{self.path}: {self.latest}"

    def _look_at_latest(self) -> None:
        self.latest = self._epochs[-1] if self._epochs else UNDEFINED

    def end_offset(self, epoch: int, log_end_offset: int) -> tuple[int, int]:
        """The newest epoch not after ``epoch``, and the offset at which the next one begins: where an epoch ends.

        An epoch older than all ends where the first begins; ``(-1, -1)`` when it is newer than the latest, or when
        the log knows no epoch at all.
        """
        if epoch < 0 or not self._epochs or epoch > self._epochs[-1]:
            return UNDEFINED, UNDEFINED
        if epoch == self._epochs[-1]:
            return epoch, log_end_offset
        higher = bisect_right(self._epochs, epoch)
        if higher == 0:
            return epoch, self._starts[0]
        return self._epochs[higher - 1], self._starts[higher]

    def at(self, offset: int) -> int:
        """The epoch of the record at an offset, or -1 when it lies before the first known start."""
        index = bisect_right(self._starts, offset)
        return self._epochs[index - 1] if index else UNDEFINED

    def truncate_from_end(self, end_offset: int) -> None:
        """Forget the epochs that began at or after ``end_offset``."""
        if self._cut_end(end_offset):
            self.write()

    def truncate_from_start(self, start_offset: int) -> None:
        """Forget what ended before ``start_offset``; the epoch that holds it now begins there."""
        if self._cut_start(start_offset):
            self.write()

    def fit(self, start_offset: int, end_offset: int) -> None:
        """As both truncations; the file is left to a later ``write``."""
        self._cut_start(start_offset)
        self._cut_end(end_offset)

    def _cut_end(self, end_offset: int) -> bool:
        keep = bisect_left(self._starts, end_offset)
        if keep == len(self._starts):
            return False
        del self._epochs[keep:], self._starts[keep:]
        self._look_at_latest()
        return True

    def _cut_start(self, start_offset: int) -> bool:
        gone = bisect_right(self._starts, start_offset)
        if not gone or (gone == 1 and self._starts[0] == start_offset):
            return False
        del self._epochs[: gone - 1], self._starts[: gone - 1]
        self._starts[0] = start_offset
        return True

    def clear(self) -> None:
        """Forget all epochs."""
        if self._epochs:
            self._epochs.clear()
            self._starts.clear()
            self.latest = UNDEFINED
            self.write()

    def write(self, *, sync: bool = False) -> None:
        """Write the checkpoint; without ``sync``, a power loss may take it until it is synced."""
        if checked.on:
            self.check()
        entries = [f"{epoch} {start}" for epoch, start in zip(self._epochs, self._starts, strict=True)]
        self._fs.replace(self.path, versioned(entries), sync=sync)
        self.unsynced = not sync
