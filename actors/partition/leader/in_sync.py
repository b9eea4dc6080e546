"""The leader's in-sync set: the progress of each follower, which are in sync, and the high watermark.

Pure: events in, decisions out; time is passed in, brokers are looked up through the function given.

* Progress. A follower that fetches from offset N has everything before N. Its *caught-up time* is the last moment at
  which its fetch offset had reached the leader's log end of that moment.
* The in-sync set (ISR) changes only through the controller. While a change is under way there are two sets: the
  *committed* one, which the controller has confirmed, and the *maximal* one, which also counts a follower about to
  join and still counts one about to leave. The high watermark is held back by the maximal set, because the change
  may or may not have happened already (KIP-497).
* The high watermark is the least end offset of the maximal set; followers that are caught up and may join are waited
  for too, so that they get the chance to join. It doesn't move while the committed set is smaller than
  ``min.insync.replicas`` (or than the number of replicas, where there are fewer).
* A follower leaves the set when it hasn't been caught up for ``replica.lag.time.max.ms``. It joins when it has
  reached the high watermark and the start of the leader's epoch, and when the incarnation of its broker (the broker
  epoch) that fetched is the one that the cluster knows, alive (KIP-903).

Invariants: ``node`` is in both sets; the committed set is a subset of the maximal one; one change at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kstore.errors import NotLeaderOrFollower
from kstore.named import NamedTuple

UNKNOWN = -1
NO_BROKER_EPOCH = -1
NEVER_FETCHED = -2
NOT_ELIGIBLE = -2


class RemoteReplica:
    """One other replica, as the leader sees it."""

    __slots__ = ("broker_epoch", "caught_up_ms", "end_offset", "fetched_ms", "leader_end_seen", "node", "start_offset")

    def __init__(self, node: int, caught_up_ms: int) -> None:
        self.node = node
        self.end_offset = UNKNOWN
        self.start_offset = UNKNOWN
        self.leader_end_seen = UNKNOWN
        self.fetched_ms = 0
        self.caught_up_ms = caught_up_ms
        self.broker_epoch = NEVER_FETCHED


class Proposal(NamedTuple):
    """A change of the in-sync set to request from the controller. ``epochs`` are broker epochs, -1 if unknown."""

    isr: tuple[int, ...]
    epochs: tuple[int, ...]
    leader_epoch: int
    partition_epoch: int
    joining: int | None
    leaving: tuple[int, ...]


class InSyncSet:
    """The followers of one partition in one leader epoch.

    ``broker_epoch_of(node)`` gives the epoch of a broker that may be in sync, and ``NOT_ELIGIBLE`` for one that is
    unknown, fenced or shutting down. ``needed``: how many replicas must be in sync (``min.insync.replicas``, or all
    where there are fewer); ``is_short``: too few are, to accept writes that all of them must have.
    """

    __slots__ = (
        "_broker_epoch_of",
        "committed",
        "epoch_start_offset",
        "followers",
        "is_short",
        "lag_max_ms",
        "leader_epoch",
        "maximal",
        "min_in_sync",
        "needed",
        "node",
        "partition_epoch",
        "pending",
        "replicas",
    )

    def __init__(
        self,
        node: int,
        *,
        leader_epoch: int,
        partition_epoch: int,
        epoch_start_offset: int,
        replicas: Iterable[int],
        isr: Iterable[int],
        min_in_sync: int,
        lag_max_ms: int,
        now_ms: int,
        broker_epoch_of: Callable[[int], int],
    ) -> None:
        self.node = node
        self.leader_epoch = leader_epoch
        self.partition_epoch = partition_epoch
        self.epoch_start_offset = epoch_start_offset
        self.min_in_sync = min_in_sync
        self.lag_max_ms = lag_max_ms
        self._broker_epoch_of = broker_epoch_of
        self.needed = min_in_sync
        self.is_short = False
        self.pending: Proposal | None = None
        self.followers: dict[int, RemoteReplica] = {}
        self.replicas: tuple[int, ...] = ()
        self.committed: tuple[int, ...] = ()
        self.maximal: tuple[int, ...] = ()
        self._take(replicas, isr, now_ms)

    def _take(self, replicas: Iterable[int], isr: Iterable[int], now_ms: int) -> None:
        self.replicas = tuple(replicas)
        self.committed = self.maximal = tuple(isr)
        self.pending = None
        known = self.followers
        self.followers = {
            node: known.get(node) or RemoteReplica(node, now_ms if node in self.committed else 0)
            for node in self.replicas
            if node != self.node
        }
        self._count()

    def confirmed(self, replicas: Iterable[int], isr: Iterable[int], partition_epoch: int, now_ms: int) -> bool:
        """Take the partition's state of the metadata log, in the same leader epoch. False if it is outdated."""
        if partition_epoch < self.partition_epoch:
            return False
        if partition_epoch == self.partition_epoch and self.pending is not None:
            return False
        self.partition_epoch = partition_epoch
        self._take(replicas, isr, now_ms)
        return True

    def appended(self, old_end: int, now_ms: int) -> None:
        """Note that the log is about to grow past ``old_end``: followers that had all of it were caught up until now.

        An idle follower's fetch waits silently, so this moment stands for all the fetches in between.
        """
        for follower in self.followers.values():
            if follower.end_offset >= old_end:
                follower.caught_up_ms = now_ms
                follower.fetched_ms = now_ms
                follower.leader_end_seen = old_end

    def fetched(
        self, node: int, offset: int, start_offset: int, leader_end: int, now_ms: int, broker_epoch: int
    ) -> RemoteReplica:
        """Note a follower's fetch from ``offset``. Raises NotLeaderOrFollower for an older incarnation of
        its broker.
        """
        follower = self.followers[node]
        if broker_epoch != NO_BROKER_EPOCH and broker_epoch < self._broker_epoch_of(node):
            raise NotLeaderOrFollower(f"broker {node} fetched with the stale broker epoch {broker_epoch}")
        if offset >= leader_end:
            follower.caught_up_ms = now_ms
        elif offset >= follower.leader_end_seen and follower.fetched_ms > follower.caught_up_ms:
            follower.caught_up_ms = follower.fetched_ms
        follower.end_offset = offset
        follower.start_offset = start_offset
        if leader_end > follower.leader_end_seen:
            follower.leader_end_seen = leader_end
        follower.fetched_ms = now_ms
        follower.broker_epoch = broker_epoch
        return follower

    def require(self, min_in_sync: int) -> None:
        """Take a new ``min.insync.replicas``."""
        self.min_in_sync = min_in_sync
        self._count()

    def _count(self) -> None:
        """Count how many must be in sync, and whether too few are; the result is kept, as every append needs it."""
        self.needed = min(self.min_in_sync, len(self.followers) + 1)
        self.is_short = len(self.committed) < self.needed

    def high_watermark(self, leader_end: int, now_ms: int) -> int:
        """How far everything is committed, as this leader knows it; -1 if nothing may be committed now."""
        if self.is_short:
            return UNKNOWN
        least = leader_end
        maximal = self.maximal
        for node, follower in self.followers.items():
            end = follower.end_offset
            if end < least and (
                node in maximal or (self._is_caught_up(follower, leader_end, now_ms) and self._may_join(follower))
            ):
                least = end
        return least

    def grow(self, follower: RemoteReplica, high_watermark: int) -> Proposal | None:
        """Propose that a follower joins, if it may."""
        if (
            self.pending is not None
            or follower.node in self.committed
            or follower.end_offset < high_watermark
            or follower.end_offset < self.epoch_start_offset
            or not self._may_join(follower)
        ):
            return None
        isr = tuple(sorted((*self.committed, follower.node)))
        return self._propose(isr, follower.node, ())

    def grow_any(self, leader_end: int, high_watermark: int, now_ms: int) -> Proposal | None:
        """Propose a caught-up follower whose last fetch came while another change was pending."""
        for follower in self.followers.values():
            if follower.node not in self.committed and self._is_caught_up(follower, leader_end, now_ms):
                proposal = self.grow(follower, high_watermark)
                if proposal is not None:
                    return proposal
        return None

    def shrink(self, leader_end: int, now_ms: int) -> Proposal | None:
        """Propose to remove followers that haven't been caught up for too long."""
        if self.pending is not None:
            return None
        leaving = tuple(
            node
            for node in self.committed
            if node in self.followers and not self._is_caught_up(self.followers[node], leader_end, now_ms)
        )
        if not leaving:
            return None
        return self._propose(tuple(node for node in self.committed if node not in leaving), None, leaving)

    def _propose(self, isr: tuple[int, ...], joining: int | None, leaving: tuple[int, ...]) -> Proposal:
        assert self.pending is None, "one change at a time"
        epochs = tuple(max(NO_BROKER_EPOCH, self._fetched_epoch(node)) for node in isr)
        self.pending = Proposal(isr, epochs, self.leader_epoch, self.partition_epoch, joining, leaving)
        if joining is not None:
            self.maximal = isr
        return self.pending

    def _fetched_epoch(self, node: int) -> int:
        follower = self.followers.get(node)
        return self._broker_epoch_of(node) if follower is None else follower.broker_epoch

    def accepted(self, proposal: Proposal, isr: Iterable[int], leader_epoch: int, partition_epoch: int) -> bool:
        """Take the controller's new state. False if it is outdated."""
        if leader_epoch != self.leader_epoch or partition_epoch < self.partition_epoch:
            return False
        if proposal is not self.pending and partition_epoch == self.partition_epoch:
            return False
        self.partition_epoch = partition_epoch
        self.committed = self.maximal = tuple(isr)
        self.pending = None
        self._count()
        return True

    def refused(self, proposal: Proposal) -> bool:
        """Go back to the committed set, as the controller refused the change."""
        if proposal is not self.pending:
            return False
        self.maximal = self.committed
        self.pending = None
        return True

    def _is_caught_up(self, follower: RemoteReplica, leader_end: int, now_ms: int) -> bool:
        return follower.end_offset == leader_end or now_ms - follower.caught_up_ms <= self.lag_max_ms

    def _may_join(self, follower: RemoteReplica) -> bool:
        known = self._broker_epoch_of(follower.node)
        if known == NOT_ELIGIBLE or follower.broker_epoch == NEVER_FETCHED:
            return False
        return follower.broker_epoch in (NO_BROKER_EPOCH, known)

    def check(self) -> None:
        """Assert the invariants above."""
        committed, maximal, pending = set(self.committed), set(self.maximal), self.pending
        assert self.node in committed, "who leads is in sync"
        assert committed <= maximal, "all that are in sync count"
        assert maximal <= set(self.replicas), "only replicas are in sync"
        assert self.followers.keys() == set(self.replicas) - {self.node}, "the others are followed"
        assert self.needed == min(self.min_in_sync, len(self.followers) + 1), "as many are needed as there can be"
        assert self.is_short == (len(self.committed) < self.needed), "it is known whether too few are in sync"
        if pending is None:
            assert maximal == committed, "without a change under way there is one set"
        else:
            assert pending.leader_epoch == self.leader_epoch, "a change is asked for in this epoch"
            assert maximal == committed | ({pending.joining} if pending.joining is not None else set()), "one joins"
