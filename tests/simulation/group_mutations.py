"""Known bugs of group coordinators, put back in by a patch, restated for this design.

As in ``mutations.py``: nothing of them is in the product, and the general workload has to notice each.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from actors.coordinator.coordinator import Coordinator
from actors.groups.classic.group import ClassicGroup
from actors.groups.consumer import consumer_groups, reconciling
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.offsets import OffsetStore
from actors.groups.records import OffsetRecord
from kstore.errors import IllegalGeneration

if TYPE_CHECKING:
    import pytest

    from actors.groups.consumer.member import ConsumerMember
    from actors.groups.consumer.reconciling import Owned, Target
    from actors.partition.messages import LogPart
    from kstore.schema.messages.offset_commit import OffsetCommitRequest


def load_that_leaves_batches_out(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-5600: a coordinator that loads leaves out what stands after the first batch of what it reads at once."""
    replay = Coordinator._replay

    def replay_the_first(self: Coordinator, part: LogPart, now_ms: int) -> None:
        replay(self, part._replace(batches=part.batches[:1]), now_ms)

    patch.setattr(Coordinator, "_replay", replay_the_first)


def offsets_that_expire_when_loaded(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-8069: an offset that is loaded expires at the time of its commit, as its record names no other."""
    apply = OffsetStore.apply

    def apply_with_an_expiry(self: OffsetStore, record: OffsetRecord, token: int) -> None:
        committed = record.committed
        if committed is not None and committed.expires_at_ms < 0:
            record = record._replace(committed=committed._replace(expires_at_ms=committed.committed_at_ms))
        apply(self, record, token)

    patch.setattr(OffsetStore, "apply", apply_with_an_expiry)


def partition_owned_twice(patch: pytest.MonkeyPatch) -> None:
    """KAFKA-16147: a partition counts as free while another member still has it to give up."""
    following = reconciling._next

    def following_at_once(member: ConsumerMember, target: Target, owner_of: object, owned: Owned) -> ConsumerMember:
        return following(member, target, lambda _: None, owned)

    patch.setattr(reconciling, "_next", following_at_once)
    patch.setattr(ConsumerGroup, "check", lambda _: None)  # what is left is what clients see


def revocation_that_is_not_awaited(patch: pytest.MonkeyPatch) -> None:
    """A member that is told to give up a partition counts as one that has given it up."""
    patch.setattr(reconciling, "_owns", lambda *_: False)


def stale_epoch_that_is_taken(patch: pytest.MonkeyPatch) -> None:
    """A member commits with an epoch from before it had, or after it has given up, the partition."""
    patch.setattr(ConsumerGroup, "_check_assignment_epochs", lambda *_: None)


def stale_generation_that_is_taken(patch: pytest.MonkeyPatch) -> None:
    """A member of a classic group commits in a generation that is over."""
    check = ClassicGroup.check_commit

    def check_without_the_generation(self: ClassicGroup, request: OffsetCommitRequest, version: int) -> None:
        with suppress(IllegalGeneration):
            check(self, request, version)

    patch.setattr(ClassicGroup, "check_commit", check_without_the_generation)


def session_that_never_expires(patch: pytest.MonkeyPatch) -> None:
    """A member of a consumer group that is gone without a word stays in it."""
    patch.setattr(consumer_groups, "start_session", lambda *_: None)


def classic_session_that_never_expires(patch: pytest.MonkeyPatch) -> None:
    """A member of a classic group that is gone without a word stays in it, and is waited for in each rebalance."""
    patch.setattr(ClassicGroup, "extend_session", lambda *_: None)
