"""The loop of ``kstore consume``: reads partitions from start to end, prints, and commits what was printed.

Alone, every partition is put where it is to begin, and, with ``-e``, ends where it ended then. In a group, partitions
come and go; each ends where it ended when it came. A partition that is done is paused, so that nothing more of it is
fetched. Offsets are committed after the bytes were written, once a second, when partitions go, and at the end.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Collection, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from actors.cli.for_each import unknown
from actors.cli.idle_notice import IdleNotice
from actors.cli.output import RecordOutput
from actors.cli.positions import Span, Start
from actors.cli.progress import Progress
from actors.clients.structs import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from kstore.errors import KafkaError, UnknownTopicOrPartition

if TYPE_CHECKING:
    from actors.cli.formats import Printer
    from actors.cli.stopping import Stopping
    from actors.clients.consumer.consumer import Consumer
    from actors.clients.consumer.records import ConsumerRecord

POLL_MS = 250
COMMIT_EVERY_S = 1.0


class Reading(ConsumerRebalanceListener):
    """One run of the verb."""

    def __init__(
        self,
        consumer: Consumer,
        options: argparse.Namespace,
        wanted: Span,
        printer: Printer,
        output: RecordOutput,
    ) -> None:
        self.consumer = consumer
        self.options = options
        self.wanted = wanted
        self.printer = printer
        self.output = output
        self.printed = 0
        self.ends: dict[TopicPartition, int] = {}
        self.open: set[TopicPartition] = set()
        self.uncommitted: dict[TopicPartition, OffsetAndMetadata] = {}
        self.committed_at = time.monotonic()
        self.waiting = IdleNotice(consumer, options, wanted)

    def run(self, stopping: Stopping) -> int:
        """Read and print. Returns 0, also if the output is closed."""
        try:
            self._begin()
            with Progress("read", self._total(), shown=self._is_long()) as progress:
                while not (stopping.asked or self._is_over()):
                    self._step(progress)
        finally:
            self._commit()
        return 0

    def _begin(self) -> None:
        topics: list[str] = self.options.topics
        if self.options.group is None:
            self._assign([partition for topic in dict.fromkeys(topics) for partition in self._partitions(topic)])
        elif any(name.startswith("^") for name in topics):
            pattern = "|".join(f"(?:{name}).*" if name.startswith("^") else re.escape(name) for name in topics)
            self.consumer.subscribe(pattern=pattern, listener=self)
        else:
            self._check_topics(topics)
            self.consumer.subscribe(topics, listener=self)

    def _check_topics(self, topics: list[str]) -> None:
        """Print a hint if a topic doesn't exist: a group may wait for it, but its name may be mistyped."""
        for topic in topics:
            if self.consumer.partitions_for_topic(topic) is None:
                missing = unknown(UnknownTopicOrPartition, "topic", topic, self.consumer.topics())
                if self.options.to_end:
                    raise missing
                self.waiting.missing.add(topic)
                print(f"kstore: {missing}; waiting until there is", file=sys.stderr)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        there = self.consumer.partitions_for_topic(topic)
        if there is None:
            raise unknown(UnknownTopicOrPartition, "topic", topic, self.consumer.topics())
        chosen = sorted(there) if self.options.partitions is None else self.options.partitions
        if missing := [str(number) for number in chosen if number not in there]:
            raise UnknownTopicOrPartition(f"topic {topic} has no partition {', '.join(missing)}, but {len(there)}")
        return [TopicPartition(topic, number) for number in chosen]

    def _assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.consumer.assign(partitions)
        ends = self.consumer.end_offsets(partitions)
        for partition, start in self._starts(partitions, ends).items():
            self.consumer.seek(partition, start)
            self._open(partition, start, ends[partition])

    def _starts(
        self, partitions: Sequence[TopicPartition], ends: dict[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        if self.wanted.start is Start.TIME:
            found = self.consumer.offsets_for_times(dict.fromkeys(partitions, self.wanted.number))
            return {partition: ends[partition] if at is None else at.offset for partition, at in found.items()}
        beginnings = self.consumer.beginning_offsets(partitions)
        if self.wanted.start is None:
            return beginnings
        return {partition: self.wanted.of(beginnings[partition], ends[partition]) for partition in partitions}

    def _open(self, partition: TopicPartition, start: int, end: int) -> None:
        if not self.options.to_end:
            self.open.add(partition)
        elif start < end:
            self.ends[partition] = end
            self.open.add(partition)
        else:
            self.consumer.pause(partition)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Start to read assigned partitions; with ``-e``, up to their current ends."""
        self.waiting.joined = True
        self.waiting.missing.difference_update(partition.topic for partition in assigned)
        self.open.update(assigned)
        if self.options.to_end:
            self.ends.update(self.consumer.end_offsets(assigned))

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Commit what was printed, so that other members go on after it."""
        self._commit()
        self.on_partitions_lost(revoked)

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        """Forget partitions that other members already have."""
        for partition in lost:
            self.open.discard(partition)
            self.ends.pop(partition, None)
            self.uncommitted.pop(partition, None)

    def _commit(self) -> None:
        self.committed_at = time.monotonic()
        if not self.uncommitted:
            return
        offsets, self.uncommitted = self.uncommitted, {}
        try:
            self.consumer.commit(offsets)
        except KafkaError as error:
            print(f"kstore: not committed, so it will be read again: {error}", file=sys.stderr)

    def _step(self, progress: Progress) -> None:
        batches = self.consumer.poll(timeout_ms=POLL_MS)
        for partition, records in batches.items():
            printed = self._print(partition, records)
            self.printed += printed
            progress.advance(printed)
            if self._is_over():
                return
        for partition in [each for each in self.ends if each in self.open]:
            if self.consumer.position(partition) >= self.ends[partition]:
                self._done(partition)  # what came last need not be a record, but a marker, or gone by compaction
        if not batches:
            self.output.check_reader()
            self.waiting.look(self.printed)
        if self.uncommitted and time.monotonic() - self.committed_at >= COMMIT_EVERY_S:
            self._commit()

    def _print(self, partition: TopicPartition, records: list[ConsumerRecord]) -> int:
        """Print what is wanted of one partition's records, which may end it; how many these were."""
        chosen = self._chosen(partition, records)
        if len(chosen) < len(records):
            self._done(partition)
        if self.options.count is not None:
            chosen = chosen[: self.options.count - self.printed]
        if not chosen:
            return 0
        self.output.write(map(self.printer, chosen))
        if self.options.group is not None:
            self.uncommitted[partition] = OffsetAndMetadata(chosen[-1].offset + 1)
        return len(chosen)

    def _chosen(self, partition: TopicPartition, records: list[ConsumerRecord]) -> list[ConsumerRecord]:
        end = self.ends.get(partition)
        if end is not None and records[-1].offset >= end:
            records = [record for record in records if record.offset < end]
        if self.wanted.end_ms is not None:
            end_ms = self.wanted.end_ms
            records = list(takewhile(lambda record: record.timestamp < end_ms, records))
        return records

    def _done(self, partition: TopicPartition) -> None:
        self.open.discard(partition)
        if partition in self.consumer.assignment():
            self.consumer.pause(partition)

    def _is_over(self) -> bool:
        if self.options.count is not None and self.printed >= self.options.count:
            return True
        ends = self.options.to_end or self.wanted.end_ms is not None
        return ends and not self.open and bool(self.consumer.assignment())

    def _total(self) -> int | None:
        """How many records there are to print, where that is known."""
        counts = [self.ends[each] - self.consumer.position(each) for each in self.open if each in self.ends]
        total = sum(counts) if self.options.to_end and counts else None
        return total if self.options.count is None else min(self.options.count, total or self.options.count)

    def _is_long(self) -> bool:
        return (self.options.to_end or self.options.count is not None) and not sys.stdout.isatty()
