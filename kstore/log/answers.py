"""The results of a log's methods: appends, reads, look-ups by time, and disk work."""

from collections.abc import Callable, Sequence

from kstore.fs import Chunk
from kstore.log.writing import chunks
from kstore.named import NamedTuple
from kstore.records import RecordBatch


class AppendInfo(NamedTuple):
    """The result of appending one group of batches.

    ``log_append_time`` is -1 when the topic keeps the producer's timestamps. ``duplicate`` says that nothing was
    written, because these very batches are in the log already: the offsets are those of the first time, ``batches``
    is empty. ``batches`` are as written, with their offsets and leader epoch.
    """

    first_offset: int
    last_offset: int
    max_timestamp: int
    log_append_time: int
    duplicate: bool
    batches: list[RecordBatch]


class AbortedTransaction(NamedTuple):
    """A transaction of one producer that ended in an abort: an entry of Apache Kafka's transaction index.

    ``last_offset`` is that of its marker. ``last_stable_offset`` was the log's when the transaction ended: no
    transaction that is aborted later begins below it.
    """

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class LogRead:
    """Complete batches from one offset of the log.

    ``batches`` is filled when they come from the hot tail, parsed as they are; otherwise it is None and ``chunks``
    are slices of the file (or views of memory). ``next_offset`` is where to read on. ``aborted`` are the transactions
    with records among what was read that were aborted, by their ends; only ``Log.read_committed`` looks for them.
    """

    __slots__ = ("_chunks", "aborted", "batches", "next_offset", "size_bytes")

    def __init__(
        self, batches: list[RecordBatch] | None, chunks: list[Chunk] | None, size_bytes: int, next_offset: int
    ) -> None:
        self.batches = batches
        self._chunks = chunks
        self.size_bytes = size_bytes
        self.next_offset = next_offset
        self.aborted: Sequence[AbortedTransaction] = ()

    @property
    def chunks(self) -> list[Chunk]:
        """What to send, in order: large payloads as they are, small batches joined."""
        if self._chunks is None:
            self._chunks = [*chunks(self.batches, self.size_bytes)] if self.batches else []
        return self._chunks

    def __repr__(self) -> str:
        source = "file" if self.batches is None else f"{len(self.batches)} hot batches"
        return f"LogRead({source}, {self.size_bytes} bytes, next_offset={self.next_offset})"


class TimestampedOffset(NamedTuple):
    """A record that was looked up by time: its timestamp in ms, its offset, the leader epoch of its batch."""

    timestamp: int
    offset: int
    leader_epoch: int


class Wrong(NamedTuple):
    """A range of a file, from ``start`` to before ``end``, that isn't as it was written; ``offset`` is the first of the
    log's offsets that it is about, -1 if that isn't known.
    """

    path: str
    start: int
    end: int
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, bytes {self.start} to {self.end}: {self.reason}"


class Expired(NamedTuple):
    """The oldest segments of a log, as retention removes them: the log then begins at ``new_start_offset``.

    ``reason`` is why the last of them goes: "age", "size", or "start" if the log began after it already.
    """

    start_offset: int
    new_start_offset: int
    segments: int
    size_bytes: int
    reason: str


class DiskWork(NamedTuple):
    """Work that may be slow: ``run`` on any thread, then ``done`` (with what ``run`` raised, if anything) on the log's.

    The work items of one log run one after the other, in the order in which they were created. One with ``delay_ms``
    is wanted that much later, and may run after others that were created after it. One that ``waits_for_disk`` only
    waits, for a device, so that it must be off the turn wherever the files are on one; others work.
    """

    name: str
    run: Callable[[], None]
    done: Callable[[BaseException | None], None]
    delay_ms: int = 0
    waits_for_disk: bool = False
