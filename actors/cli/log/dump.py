"""``kstore log dump``: the batches and records of logs, one after the other.

As JSON each batch is a line:

    {"log": "orders-0", "segment": "00000000000000000000.log", "position": 0, "base_offset": 0, "last_offset": 1,
     "count": 2, "size_bytes": 98, "leader_epoch": 0, "codec": "none", "timestamp_type": "create",
     "max_timestamp": 1700000000000, "producer_id": -1, "producer_epoch": -1, "base_sequence": -1,
     "transactional": false, "control": false, "delete_horizon_ms": null, "crc_valid": true,
     "records": [{"offset": 0, "timestamp": 1700000000000, "key": "order1", "value": "shipped", "headers": []}, ...]}

Keys, values and header values are as ``kstore consume --json`` has them. Those of internal topics are decoded
(``decoded.py``). A record of a control batch has ``control`` in the place of key and value.
"""

from __future__ import annotations

import json
import sys
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from actors.cli.envelope import TIMESTAMP_TYPES, to_json
from actors.cli.log.decoded import decoder, of_control, plain
from actors.cli.log.reading import LogReader, codec_of, logs_at
from actors.cli.output import counted, moment
from kstore.errors import CorruptMessage, InvalidRecord

if TYPE_CHECKING:
    import argparse

    from actors.cli.log.decoded import Shown
    from kstore.log.offline import StoredBatch, StoredLog, StoredSegment
    from kstore.records import Record, RecordBatch

HORIZON_BIT = 1 << 6


def dump(options: argparse.Namespace) -> int:
    """Run ``kstore log dump``. Returns 1 if something in the logs can't be read."""
    left = sys.maxsize if options.max_records is None else options.max_records
    code = 0
    for log in logs_at(options.paths, read_all=options.all):
        printer = Printer(log, options)
        left = printer.print_log(left)
        code = max(code, int(printer.reader.is_wrong))
    return code


class Printer:
    """Prints one log."""

    def __init__(self, log: StoredLog, options: argparse.Namespace) -> None:
        self.reader = LogReader(log, options.first)
        self.name = log.name
        self.with_records = not options.batches
        self.show = self.as_json if options.json else self.as_text
        self.decode = decoder(log.topic)

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
        try:
            batch.verify_crc()
            is_valid = True
            records = [each for each in batch.records() if each.offset >= self.reader.first][:left]
        except (CorruptMessage, InvalidRecord) as error:
            is_valid = not isinstance(error, CorruptMessage)
            self.reader.wrong(type(error)(f"the batch at offset {batch.base_offset}: {error}"))
        sys.stdout.write(self.show(segment, found.position, batch, records, is_valid))
        return len(records)

    def as_json(
        self, segment: StoredSegment, position: int, batch: RecordBatch, records: list[Record], is_valid: bool
    ) -> str:
        """A batch as a line of JSON."""
        shown: dict[str, Shown] = {
            "log": self.name,
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
        place = f"{self.name} {batch.base_offset}-{batch.last_offset}"
        lines = [f"{place}  {', '.join(parts)}  [{segment.name} at {position}]"]
        if self.with_records:
            lines += [self.line(batch, each) for each in records]
        return "\n".join(lines) + "\n"

    def line(self, batch: RecordBatch, record: Record) -> str:
        """A record in a line for people."""
        if batch.is_control:
            pieces = [json.dumps(of_control(record))]
        else:
            pieces = [piece if isinstance(piece, str) else json.dumps(piece) for piece in self.decode(record)]
            pieces += [f"{name}={to_json(value)}" for name, value in record.headers]
        return "  ".join([f"    {record.offset}", moment(record.timestamp) or "-", *pieces])


def compact(value: Shown) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


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
