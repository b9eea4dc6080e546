"""The observer: a node without a vote copies the metadata log from the controller and replays it.

It starts from its own copy, but publishes nothing before it has caught up with the controller once, so that a restarted
node never acts on an old state. Later the records of each fetch are published as one step. There is one fetch at a
time; if the controller can't be reached, it retries after a short time.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.controller import fetching
from actors.controller.keeper import MetadataKeeper
from actors.controller.messages import METADATA_LOG, CloseMetadataLog
from actors.controller.metadata_log import QuorumState, read_quorum_state, write_quorum_state
from actors.image.image import ClusterImage, ImageDelta
from actors.runtime import Ref, receives
from kstore import errors
from kstore.errors import KafkaStorageError
from kstore.log import Log, LogDamaged
from kstore.log.names import DOOMED
from kstore.named import NamedTuple
from kstore.records import RecordBatch, parse_batches
from kstore.schema.messages.fetch import FetchResponse, PartitionData

if TYPE_CHECKING:
    from actors.node.folder import Folder
    from actors.node.node import BrokerNode

ANSWER_MS = 2_000
"""How much longer than its wait a fetch may take before the link is closed, as Kafka's quorum fetch timeout."""


class FetchNext(NamedTuple):
    """To itself: ask the controller for more."""


class Observer(MetadataKeeper):
    """Follows the controller."""

    failure_scope = "the node's copy of the metadata, which is replayed from its log"
    HALTED = "can't use its copy of the metadata log, and stands aside"
    log: Log | None

    def __init__(self, node: BrokerNode, broker: Ref, folder: Folder) -> None:
        super().__init__(node, "observer", broker, folder)
        self.controller = node.controller_channel.connection(self, FetchNext())
        self.epoch = 0
        self.image: ClusterImage = self.published
        self.attempt = 0  # answers to requests from before a halt are ignored
        self.under_way = 0  # the attempt of the pending fetch, if there is one

    def begin(self) -> None:
        """Replay the node's copy, then fetch what is missing."""
        self.attempt += 1
        try:
            self.log = log = self.open_log()
        except LogDamaged:  # the controller has all of it
            doomed = f"{METADATA_LOG}.{self.uuid().hex()}{DOOMED}"
            self.folder.fs.rename(METADATA_LOG, doomed)
            self.on_disk(partial(self.folder.fs.remove_tree, doomed), self.removed)
            self.log = log = self.open_log()
        self.image = self.published
        if self.published.offset < 0:
            for batch in log.batches(log.start_offset):
                self.apply([batch])
        else:
            delta = self.apply(list(log.batches(max(self.published.offset + 1, log.start_offset))))
            if delta:
                self.publish(self.image, delta)
        state = read_quorum_state(self.folder.fs, METADATA_LOG)
        self.epoch = max(state.leader_epoch, log.latest_epoch, self.epoch)
        self.fetch_next(FetchNext())

    @property
    def floor(self) -> int:
        """The copy may end anywhere: what is missing is fetched again."""
        return 0

    def removed(self, outcome: object) -> None:
        """Begin with a new copy: the damaged one is deleted, or will be at the next start."""
        if isinstance(outcome, OSError):
            self.note("FolderNotDeleted", METADATA_LOG, outcome.errno or -1)

    def refuse_waiting(self) -> None:
        """Do nothing: no request waits for what isn't published."""

    def apply(self, batches: list[RecordBatch]) -> ImageDelta:
        """Replay batches of the log into the unpublished image, which may already have the first ones."""
        batches = [batch for batch in batches if batch.last_offset > self.image.offset]
        if not batches:
            return ImageDelta()
        records = [record for batch in batches for record in self.replay.records(batch)]
        self.image, delta = self.image.apply(records, batches[-1].last_offset, batches[-1].leader_epoch)
        return delta

    @receives(FetchNext)
    def fetch_next(self, message: FetchNext) -> None:
        """Fetch what follows the copy's end."""
        if self.closed or self.log is None or self.under_way == self.attempt:
            return
        max_bytes = self.node.config.integer("controller.quorum.fetch.max.bytes")
        assert self.folder.meta is not None, "a node's folder is its cluster's"
        request = fetching.fetch_request(
            self.log,
            self.node.node_id,
            self.folder.meta.directory_id,
            self.image.cluster_id,
            self.epoch,
            max_bytes,
        )
        self.under_way = self.attempt
        self.controller.send(
            request,
            self.fetched,
            self.attempt,
            version=fetching.FETCH_VERSION,
            timeout_ms=fetching.FETCH_WAIT_MS + ANSWER_MS,
        )

    def fetched(self, outcome: FetchResponse | Exception, attempt: int) -> None:
        """Handle the controller's response, or that it can't be reached."""
        if self.closed or self.log is None or attempt != self.attempt:
            return
        self.under_way = 0
        if not self.controller.is_answered(outcome):
            self.controller.look_further()
        if isinstance(outcome, Exception) or outcome.error_code or not outcome.responses:
            self.fetch_later()
            return
        answer = outcome.responses[0].partitions[0]
        if answer.error_code:
            self.follow_epoch(answer)
        elif answer.diverging_epoch.epoch >= 0 or answer.diverging_epoch.end_offset >= 0:
            raise RuntimeError(
                f"the controller's metadata log ends at {answer.diverging_epoch.end_offset} where this node's copy "
                f"goes on to {self.log.end_offset}: committed records were lost"
            )
        else:
            try:
                self.append(answer, self.log)
            except KafkaStorageError as error:
                self.halt(error)
            else:
                self.fetch_next(FetchNext())

    def follow_epoch(self, answer: PartitionData) -> None:
        """Note the controller's epoch, which is another than this node knew."""
        known = answer.error_code in (errors.FencedLeaderEpoch.code, errors.UnknownLeaderEpoch.code)
        leader_id, epoch = answer.current_leader.leader_id, answer.current_leader.leader_epoch
        if known and epoch > self.epoch:
            self.epoch = epoch
            channel = self.node.controller_channel
            try:
                write_quorum_state(self.folder.fs, METADATA_LOG, QuorumState(leader_id, epoch), channel.voters)
            except OSError as error:
                self.halt(error)
            else:
                channel.learned(leader_id, epoch)
                self.fetch_next(FetchNext())
        else:
            self.fetch_later()

    def fetch_later(self) -> None:
        """Fetch again later, or when there is another controller."""
        self.after(self.controller.retry_ms(), FetchNext())

    def append(self, answer: PartitionData, log: Log) -> None:
        """Append fetched batches to the copy, and publish them once all committed ones are here."""
        batches = parse_batches(fetching.joined(answer.records), allow_partial=True) if answer.records else []
        delta = ImageDelta()
        if batches:
            log.append_as_follower(batches, self.now_ms())
            delta = self.apply(batches)
            self.run_disk_work(log)
        log.advance_high_watermark(min(answer.high_watermark, log.end_offset))
        first = self.published.offset < 0
        if self.image is not self.published and not (first and log.end_offset < answer.high_watermark):
            self.publish(self.image, delta)

    @receives(CloseMetadataLog, may_refuse=True)
    def close(self, message: CloseMetadataLog) -> None:
        """Flush and close the copy; answered with the error if that fails."""
        self.closed = True
        self.controller.close()
        reply = self.defer()
        try:
            if self.log is None:
                raise KafkaStorageError("the copy of the metadata log is out of use")
            self.log.flush()
            self.log.close()
        except (OSError, KafkaStorageError) as error:
            reply.fail(KafkaStorageError(str(error)))
        else:
            reply.set(None)
