"""``kstore log stats``: what logs hold in numbers, and how they grew."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from actors.cli.log.reading import LogReader, codec_of, logs_at
from actors.cli.log.timeline import BLOCKS, PLAIN, Timeline
from actors.cli.output import counted, moment, print_json
from actors.cli.progress import Progress
from kstore.errors import KafkaError
from kstore.log.offset_map import key_digest

if TYPE_CHECKING:
    import argparse

    from actors.cli.log.reading import FoundLog
    from kstore.records import RecordBatch

KEYS_MAX = 2_000_000
"""So many different keys are told apart in a log; their digests take about 150 MB."""
PLAIN_BYTES_MAX = 1 << 30


def stats(options: argparse.Namespace) -> int:
    """Run ``kstore log stats``. Returns 1 if something in the logs can't be read."""
    logs, is_wrong = logs_at(options.paths, read_all=options.all)
    out = sys.stdout  # the progress bar takes its place
    total = sum(each.size_bytes for each in logs)
    shown: list[dict[str, Any]] = []
    with Progress("reading", total, "bytes", shown=options.json or not out.isatty()) as progress:
        for number, log in enumerate(logs):
            found = LogStats(log, progress)
            is_wrong |= found.reader.is_wrong
            if options.json:
                shown.append(found.as_dict())
            else:
                out.write(("\n" if number else "") + found.as_text(out.encoding))
                out.flush()
            del found  # its keys take much memory
    if options.json:
        print_json({"logs": shown})
    return int(is_wrong)


class LogStats:
    """The numbers of one log. ``plain_bytes`` are those of the records without compression; ``keys`` is None where
    there are more than can be told apart.
    """

    def __init__(self, found_log: FoundLog, progress: Progress) -> None:
        self.found = found_log
        self.reader = LogReader(found_log)
        self.segments = len(self.reader.segments)
        self.first_offset = self.last_offset = -1
        self.batches = self.records = self.keyed = self.tombstones = self.size_bytes = self.stored_bytes = 0
        self.plain_bytes = self.control_batches = 0
        self.codecs: Counter[str] = Counter()
        self.keys: set[bytes] | None = set()
        self.sizes = Timeline()
        self.counts = Timeline()
        for _, found in self.reader.batches():
            self.add(found.batch)
            progress.advance(found.batch.size_bytes)

    def add(self, batch: RecordBatch) -> None:
        """Count a batch."""
        if self.first_offset < 0:
            self.first_offset = batch.base_offset
        self.last_offset = batch.last_offset
        self.batches += 1
        self.size_bytes += batch.size_bytes
        self.codecs[codec_of(batch)] += 1
        self.sizes.add(batch.max_timestamp, batch.size_bytes)
        self.counts.add(batch.max_timestamp, batch.count)
        if batch.is_control:
            self.control_batches += 1
            return
        self.records += batch.count
        try:
            self.plain_bytes += memoryview(batch.decompressed(PLAIN_BYTES_MAX)).nbytes
            self.stored_bytes += len(batch.payload)
            self.add_keys(batch)
        except KafkaError as error:
            self.reader.wrong(type(error)(f"the batch at offset {batch.base_offset}: {error}"))

    def add_keys(self, batch: RecordBatch) -> None:
        """Count keys and tombstones."""
        for record in batch.records():
            if record.key is None:
                continue
            self.keyed += 1
            self.tombstones += record.value is None
            if self.keys is not None:
                self.keys.add(key_digest(record.key))
                if len(self.keys) > KEYS_MAX:
                    self.keys = None

    @property
    def ratio(self) -> float | None:
        """How many bytes of records a byte on disk stands for."""
        return round(self.plain_bytes / self.stored_bytes, 3) if self.stored_bytes else None

    def as_dict(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "log": self.found.log.name,
            "path": self.found.path,
            "segments": self.segments,
            "size_bytes": self.size_bytes,
            "first_offset": self.first_offset,
            "last_offset": self.last_offset,
            "batches": self.batches,
            "control_batches": self.control_batches,
            "records": self.records,
            "records_bytes": self.plain_bytes,
            "compression_ratio": self.ratio,
            "codecs": dict(self.codecs),
            "keyed_records": self.keyed,
            "keys": None if self.keys is None else len(self.keys),
            "tombstones": self.tombstones,
            "first_time_ms": self.sizes.first_ms,
            "span_ms": self.sizes.span_ms,
            "bytes_over_time": self.sizes.amounts,
            "records_over_time": self.counts.amounts,
        }

    def as_text(self, encoding: str | None) -> str:
        """In lines for people, on a stream with this encoding."""
        if not self.batches:
            return f"{self.found.label}\n  empty\n"
        signs = BLOCKS if (encoding or "").lower().startswith("utf") else PLAIN
        control = f", {self.control_batches:,} of them control batches" if self.control_batches else ""
        ratio = f"; compressed {self.ratio:.2f}:1" if self.ratio and set(self.codecs) != {"none"} else ""
        rows = {
            "offsets": f"{self.first_offset} to {self.last_offset}",
            "records": f"{self.records:,} in {self.batches:,} batches{control}",
            "size": f"{self.size_bytes:,} bytes in {counted(self.segments, 'segment')}{ratio}",
            "codecs": ", ".join(f"{name} {count:,}" for name, count in self.codecs.most_common()),
            "keys": self.keys_as_text(),
            "time": f"from {moment(self.sizes.first_ms) or '-'}, each column: {self.sizes.span_ms / 1000:,g} s",
            "": f"{self.sizes.drawn(signs)}  bytes",
            " ": f"{self.counts.drawn(signs)}  records",
        }
        return "\n".join([self.found.label, *(f"  {name:8} {row}" for name, row in rows.items())]) + "\n"

    def keys_as_text(self) -> str:
        """The keys in words."""
        if not self.keyed:
            return "none"
        if self.keys is None:
            return f"over {KEYS_MAX:,}"
        each = f"{self.keyed / len(self.keys):.2f} records each"
        return f"{len(self.keys):,}, {each}, {self.tombstones:,} without a value"
