"""Checks coordinators: only one for a partition and epoch, and its state equals a replay of its log.

At once: only one node has a coordinator for a partition in an epoch. It is noted when one still has turns that was
replaced. At the end of a run, for every coordinator that has read its log: a replay of the committed part of that log
gives the offsets that the coordinator has, and the groups that it says are written, in the generation and with the
members of those that are settled; and no offset is lost whose commit was acknowledged to a member. For transactions the
replay gives what the coordinator knows of each transactional id that isn't busy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from actors.cluster import Cluster
from actors.coordinator.coordinator import Coordinator
from actors.coordinator.shard import Shard
from actors.groups.classic.group import ClassicGroup
from actors.groups.classic.states import GroupState
from actors.groups.consumer.group import ConsumerGroup
from actors.groups.consumer.member import LEAVING_FOR_NOW
from actors.groups.group_interface import Group
from actors.groups.offsets import OffsetKey
from actors.groups.records import CommittedOffset
from actors.groups.shard import GroupShard
from actors.groups.shard_factory import GroupShards
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from actors.partition.replica.replica import Replica
from actors.simulation.history import History
from actors.simulation.ledger import Violation
from actors.transactions.metadata import NO_EPOCH
from actors.transactions.shard import TransactionShard
from actors.transactions.shard_factory import TransactionShards
from kstore.log import Log
from kstore.named import NamedTuple
from kstore.records import read_end_transaction_marker

WRITTEN = ("epoch", "metadata_hash", "assignment_epoch", "members", "static_members", "targets", "owners", "regexes")
"""What the records of a consumer group say of it."""


class SeenGroup(NamedTuple):
    """A group at a coordinator's turn: its epoch, as that of "", and those of its members that aren't away."""

    kind: str
    has_members: bool
    epochs: dict[str, int]


class CoordinatorJudge:
    """Judges the coordinators of one cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.answering: dict[str, str] = {}  # partition and epoch of a coordinator: the node that has it
        self.groups: dict[str, dict[str, SeenGroup]] = {}  # by partition and id
        self.ended: Callable[[str], None] = lambda _: None  # is called with a group that is there no more
        self.newest: dict[str, int] = {}  # partition: the last epoch in which it has had a coordinator
        self.outdated_us: dict[str, int] = {}  # partition: when a coordinator of an earlier epoch last had a turn

    def look(self, coordinator: Coordinator) -> None:
        """Judge a turn of a coordinator."""
        if coordinator.loaded_shard is None or not coordinator.node.alive:
            return
        node = coordinator.node.name
        shard = coordinator.actor_urn.removeprefix(f"{node}/")  # groups/7@3: of partition 7, in epoch 3
        other = self.answering.setdefault(shard, node)
        if other != node:
            raise Violation("one coordinator a partition and epoch", f"{other} and {node} answer as {shard}")
        partition, epoch = shard.rsplit("@", 1)
        newest = self.newest[partition] = max(int(epoch), self.newest.get(partition, 0))
        if int(epoch) < newest:
            self.outdated_us[partition] = self.cluster.world.clock.now_us()
        elif isinstance(coordinator.loaded_shard, GroupShard):
            self.follow_groups(partition, coordinator.loaded_shard)

    def follow_groups(self, partition: str, shard: GroupShard) -> None:
        """Epochs of consumer groups and of their members only rise, also with another coordinator and where the group
        migrates. They begin anew when it is deleted, and when a group without members is replaced by one of the other
        kind, as in Kafka.
        """
        before = self.groups.get(partition, {})
        now = {group.group_id: seen(group) for group in shard.groups.values() if group.is_committed}
        for group_id, group in before.items():
            after = now.get(group_id)
            if after is None or (after.kind != group.kind and not group.has_members):
                self.ended(group_id)
            elif after.kind != group.kind or after.kind == ConsumerGroup.group_type:
                judge_epochs(group_id, group.epochs, after.epochs)
        self.groups[partition] = now

    def judge_all(self, history: History) -> None:
        """Judge what the coordinators of living nodes know, after everything has come to rest."""
        known: dict[tuple[str, int], int] = {}
        for label, transactions, log in self.loaded_transactions():
            judge_transactions(label, transactions, self.replayed_transactions(log))
        for label, shard, log in self.loaded():
            replayed = self.replayed(log)
            judge_offsets(label, shard, replayed)
            judge_groups(label, shard, replayed)
            known |= {(key.group_id, key.partition): found.offset for key, found in offsets_of(shard).items()}
        for group, partition in history.commits:
            offset = known.get((group, partition), -1)
            history.commit_found(group, partition, history.last_commit(group, partition), offset)
        if history.findings:
            raise Violation(*history.findings[0])

    def are_loaded(self) -> bool:
        """Whether each partition of an internal topic has a coordinator that has read its log."""
        ready = {label.rpartition(", ")[2] for label, shard, _ in self._loaded() if shard is not None}
        topics = self.cluster.image(self.cluster.voters[0]).topics
        there = {
            f"{name}-{number}"
            for name in (OFFSETS_TOPIC, TRANSACTIONS_TOPIC)
            if name in topics
            for number in topics[name].partitions
        }
        return ready >= there

    def loaded(self) -> Iterator[tuple[str, GroupShard, Log]]:
        """The shards of groups that are in use, each with its partition's log."""
        for label, shard, log in self._loaded():
            if isinstance(shard, GroupShard):
                yield label, shard, log

    def loaded_transactions(self) -> Iterator[tuple[str, TransactionShard, Log]]:
        """The shards of transactions that are in use, each with its partition's log."""
        for label, shard, log in self._loaded():
            if isinstance(shard, TransactionShard):
                yield label, shard, log

    def _loaded(self) -> Iterator[tuple[str, Shard | None, Log]]:
        for node in self.cluster.nodes.values():
            for key, ref in node.view.coordinators.items() if node.alive else ():
                shard = ref.actor_as(Coordinator).loaded_shard
                replica = node.view.replicas[key].actor_as(Replica)
                if replica.leader is not None:
                    yield f"{node.name}, {replica.label}", shard, replica.log

    def replayed(self, log: Log) -> GroupShard:
        """What a coordinator would know that has just read the committed part of a log."""
        node = next(iter(self.cluster.nodes.values()))
        shard = GroupShards(node).make(0)
        replay(shard, log)
        return shard

    def replayed_transactions(self, log: Log) -> TransactionShard:
        """As ``replayed``, of a coordinator of transactions."""
        node = next(iter(self.cluster.nodes.values()))
        shard = TransactionShards(node, None, lambda: None).make(0)
        replay(shard, log)
        return shard


def seen(group: Group) -> SeenGroup:
    """What there is to see of a group's epochs. A classic group has its generation, which may be given twice: a
    coordinator counts it before it is written.
    """
    has_members = group.member_count > 0
    if not isinstance(group, ConsumerGroup):
        assert isinstance(group, ClassicGroup)
        return SeenGroup(group.group_type, has_members, {"": group.generation_id})
    members = {each.member_id: each.epoch for each in group.members.values() if each.epoch != LEAVING_FOR_NOW}
    return SeenGroup(group.group_type, has_members, {"": group.epoch, **members})


def judge_epochs(group_id: str, before: dict[str, int], after: dict[str, int]) -> None:
    for whose, epoch in after.items():
        if epoch < before.get(whose, epoch):
            who = f"{whose} of {group_id}" if whose else group_id
            raise Violation("a member epoch never falls", f"that of {who} is {epoch} after {before[whose]}")


def replay(shard: Shard, log: Log) -> None:
    """Have a shard read the committed part of a log, as its coordinator does."""
    for batch in log.batches(log.start_offset, log.high_watermark):
        for record in batch.records():
            if batch.is_control:
                marker = read_end_transaction_marker(record)
                if marker is not None:
                    shard.transaction_ended(batch.producer_id, batch.producer_epoch, 0, is_committed=marker.is_commit)
            elif record.key is None:
                continue
            elif batch.is_transactional:
                shard.replay_in_transaction(batch.producer_id, record.key, record.value, 0)
            else:
                shard.replay(record.key, record.value, 0)


def judge_transactions(label: str, shard: TransactionShard, replayed: TransactionShard) -> None:
    """Compare what is known of each id, but for those with something under way, or a fence that is ahead of the log."""
    for transaction in shard.transactions.values():
        if transaction.pending is not None or transaction.has_failed_fence:
            continue
        name, ours = transaction.transactional_id, transaction.metadata
        theirs = replayed.transactions.get(name)
        if theirs is None or theirs.metadata != ours._replace(last_epoch=NO_EPOCH):
            _fail(label, f"{name} is {ours}, in its log {theirs and theirs.metadata}")


def offsets_of(shard: GroupShard) -> dict[OffsetKey, CommittedOffset]:
    """All that are committed, but for those still under way."""
    return {key: found for key in shard.offsets if (found := shard.offsets.get(key)) is not None}


def judge_offsets(label: str, shard: GroupShard, replayed: GroupShard) -> None:
    ours, theirs = offsets_of(shard), offsets_of(replayed)
    if ours != theirs:
        _fail(label, f"its offsets are {ours}, its log's {theirs}")


def judge_groups(label: str, shard: GroupShard, replayed: GroupShard) -> None:
    written = {group.group_id for group in shard.groups.values() if group.is_committed}
    if written != set(replayed.groups):
        _fail(label, f"it has the groups {sorted(written)}, its log {sorted(replayed.groups)}")
    for theirs in replayed.groups.values():
        ours = shard.groups[theirs.group_id]
        if isinstance(theirs, ConsumerGroup):
            judge_consumer_group(label, ours, theirs)
            continue
        assert isinstance(theirs, ClassicGroup)
        if not isinstance(ours, ClassicGroup):
            _fail(label, f"{ours.group_id} is a consumer group, in its log a classic one")
        if ours.generation_id < theirs.generation_id:
            _fail(label, f"{ours.group_id} is in generation {ours.generation_id}, in its log {theirs.generation_id}")
        if ours.state is GroupState.STABLE and (ours.generation_id, set(ours.members)) != (
            theirs.generation_id,
            set(theirs.members),
        ):
            _fail(label, f"{ours.group_id} has {sorted(ours.members)}, in its log {sorted(theirs.members)}")


def judge_consumer_group(label: str, ours: Group, theirs: ConsumerGroup) -> None:
    """A consumer group is what its records say, at every moment."""
    if not isinstance(ours, ConsumerGroup):
        _fail(label, f"{ours.group_id} is a classic group, in its log a consumer group")
    for name in WRITTEN:
        here, there = getattr(ours, name), getattr(theirs, name)
        if here != there:
            _fail(label, f"{ours.group_id} has {name} {here}, in its log {there}")


def _fail(label: str, detail: str) -> NoReturn:
    raise Violation("a coordinator knows what its log says", f"{label}: {detail}")
