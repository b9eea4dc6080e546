"""``kstore log dump``: the batches and records of logs, one after the other.

As JSON each batch is a line:

    {"log": "orders-0", "path": "data/node-1/orders-0", "segment": "00000000000000000000.log", "position": 0,
     "base_offset": 0, "last_offset": 1, "count": 2, "size_bytes": 98, "leader_epoch": 0, "codec": "none",
     "timestamp_type": "create", "max_timestamp": 1700000000000, "producer_id": -1, "producer_epoch": -1,
     "base_sequence": -1, "transactional": false, "control": false, "delete_horizon_ms": null, "crc_valid": true,
     "records": [{"offset": 0, "timestamp": 1700000000000, "key": "order1", "value": "shipped", "headers": []}, ...]}

Keys, values and header values are as ``kstore consume --json`` has them. Those of internal topics are decoded
(``decoded.py``). A record of a control batch has ``control`` in the place of key and value. As text all of them are
quoted as in JSON, so that nothing of them acts on a terminal. Of a file beside the batches ``side_files.py`` prints the
entries.
"""

from __future__ import annotations

import json
import os
import sys
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from actors.cli.envelope import TIMESTAMP_TYPES, to_json
from actors.cli.log.decoded import decoder, of_control, plain
from actors.cli.log.reading import FoundLogs, LogReader, codec_of, logs_at
from actors.cli.log.side_files import holds_batches, print_entries, reader_of
from actors.cli.output import counted, moment
from kstore.errors import KafkaError

if TYPE_CHECKING:
    import argparse

    from actors.cli.log.decoded import Shown
    from kstore.log.offline import StoredBatch, StoredSegment
    from kstore.records import Record, RecordBatch

HORIZON_BIT = 1 << 6


def dump(options: argparse.Namespace) -> int:
    """Run ``kstore log dump``. Returns 1 if something in the logs can't be read."""
    files = {path for path in options.paths if os.path.isfile(path)}
    logs, is_wrong = FoundLogs([], False)
    if folders := [path for path in options.paths if path not in files]:
        logs, is_wrong = logs_at(folders, read_all=options.all)
    left = sys.maxsize if options.max_records is None else options.max_records
    for path in dict.fromkeys(options.paths):
        if path in files and not holds_batches(path):
            count, is_sound = print_entries(path, options.first, left, as_json=options.json)
            left, is_wrong = left - count, is_wrong or not is_sound
            continue
        readers = [LogReader(each, options.first) for each in logs if each.given == path]
        for reader in [reader_of(path, options.first, read_all=options.all)] if path in files else readers:
            left = Printer(reader, options).print_log(left)
            is_wrong |= reader.is_wrong
    return int(is_wrong)


class Printer:
    """Prints one log."""

    def __init__(self, reader: LogReader, options: argparse.Namespace) -> None:
        self.reader = reader
        self.name = reader.log.name
        self.path = reader.found.path
        self.with_records = not options.batches
        self.show = self.as_json if options.json else self.as_text
        self.decode = decoder(reader.log.topic)

    def print_log(self, left: int) -> int:
        """Print what is asked for, at most so many records; how many may still come."""
        for segment, found in self.reader.batches():
            if not left:
                break
            left -= self.print_batch(segment, found, left)
        return left

    def print_batch(self, segment: StoredSegment, found: StoredBatch, left: int) -> int:
        """Print one batch, with at most so many of its records; how many these are."""
        batch = found.batch
        records: list[Record] = []
        is_valid = False
        try:
            batch.verify_crc()
            is_valid = True
            records = [each for each in batch.records() if each.offset >= self.reader.first][:left]
        except KafkaError as error:
            self.reader.wrong(type(error)(f"the batch at offset {batch.base_offset}: {error}"))
        sys.stdout.write(self.show(segment, found.position, batch, records, is_valid))
        return len(records)

    def as_json(
        self, segment: StoredSegment, position: int, batch: RecordBatch, records: list[Record], is_valid: bool
    ) -> str:
        """A batch as a line of JSON."""
        shown: dict[str, Shown] = {
            "log": self.name,
            "path": self.path,
            "segment": segment.name,
            "position": position,
            "base_offset": batch.base_offset,
            "last_offset": batch.last_offset,
            "count": batch.count,
            "size_bytes": batch.size_bytes,
            "leader_epoch": batch.leader_epoch,
            "codec": codec_of(batch),
            "timestamp_type": TIMESTAMP_TYPES[batch.timestamp_type],
            "max_timestamp": batch.max_timestamp,
            "producer_id": batch.producer_id,
            "producer_epoch": batch.producer_epoch,
            "base_sequence": batch.base_sequence,
            "transactional": batch.is_transactional,
            "control": batch.is_control,
            "delete_horizon_ms": horizon(batch),
            "crc_valid": is_valid,
        }
        line = compact(shown)
        if self.with_records:
            lines = ",".join([self.record(batch.is_control, each) for each in records])
            line = f'{line[:-1]},"records":[{lines}]}}'
        return line + "\n"

    def record(self, is_control: bool, record: Record) -> str:
        """A record as JSON shows it. Most of the time of a dump goes by here."""
        if is_control:
            rest = f'"control":{compact(of_control(record))}'
        else:
            if self.decode is plain:
                key, value = quoted(record.key), quoted(record.value)
            else:
                key, value = map(compact, self.decode(record))
            headers = compact([[name, to_json(each)] for name, each in record.headers]) if record.headers else "[]"
            rest = f'"key":{key},"value":{value},"headers":{headers}'
        return f'{{"offset":{record.offset},"timestamp":{record.timestamp},{rest}}}'

    def as_text(
        self, segment: StoredSegment, position: int, batch: RecordBatch, records: list[Record], is_valid: bool
    ) -> str:
        """A batch in a line for people, and its records in lines below it."""
        parts = [counted(batch.count, "record"), f"{batch.size_bytes} bytes", f"epoch {batch.leader_epoch}"]
        if batch.compression:
            parts.append(codec_of(batch))
        if batch.producer_id >= 0:
            parts.append(f"producer {batch.producer_id}:{batch.producer_epoch} sequence {batch.base_sequence}")
        parts += [
            word for word, holds in (("transaction", batch.is_transactional), ("control", batch.is_control)) if holds
        ]
        if (until := horizon(batch)) is not None:
            parts.append(f"delete horizon {moment(until)}")
        if not is_valid:
            parts.append("WRONG CHECKSUM")
        place = f"{self.reader.label} {batch.base_offset}-{batch.last_offset}"
        lines = [f"{place}  {', '.join(parts)}  [{segment.name} at {position}]"]
        if self.with_records:
            lines += [self.line(batch, each) for each in records]
        return "\n".join(lines) + "\n"

    def line(self, batch: RecordBatch, record: Record) -> str:
        """A record in a line for people."""
        if batch.is_control:
            pieces = [readable(of_control(record))]
        else:
            pieces = [readable(piece) for piece in self.decode(record)]
            pieces += [f"{readable(name)}={readable(to_json(value))}" for name, value in record.headers]
        return "  ".join([f"    {record.offset}", moment(record.timestamp) or "-", *pieces])


def compact(value: Shown) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def readable(value: Shown) -> str:
    r"""JSON for people: what can't be printed is escaped, so that a terminal doesn't act on it.

    >>> print(readable("caf\u00e9\x1b[2J\x9b"), readable(""), readable(None), readable("null"))
    "café\u001b[2J\u009b" "" null "null"
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def quoted(data: bytes | None) -> str:
    """``to_json`` of bytes, as text."""
    if data is None:
        return "null"
    try:
        return encode_basestring_ascii(data.decode())
    except UnicodeDecodeError:
        return compact(to_json(data))


def horizon(batch: RecordBatch) -> int | None:
    """The delete horizon of a batch in ms since 1970, if it has one."""
    return batch.base_timestamp if batch.attributes & HORIZON_BIT else None
