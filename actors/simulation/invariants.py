"""Checks a running cluster's invariants after every turn, by the state of the actor that had it.

It sees inside the actors, as nobody else may. A turn of a replica is judged by its log, role and high watermark, a turn
of a fetcher by those of the replicas that take what it brings; a turn of the controller by the elections and in-sync
sets that it decided on. What costs more (producer states, byte-for-byte comparison) is judged when a log is opened and
at the end of a run.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Any

from actors.cluster import Cluster
from actors.controller.controller import Controller
from actors.coordinator.coordinator import Coordinator
from actors.image.image import ClusterImage
from actors.partition.follower.follower import Follower
from actors.partition.follower.replica_fetcher import ReplicaFetcher
from actors.partition.replica.replica import Replica
from actors.simulation.batch_entry import BatchEntry, entry_of
from actors.simulation.committed_records import CommittedRecord, Contents
from actors.simulation.coordinator_judge import CoordinatorJudge
from actors.simulation.history import History
from actors.simulation.ledger import Book, KnownProducers, Retention, Violation
from actors.simulation.producer_judge import judge_producers
from actors.simulation.shadow import Shadow
from kstore.log import Log


class Judge:
    """Judges one cluster. ``look`` is to be called after every turn."""

    def __init__(self, cluster: Cluster, history: History) -> None:
        self.cluster = cluster
        self.queue = cluster.world.queue
        self.history = history
        self.coordinators = CoordinatorJudge(cluster)
        self.books: dict[str, Book] = {}
        self.producers = KnownProducers()
        self.image = ClusterImage()
        self.cleanings = 0
        self.turns = 0
        self.judged = 0
        self.failovers = 0
        self.isr_shrinks = 0
        self.isr_growths = 0

    def look(self) -> None:
        """Judge the turn that has just been."""
        self.turns += 1
        if self.history.findings:
            raise Violation(*self.history.findings[0])
        ran = self.queue.ran
        assert ran is not None, "there has been a turn"
        kind = type(ran.actor)
        if kind is Replica:
            self.judge_replica(ran.actor)
        elif kind is ReplicaFetcher:
            self.judge_followers(ran.actor)
        elif kind is Controller:
            self.judge_controller(ran.actor)
        elif kind is Coordinator:
            self.coordinators.look(ran.actor)

    def book(self, label: str) -> Book:
        """The ledger of a partition."""
        found = self.books.get(label)
        if found is None:
            found = self.books[label] = Book(label, self.producers)
        return found

    def contents(self, *topics: str, aborted: bool = False) -> dict[tuple[str, int], Contents]:
        """What was committed in the partitions of some topics, and what must be there still."""
        return {
            (name, number): self.book(f"{name}-{number}").records.contents(aborted=aborted)
            for name in topics
            for number in self.image.topics[name].partitions
        }

    def judge_followers(self, fetcher: ReplicaFetcher) -> None:
        """Check the replicas that follow by a fetcher, as they take what it brings in its turns."""
        for followed in fetcher.session.followed.values():
            follower: Follower = followed.follower
            if follower.replica.follower is follower:
                self.judge_replica(follower.replica)

    def judge_replica(self, replica: Replica) -> None:
        """Check a replica's log, and its leader, against the partition's ledger."""
        node = replica.node
        if not node.alive:
            return
        book = self.book(replica.label)
        shadow = book.shadow(node.node_id)
        if replica.has_log and shadow.incarnation == node.name:
            shadow.floor = replica.log.truncation.under_way
        if replica.offline is not None:
            return
        log = replica.log
        leader = replica.leader
        has_cleaned = log.config.compacted and self.has_cleaned()
        if (
            shadow.incarnation == node.name
            and shadow.log is log
            and not has_cleaned
            and shadow.start_offset == log.start_offset
            and shadow.end_offset == log.end_offset
            and shadow.high_watermark == log.high_watermark
            and (leader is None or book.leaders.get(replica.leader_epoch) == node.name)
        ):
            return
        self.judged += 1
        book.records.compacts = log.config.compacted
        book.tombstones_until_ms = replica.now_ms() - log.config.delete_retention_ms
        self.follow_log(book, shadow, replica, has_cleaned=has_cleaned)
        if log.start_offset != shadow.start_offset:
            book.starts(node.node_id, log.start_offset, retention_of(log, replica.now_ms()))
        self.judge_offsets(replica)
        self.judge_stable(replica, shadow)
        if leader is not None:
            book.leads(node.name, replica.leader_epoch)
            in_sync = leader.in_sync
            if node.node_id not in in_sync.committed or node.node_id not in in_sync.maximal:
                raise Violation(
                    "the leader is in the in-sync set", f"{replica.label}: {node.name}, {in_sync.committed}"
                )
        if log.high_watermark > shadow.high_watermark:
            if leader is not None:
                if leader.in_sync.is_short:
                    raise Violation(
                        "nothing is committed by fewer than min.insync.replicas",
                        f"{replica.label}: {node.name} at {log.high_watermark} with {leader.in_sync.committed}",
                    )
                book.commits(node.node_id, log.high_watermark, self.in_sync(replica))
            else:
                book.believes(node.node_id, log.high_watermark)
        shadow.high_watermark = log.high_watermark

    def loses_power(self, node_id: int) -> None:
        """Note how much of each log is durable at a node that is about to lose its power; one that has died already
        had some of it.
        """
        node = self.cluster.nodes[node_id]
        for key, ref in node.view.replicas.items() if node.alive else ():
            replica = ref.actor_as(Replica)
            shadow = self.book(f"{key[0]}-{key[1]}").shadow(node.node_id)
            is_open = replica.has_log and replica.offline is None and shadow.incarnation == node.name
            shadow.durable_to = min(replica.log.recovery_point, shadow.end_offset) if is_open else 0
        for book in self.books.values():
            if node.node_id in book.shadows:
                book.shadows[node.node_id].has_lost_power = True

    def has_cleaned(self) -> bool:
        """Whether a log was compacted since the last time that this was asked."""
        before, self.cleanings = self.cleanings, self.cluster.world.recorder.count("LogCleaned")
        return self.cleanings != before

    def follow_log(self, book: Book, shadow: Shadow, replica: Replica, *, has_cleaned: bool) -> None:
        """Bring the shadow up to what the log is now."""
        node, log = replica.node, replica.log
        node_id = node.node_id
        if shadow.incarnation != node.name and shadow.has_lost_power:
            is_member = node_id in self.in_sync(replica)
            book.lost_power(node_id, node.name, entries_of(log, book), log.start_offset, is_member=is_member)
            judge_producers(log, replica.label)
        elif shadow.incarnation != node.name:
            found = entries_of(log, book)
            fresh = not shadow.incarnation
            known = [entry for entry in found if entry.last_offset < shadow.end_offset]
            book.recovered(node_id, node.name, known, log.start_offset)
            judge_producers(log, replica.label)
            if fresh:
                shadow.log = log
                book.appended(node_id, found)
                return
        else:
            if shadow.log is not log and log.end_offset < shadow.end_offset and node_id not in self.in_sync(replica):
                shadow.given_up(log.end_offset)
            if has_cleaned or (shadow.log is not log and log.config.compacted):
                found = entries_of(log, book)
                known = [entry for entry in found if entry.last_offset < shadow.end_offset]
                book.compacted(node_id, known, log.start_offset)
                judge_producers(log, replica.label)
        shadow.log = log
        if log.start_offset > shadow.end_offset and log.start_offset <= book.records.start:
            shadow.begins_anew(log.start_offset)
        if log.end_offset < shadow.end_offset:
            if log.end_offset < shadow.high_watermark:
                raise Violation(
                    "nothing below the high watermark is cut off",
                    f"{replica.label}: {node.name} from {shadow.end_offset} to {log.end_offset}, "
                    f"its high watermark was {shadow.high_watermark}",
                )
            book.truncated(node_id, log.end_offset)
        if log.end_offset > shadow.end_offset:
            self.follow_appends(book, shadow, replica)

    def follow_appends(self, book: Book, shadow: Shadow, replica: Replica) -> None:
        """Take what the log has at its end that the shadow doesn't have yet."""
        node, log = replica.node, replica.log
        batches = list(log.batches(shadow.end_offset, log.end_offset))
        if not shadow.entries and batches[0].base_offset < shadow.end_offset:  # it holds the first offset
            shadow.begins_anew(batches[0].base_offset)
        entries = [entry_of(batch, book.original(batch.base_offset, batch.leader_epoch)) for batch in batches]
        if replica.leader is not None:
            if any(entry.epoch != replica.leader_epoch for entry in entries):
                raise Violation("a leader appends in its epoch", f"{replica.label}: {node.name} appended {entries}")
            ends = [shadow.end_offset, *(entry.last_offset + 1 for entry in entries)]
            if any(entry.base_offset != end for entry, end in zip(entries, ends, strict=False)):
                raise Violation("a leader appends at its end", f"{replica.label}: {node.name} appended {entries}")
            for batch in batches:
                if not batch.is_control:
                    records = [CommittedRecord(each.offset, each.key, each.value) for each in batch.records()]
                    book.appended_records[batch.base_offset, batch.leader_epoch] = records
        book.appended(node.node_id, entries)

    def judge_offsets(self, replica: Replica) -> None:
        """Check that the offsets of a log are in their order."""
        log = replica.log
        offsets = (log.start_offset, log.last_stable_offset, log.high_watermark, log.end_offset)
        if any(left > right for left, right in pairwise(offsets)):
            raise Violation("start <= last stable <= high watermark <= end", f"{replica.label}: {offsets}")

    def judge_stable(self, replica: Replica, shadow: Shadow) -> None:
        """What is stable is of no open transaction, as far as the batches say, and only rises while a leader leads."""
        stable = replica.log.last_stable_offset
        oldest = max(min(shadow.began.values(), default=stable), replica.log.start_offset)
        if stable > oldest:
            raise Violation(
                "nothing of an open transaction is stable",
                f"{replica.label}: {replica.node.name} up to {stable}, one began at {oldest}",
            )
        if replica.leader is not None:
            epoch, known = shadow.stable
            if epoch == replica.leader_epoch and stable < known:
                raise Violation("what is stable only rises", f"{replica.label}: from {known} to {stable}")
            shadow.stable = (replica.leader_epoch, stable)

    def in_sync(self, replica: Replica) -> tuple[int, ...]:
        """The in-sync set of a replica's partition, as the controller has it."""
        return self.image.topics[replica.topic].partitions[replica.partition].isr

    def judge_controller(self, controller: Controller) -> None:
        """Check the leaders and in-sync sets that the controller has decided on since."""
        if not hasattr(controller, "machine") or controller.log is None:
            return
        before, image = self.image, controller.machine.image
        if image is before:
            return
        self.image = image
        if image.topics is before.topics:
            return
        for name, topic in image.topics.items():
            known = before.topics.get(name)
            if known is topic:
                continue
            for number, partition in topic.partitions.items():
                old = None if known is None else known.partitions.get(number)
                if partition is not old:
                    self.judge_partition(f"{name}-{number}", old, partition)

    def judge_partition(self, label: str, old: Any, new: Any) -> None:
        """A decision of the controller about one partition."""
        if new.leader >= 0 and new.leader not in new.isr:
            raise Violation("the leader is in the in-sync set", f"{label}: {new}")
        if not new.isr:
            raise Violation("an in-sync set is never empty", f"{label}: {new}")
        book = self.book(label)
        if old is None:
            return
        if new.leader_epoch < old.leader_epoch or new.partition_epoch < old.partition_epoch:
            raise Violation("epochs only rise", f"{label}: {new} after {old}")
        if new.leader != old.leader:
            if new.leader_epoch == old.leader_epoch:
                raise Violation("no two leaders in one epoch", f"{label}: {new} after {old}")
            if new.leader >= 0:
                self.failovers += 1
                book.holds_all(new.leader, "was elected")
        gone, come = set(old.isr) - set(new.isr), set(new.isr) - set(old.isr)
        self.isr_shrinks += bool(gone)
        self.isr_growths += bool(come)
        for node_id in sorted(come):
            book.holds_all(node_id, "joined the in-sync set")

    def replicas(self) -> dict[str, list[Replica]]:
        """All replicas of living nodes, by partition."""
        found: dict[str, list[Replica]] = {}
        for node in self.cluster.nodes.values():
            if node.alive:
                for ref in node.view.replicas.values():
                    replica = ref.actor_as(Replica)
                    found.setdefault(replica.label, []).append(replica)
        return found

    def owed(self) -> list[str]:
        """The leaders that still owe answers to appends: no inbox holds a message while virtual time passes."""
        return [
            f"{replica.node.name} for {replica.label}"
            for replicas in self.replicas().values()
            for replica in replicas
            if replica.leader is not None and replica.leader.appends
        ]

    def is_all_replicated(self) -> bool:
        """Whether all replicas of every partition end at one offset, and know that it is committed."""
        ends = [{(each.log.end_offset, each.log.high_watermark) for each in some} for some in self.replicas().values()]
        return all(len(each) == 1 and min(each)[0] == min(each)[1] for each in ends)

    def end_offsets(self, *topics: str) -> dict[tuple[str, int], int]:
        """Where the leaders' logs of some topics end."""
        return {
            (replica.topic, replica.partition): replica.log.end_offset
            for replicas in self.replicas().values()
            for replica in replicas
            if replica.leader is not None and replica.topic in topics
        }

    def is_all_stable(self, topic: str | None = None) -> bool:
        """Whether no transaction holds a leader's last stable offset below its high watermark, in a topic or in all."""
        return all(
            replica.log.last_stable_offset == replica.log.high_watermark
            for replicas in self.replicas().values()
            for replica in replicas
            if replica.leader is not None and topic in (None, replica.topic)
        )

    def judge_everything(self) -> None:
        """All replicas, byte for byte, after everything has come to rest; compacted ones by what they must have."""
        for label, replicas in self.replicas().items():
            contents = set()
            start_offset = max(replica.log.start_offset for replica in replicas)
            for replica in replicas:
                self.judge_replica(replica)
                log = replica.log
                judge_producers(log, label)
                if log.config.compacted:
                    self.book(label).compacted(
                        replica.node.node_id, entries_of(log, self.book(label)), log.start_offset
                    )
                else:
                    contents.add(b"".join(batch.to_bytes() for batch in log.batches(start_offset, log.end_offset)))
            if len(contents) > 1:
                raise Violation("the same bytes on every replica", f"{label}: {sorted(map(len, contents))} bytes")
        self.coordinators.judge_all(self.history)


def entries_of(log: Log, book: Book) -> list[BatchEntry]:
    """The entries of all batches of a log."""
    return [
        entry_of(batch, book.original(batch.base_offset, batch.leader_epoch))
        for batch in log.batches(log.start_offset, log.end_offset)
    ]


def retention_of(log: Log, now_ms: int) -> Retention:
    """What a log's settings let go now. Size only says that some segment has: what is left is large enough."""
    config = log.config
    if not config.deletes:
        return Retention(-inf, False)
    oldest_ms = now_ms - config.retention_ms if config.retention_ms >= 0 else -inf
    return Retention(oldest_ms, 0 <= config.retention_bytes <= log.size_bytes)
