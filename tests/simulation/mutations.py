"""Known bugs of Apache Kafka's history, put back in by a patch: what a campaign has to notice.

Each is restated for this design, where Kafka's old path doesn't exist, and is nowhere in the product.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actors.partition.follower.follower import Follower
from actors.partition.leader.serving import Serving
from actors.partition.messages import BecomeFollower, Read
from actors.partition.replica.replica import Replica
from actors.simulation.run import play
from actors.simulation.seed_outcome import SeedOutcome
from kstore.errors import KafkaStorageError
from kstore.log import Log


def truncate_to_the_high_watermark(patch: pytest.MonkeyPatch) -> None:
    """KIP-101: a follower cuts its log at its own high watermark instead of where the leader's epochs say."""
    begin = Follower.__init__

    def begin_at_the_high_watermark(self: Follower, replica: Replica, message: BecomeFollower) -> None:
        end_offset = replica.log.end_offset
        if replica.log.truncate_to(replica.log.high_watermark) < end_offset:
            replica.note("Truncated", replica.label, end_offset, replica.log.end_offset)
        begin(self, replica, message)

    patch.setattr(Follower, "__init__", begin_at_the_high_watermark)
    patch.setattr(Serving, "_divergence", lambda *_: None)


def no_epoch_fencing(patch: pytest.MonkeyPatch) -> None:
    """KIP-320: fetches carry no epochs. A follower's log is compared once when it begins to follow, as before that
    KIP; after that the leader serves and counts it, and it takes what comes, whatever epoch either of them is in.
    """
    compare, replicate, append = Serving._divergence, Follower.replicate, Follower._append

    def compare_once(self: Serving, message: Read) -> tuple[int, int] | None:
        compared = self.replica.node.world.__dict__.setdefault("compared", set())
        follower = (self.replica.label, message.replica, message.broker_epoch, message.leader_epoch)
        if follower in compared:
            return None
        diverging = compare(self, message)
        if diverging is None:
            compared.add(follower)
        return diverging

    def replicate_from_any_epoch(self: Follower, *brought: Any) -> bool | None:
        return replicate(self.replica.follower or self, *brought)

    def append_of_any_epoch(self: Follower, records: Any) -> None:
        known, self.leader_epoch = self.leader_epoch, 1 << 30
        append(self, records)
        self.leader_epoch = known

    patch.setattr(Serving, "check_epoch", lambda *_: None)
    patch.setattr(Serving, "_divergence", compare_once)
    patch.setattr(Follower, "replicate", replicate_from_any_epoch)
    patch.setattr(Follower, "_append", append_of_any_epoch)


def high_watermark_before_truncating(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-14704: the high watermark is taken from an answer that shows that the logs part, and the log is cut in a
    later turn.
    """
    replicate = Follower.replicate

    def replicate_with_the_high_watermark_first(
        self: Follower, offset: int, records: Any, high_watermark: int, start: int, diverging: tuple[int, int] | None
    ) -> bool | None:
        if diverging is None or self.replica.follower is not self:
            return replicate(self, offset, records, high_watermark, start, diverging)
        self._follow_offsets(high_watermark, start)
        self.replica.go_on_later(truncate_later, self, diverging)
        return None

    def truncate_later(_: None, self: Follower, diverging: tuple[int, int]) -> None:
        taken = replicate(self, self.log.end_offset, b"", -1, -1, diverging)
        if taken is not None:
            self._report(not taken)

    patch.setattr(Follower, "replicate", replicate_with_the_high_watermark_first)


def append_after_an_error(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-10778: a log that the disk failed under goes on being appended to."""
    patch.setattr(Log, "failed", lambda _, reason: KafkaStorageError(reason))


def play_with(mutation: Callable[[pytest.MonkeyPatch], None], seed: int) -> SeedOutcome:
    """Play a seed with a bug put in, and take it out again."""
    with pytest.MonkeyPatch.context() as patch:
        mutation(patch)
        return play(seed)
