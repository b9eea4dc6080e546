"""What is done to a log until it crashes: scripts, and steps that are drawn."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from log.batching import NOW_MS, small_config
from log.compacted import SLOT_BYTES, keyed, marker
from log.crash_node import CrashNode, Entry, Ledger

from kstore.errors import KafkaStorageError
from kstore.fs import FileSystem
from kstore.log import AppendInfo, LogConfig, retention
from kstore.log.cleanable import cleanable
from kstore.log.cleaning import Cleaning
from kstore.log.offset_map import OffsetMap
from kstore.records import RecordBatch

STEP_MS = 20_000
PLAIN = (-1, 1, 2)
TRANSACTIONAL = (11, 12)

STEPS = {
    "append": 10,
    "replicate": 6,
    "transact": 6,
    "lead": 2,
    "truncate": 3,
    "delete": 2,
    "expire": 1,
    "empty": 0.3,
    "roll": 3,
    "tick": 2,
    "work": 4,
    "flush": 2,
    "checkpoint": 2,
    "compact": 0,
    "stop and start": 1,
    "kill and start": 1,
}
OF_COMPACTION = {
    "append": 10,
    "replicate": 4,
    "transact": 6,
    "lead": 1,
    "roll": 4,
    "work": 3,
    "flush": 1,
    "checkpoint": 2,
    "compact": 3,
    "stop and start": 1,
    "kill and start": 1,
}


class Workload:
    """One log, and a step at a time that is noted in the ledger before it is done."""

    def __init__(self, disk: FileSystem, random: Random, *, compacts: bool = False) -> None:
        self.random = random
        self.ledger = Ledger()
        self.ledger.compacts = compacts
        self.node = CrashNode(disk, self.drawn_config(compacts))
        self.epoch = self.newest_epoch = 0
        self.now_ms = NOW_MS
        self.weights = OF_COMPACTION if compacts else STEPS

    def drawn_config(self, compacts: bool) -> LogConfig:
        draw = self.random
        return small_config(
            segment_bytes=draw.choice((600, 1200, 5000)),
            index_interval_bytes=draw.choice((0, 150, 600)),
            flush_messages=draw.choice((1, 7, 1 << 60)),
            retention_bytes=-1 if compacts else draw.choice((-1, 2000)),
            compacted=compacts,
            hot_tail_bytes=0,
            delete_retention_ms=0,
        )

    def begin(self) -> None:
        """Open the log. A recovery point that isn't known yet lets a compacted one have gaps anywhere."""
        self.node.start()
        if self.ledger.compacts:
            for step in ("append", "flush", "checkpoint"):
                self.step(step)

    def drawn_step(self) -> str:
        (name,) = self.random.choices(list(self.weights), list(self.weights.values()))
        return name

    def step(self, name: str) -> None:
        """Do one of the steps, with whatever it draws."""
        self.now_ms += self.random.randint(0, STEP_MS)
        done: Callable[[], None] = getattr(self, name.replace(" ", "_"))
        done()
        self.ledger.promise(self.node.log.recovery_point)
        self.ledger.written = self.ledger.end

    def drawn_batch(self, producer: int, *, transactional: bool = False) -> RecordBatch:
        """A batch that continues what its producer has written."""
        draw, sequence, epoch = self.random, 0, 0
        known = self.node.log.producers.get(producer) if producer >= 0 else None
        if known is not None:
            epoch = known.epoch
            sequence = known.window[-1].last_sequence + 1 if known.window else 0
        pairs = [
            (b"k%d" % draw.randint(0, 5), None if draw.random() < 0.1 else draw.randbytes(draw.choice((3, 40, 120))))
            for _ in range(draw.randint(1, 3))
        ]
        timestamp = self.now_ms - draw.choice((0, 0, 5000))
        return keyed(
            *pairs,
            timestamp=timestamp,
            producer=producer,
            epoch=epoch,
            sequence=sequence,
            transactional=transactional,
        )

    def lead_with(self, *batches: RecordBatch, from_client: bool = True) -> None:
        """Append in one write, as the leader does."""
        offset = self.node.log.end_offset
        for batch in batches:
            self.note(batch.stamped(offset, self.epoch))
            offset += batch.last_offset_delta + 1
        answers = self.node.log.append_as_leader(
            [[each] for each in batches], self.epoch, self.now_ms, from_client=from_client
        )
        for answer in answers:
            if not isinstance(answer, AppendInfo):
                raise answer
            assert not answer.duplicate
        self.node.log.advance_high_watermark(self.node.log.end_offset)

    def note(self, stamped: RecordBatch) -> None:
        self.ledger.epochs.add((stamped.leader_epoch, stamped.base_offset))
        self.ledger.now.append(Entry.of(stamped))

    def append(self) -> None:
        producers = self.random.sample(PLAIN, self.random.randint(1, 3))
        self.lead_with(*(self.drawn_batch(each) for each in producers))

    def replicate(self) -> None:
        stamped = self.drawn_batch(self.random.choice(PLAIN)).stamped(self.node.log.end_offset, self.epoch)
        self.note(stamped)
        self.node.log.append_as_follower([stamped], self.now_ms)
        self.node.log.advance_high_watermark(self.node.log.end_offset)

    def transact(self) -> None:
        producer = self.random.choice(TRANSACTIONAL)
        known = self.node.log.producers.get(producer)
        if known is not None and known.transaction_first_offset >= 0 and self.random.random() < 0.5:
            ends = marker(producer, commits=self.random.random() < 0.5, epoch=known.epoch, timestamp=self.now_ms)
            self.lead_with(ends, from_client=False)
        else:
            self.lead_with(self.drawn_batch(producer, transactional=True))

    def lead(self) -> None:
        """A new leader epoch, mostly before there are records of it."""
        self.newest_epoch += 1
        self.epoch = self.newest_epoch
        if self.random.random() < 0.7:
            self.ledger.epochs.add((self.epoch, self.node.log.end_offset))
            self.node.log.assign_epoch(self.epoch, self.node.log.end_offset)

    def truncate(self) -> None:
        """What comes behind the cut differs from what was there in its epoch, as it does by the protocol."""
        log = self.node.log
        places = [each for each in self.ledger.now if each.first >= log.start_offset]
        if not places:
            return
        cut = self.random.choice(places[-6:])
        kept = [each for each in self.ledger.now if each.last < cut.first]
        self.node.lower_recovery_point(cut.first)
        self.ledger.cut(cut.first)
        log.truncate_to(cut.first)
        self.flush()
        if kept and kept[-1].epoch < cut.epoch and self.random.random() < 0.6:
            self.epoch = kept[-1].epoch
        else:
            self.newest_epoch += 1
            self.epoch = self.newest_epoch

    def delete(self) -> None:
        log = self.node.log
        log.advance_high_watermark(log.end_offset)
        offset = self.random.randint(log.start_offset, log.end_offset)
        self.ledger.start = offset
        log.advance_start_offset(offset)

    def expire(self) -> None:
        log = self.node.log
        if (found := retention.breached(log, self.now_ms)) is not None:
            self.ledger.start = found.new_start_offset
            log.expire(self.now_ms)

    def empty(self) -> None:
        """A follower begins anew, as its leader's log begins later."""
        log = self.node.log
        self.ledger.cut(0)
        offset = log.end_offset + self.random.randint(1, 30)
        self.ledger.start = offset
        log.truncate_fully_and_start_at(offset, self.now_ms)
        self.flush()
        self.newest_epoch += 1
        self.epoch = self.newest_epoch

    def roll(self) -> None:
        self.node.log.roll(self.now_ms)

    def tick(self) -> None:
        self.node.works += self.node.log.tick(self.now_ms)

    def work(self) -> None:
        self.node.work(self.random.randint(1, 3))

    def flush(self) -> None:
        self.node.flush()
        if self.node.log.failure is None:
            assert self.node.log.recovery_point == self.node.log.end_offset
            self.ledger.settled()

    def checkpoint(self) -> None:
        self.node.checkpoint(all_moves=True)

    def compact(self) -> None:
        log = self.node.log
        log.advance_high_watermark(log.end_offset)
        self.node.flush()
        self.node.checkpoint(all_moves=True)
        offsets = OffsetMap(101 * SLOT_BYTES, 1.0)
        cleaning = Cleaning(log, cleanable(log, None, self.now_ms), offsets, self.now_ms)
        while cleaning.step(self.now_ms):
            if self.random.random() < 0.1:
                self.append()
        if cleaning.failure is not None:
            raise KafkaStorageError(cleaning.failure)

    def stop_and_start(self) -> None:
        self.node.stop()
        self.node.start(self.now_ms)
        self.ledger.settled()

    def kill_and_start(self) -> None:
        self.node.die()
        self.node.start(self.now_ms)
