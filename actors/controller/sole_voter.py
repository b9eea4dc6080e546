"""The leader of a metadata quorum with one voter: epochs, appends, commits, and fetches of other nodes.

Nothing is decided here. The controller passes the records of its decisions and learns up to where they are committed.
The only voter leads without a vote: it begins an epoch when its log is open, writes ``quorum-state`` before the log,
and what is on its disk is committed. A quorum of several voters would have the same calls, but begin an epoch when it
is elected and commit what a majority has.

Batches that are appended while a flush is under way are covered by the next one. A fetch that finds nothing new waits
for a commit, or for its time to be over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.controller import fetching
from actors.controller.messages import METADATA_LOG
from actors.controller.metadata_log import (
    QuorumState,
    encode_batch,
    encode_leader_change,
    read_quorum_state,
    write_quorum_state,
)
from actors.controller.quorum import Observers, QuorumLeadership, described
from kstore.errors import KafkaError, KafkaStorageError, NotController
from kstore.named import NamedTuple
from kstore.records import RecordBatch, parse_batches

if TYPE_CHECKING:
    from actors.controller.keeper import MetadataKeeper
    from actors.runtime import Reply, Timer
    from kstore.log import Log
    from kstore.log.answers import DiskWork
    from kstore.schema.messages.describe_quorum import DescribeQuorumRequest, DescribeQuorumResponse
    from kstore.schema.messages.fetch import FetchRequest, FetchResponse
    from kstore.schema.struct import Message


class FetchOverdue(NamedTuple):
    """To the controller itself: a fetch has waited for its longest time."""

    number: int


class ParkedFetch(NamedTuple):
    """A fetch that waits for the next commit."""

    request: FetchRequest
    reply: Reply
    timer: Timer


class WrittenBatch(NamedTuple):
    """A batch that is in the log, but not yet committed."""

    batch: RecordBatch
    first_offset: int
    last_offset: int


class SoleVoter:
    """The only voter of the quorum, for the actor that keeps the log. ``on_commit`` is called with the committed
    offset.
    """

    def __init__(self, keeper: MetadataKeeper, on_commit: Callable[[int], None]) -> None:
        self.epoch = 0
        self.committed = -1
        self._keeper = keeper
        self._on_commit = on_commit
        self._own_id = keeper.node.node_id
        self._observers = Observers()
        self._fetches: dict[int, ParkedFetch] = {}
        self._fetched = 0
        self._flushing = False

    def log(self) -> Log:
        """The leader's log; raises NotController while there is none."""
        log = self._keeper.log
        if log is None:
            raise self.resigned()
        return log

    def resigned(self) -> NotController:
        """The error for requests while there is no leader."""
        return NotController(f"the controller on node {self._own_id} has resigned")

    def begin_epoch(self) -> WrittenBatch:
        """Lead in a new epoch, later than any in the log or ``quorum-state``, and append the leader change."""
        fs, log = self._keeper.folder.fs, self.log()
        state = read_quorum_state(fs, METADATA_LOG)
        self.epoch = max(state.leader_epoch, log.latest_epoch, self.epoch) + 1
        self._observers = Observers()
        own_id = self._own_id
        write_quorum_state(fs, METADATA_LOG, QuorumState(own_id, self.epoch), [own_id])
        self._keeper.node.controller_channel.learned(own_id, self.epoch)
        return self._write(encode_leader_change(own_id, [own_id], log.end_offset, self.epoch, self._keeper.now_ms()))

    @contextmanager
    def one_flush(self) -> Iterator[None]:
        """Collect appends so that one flush syncs them all."""
        self._flushing = True
        yield
        self._flushing = False
        self.flush()

    def append(self, records: Sequence[Message]) -> WrittenBatch:
        """Append one batch, which ``flush`` commits. If it raises KafkaStorageError, nothing is appended."""
        return self._write(encode_batch(records, self.log().end_offset, self.epoch, self._keeper.now_ms()))

    def _write(self, data: bytes) -> WrittenBatch:
        batches = parse_batches(data)
        (outcome,) = self.log().append_as_leader([batches], self.epoch, self._keeper.now_ms(), from_client=False)
        if isinstance(outcome, KafkaStorageError):
            raise outcome
        if isinstance(outcome, KafkaError):
            raise RuntimeError(f"the metadata log can't be written: {outcome.message}")
        assert outcome.first_offset == batches[0].base_offset, "a batch is encoded for the end of the log"
        return WrittenBatch(batches[0], outcome.first_offset, outcome.last_offset)

    def flush(self) -> None:
        """Sync what is appended, one flush at a time."""
        log = self.log()
        self._keeper.run_disk_work(log)
        if self._flushing or self.committed >= log.end_offset - 1:
            return
        work = log.flush_work()
        if work is None:
            self._commit(log.end_offset - 1)
            return
        self._flushing = True
        self._keeper.on_disk(work.run, self._flushed, work, log.end_offset - 1, log)

    def _flushed(self, outcome: object, work: DiskWork, offset: int, log: Log) -> None:
        """Commit what a finished flush covered."""
        self._keeper.disk_work_done(outcome, work, log)
        if log is not self._keeper.log:
            return
        self._flushing = False
        self._commit(offset)
        try:
            self.flush()
        except KafkaStorageError as error:
            self._keeper.halt(error)

    def _commit(self, offset: int) -> None:
        self.committed = offset
        self.log().advance_high_watermark(offset + 1)
        self._on_commit(offset)
        for number in list(self._fetches):
            if number in self._fetches:
                self._serve_parked(number)

    def close(self) -> None:
        """Flush, commit and close; raises the disk's error."""
        log = self.log()
        log.flush()
        self._commit(log.end_offset - 1)
        log.close()

    def resign(self) -> None:
        """Stop leading: waiting fetches get an error, so that their senders look for another leader."""
        for parked in self._fetches.values():
            parked.timer.cancel()
            parked.reply.fail(self.resigned())
        self._fetches.clear()
        self._flushing = False

    def fetch(self, request: FetchRequest) -> FetchResponse | None:
        """Answer a fetch, now or later: committed batches from its offset on, or where it must truncate first."""
        keeper = self._keeper
        try:
            self._note_copy(request)
            response = fetching.serve(self.log(), request, self._own_id, self.epoch)
        except (NotController, KafkaStorageError) as error:
            keeper.defer().fail(NotController(error.message))
            keeper.halt(error)
            return None
        if response is None:
            self._fetched += 1
            timer = keeper.after(request.max_wait_ms, FetchOverdue(self._fetched))
            self._fetches[self._fetched] = ParkedFetch(request, keeper.defer(), timer)
        return response

    def _note_copy(self, request: FetchRequest) -> None:
        asked = request.topics[0].partitions[0]
        node_id, end_offset = request.replica_state.replica_id, self.log().end_offset
        if node_id >= 0:
            now_ms = self._keeper.now_ms()
            self._observers.fetched(node_id, asked.replica_directory_id, asked.fetch_offset, end_offset, now_ms)

    def _serve_parked(self, number: int) -> None:
        parked = self._fetches[number]
        try:
            response = fetching.serve(self.log(), parked.request, self._own_id, self.epoch)
        except (NotController, KafkaStorageError) as error:
            self._keeper.halt(error)  # which answers all of them
            return
        if response is not None:
            del self._fetches[number]
            parked.timer.cancel()
            parked.reply.set(response)

    def overdue(self, number: int) -> None:
        """Answer a fetch that has waited long enough without anything new."""
        parked = self._fetches.pop(number, None)
        if parked is not None:
            parked.reply.set(fetching.nothing_new(self.log(), self._own_id, self.epoch))

    def described(self, request: DescribeQuorumRequest, version: int) -> DescribeQuorumResponse:
        """The leader, and the end of each copy."""
        log = self.log()
        leadership = QuorumLeadership(self._own_id, self.epoch, log.high_watermark, log.end_offset)
        return described(request, version, leadership, self._observers, self._keeper.now_ms())
