"""Produced batches for topics that have a codec of their own, one of each codec for each other.

Run as a program it prints them for ``golden/JudgeBatches.java``, whose answers are checked in (Kafka 4.4.0)::

    python recompressed_batches.py | java -cp "$KAFKA_HOME/libs/*" golden/JudgeBatches.java > golden/recompressed.tsv
"""

from __future__ import annotations

from collections.abc import Iterator

from records.refused_batches import NOW, RECORDS, Case, batch

from kstore.codec import codec_name
from kstore.named import NamedTuple


class Recompressed(NamedTuple):
    """A case, and the codec of its topic."""

    case: Case
    target: int

    def line(self) -> str:
        return f"{self.case.line()}\t{self.target}"


def cases() -> Iterator[Recompressed]:
    for codec in range(5):
        for target in range(5):
            name = f"{codec_name(codec)} for {codec_name(target)}"
            for case in of_codec(name, codec):
                yield Recompressed(case, target)


def of_codec(name: str, codec: int) -> Iterator[Case]:
    plain = batch(compression=codec)
    yield Case(f"{name}: sound", plain.to_bytes())
    yield Case(f"{name}: log append time topic", plain.to_bytes(), timestamp_type=1)
    yield Case(f"{name}: max timestamp is a lie", batch(compression=codec, max_timestamp=12).to_bytes())
    yield Case(f"{name}: times count from earlier", batch(compression=codec, base_timestamp=NOW - 9000).to_bytes())
    yield Case(f"{name}: times count from later", batch(compression=codec, base_timestamp=NOW + 9000).to_bytes())
    own = {"producer_id": 5, "producer_epoch": 1, "base_sequence": 9, "compression": codec}
    yield Case(f"{name}: idempotent", batch(**own).to_bytes())
    yield Case(f"{name}: transactional", batch(is_transactional=True, **own).to_bytes())
    old = [record._replace(timestamp=-1) for record in RECORDS]
    yield Case(f"{name}: no timestamps", plain._replace(records=old).to_bytes())
    marked = batch(compression=codec, timestamp_type=1, max_timestamp=NOW + 1).to_bytes()
    yield Case(f"{name}: marked as log append time", marked)
    yield Case(f"{name}: marked, log append time topic", marked, timestamp_type=1)
    yield Case(f"{name}: no keys, compacted", plain.to_bytes(), compacted=True)
    yield Case(f"{name}: too old", plain.to_bytes(), before_max_ms=100)
    yield Case(f"{name}: checksum wrong", batch(compression=codec, crc=1).to_bytes())
    yield Case(f"{name}: a record missing", batch(compression=codec, record_count=5, last_offset_delta=4).to_bytes())


if __name__ == "__main__":
    for each in cases():
        print(each.line())
