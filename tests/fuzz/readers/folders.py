"""A log's folder of which one file is spoilt: it is opened, after a clean stop or not, and read from end to end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial

from fuzz.readers.batches import with_fitting_checksums
from fuzz.readers.files import KAFKA
from fuzz.readers.reader import Reader, unchanged

from kstore.errors import KafkaError
from kstore.fs import FileSlice, MemoryFileSystem
from kstore.log import Log, LogConfig
from kstore.log.offline import stored_log
from kstore.log.verify import verify

PATH = "golden-0"
NOW_MS = 1_700_000_400_000
CONFIG = LogConfig(
    index_interval_bytes=100, segment_ms=60_000, producer_id_expiration_ms=1 << 60, segment_bytes=1 << 20
)
NEWEST = ("00000000000000000060", "00000000000000000061", "00000000000000000066")
FILES = {
    f"{NEWEST[0]}.log": 8,
    f"{NEWEST[1]}.log": 8,
    f"{NEWEST[1]}.index": 2,
    f"{NEWEST[1]}.timeindex": 2,
    f"{NEWEST[1]}.txnindex": 2,
    f"{NEWEST[2]}.snapshot": 2,
    "leader-epoch-checkpoint": 2,
}
"""What is spoilt, and how often."""


@cache
def newest_files() -> dict[str, bytes]:
    """Of Kafka's folder the two newest segments, one with an aborted transaction."""
    return {
        path.name: path.read_bytes()
        for path in sorted((KAFKA / PATH).iterdir())
        if path.name.startswith(NEWEST) or path.name == "leader-epoch-checkpoint"
    }


def open_and_read(name: str, data: bytes) -> None:
    """A log that opens answers, or closes with an error that says why; it can be opened once more."""
    for clean in (False, True):
        fs = MemoryFileSystem()
        fs.mkdir(PATH)
        for other, content in newest_files().items():
            fs.replace(f"{PATH}/{other}", data if other == name else content)
        _look_at(fs)
        with suppress(KafkaError):
            _read(Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=clean))
        with suppress(KafkaError):
            Log.open(fs, PATH, CONFIG, now_ms=NOW_MS, clean=False).close()


def _look_at(fs: MemoryFileSystem) -> None:
    """As ``kstore log verify`` and ``dump`` do, without opening it."""
    verify(fs, PATH)
    for segment in stored_log(fs, PATH).segments:
        with suppress(KafkaError):
            for stored in segment.batches():
                repr(stored.batch)


def _read(log: Log) -> None:
    log.advance_high_watermark(log.end_offset)
    for read in (log.read, log.read_committed):
        offset = log.start_offset
        while offset < log.end_offset:
            part = read(offset, 1 << 20)
            for chunk in part.chunks:
                if isinstance(chunk, FileSlice):
                    chunk.read(0, chunk.nbytes)
            if part.next_offset <= offset:
                break
            offset = part.next_offset
    log.offset_for_timestamp(1_700_000_300_000)
    log.close()


def folder_readers() -> list[Reader]:
    files = newest_files()
    fits: dict[str, Callable[[bytes], bytes]] = {
        name: with_fitting_checksums for name in FILES if name.endswith(".log")
    }
    return [
        Reader(
            f"folder with {name}",
            partial(open_and_read, name),
            (files[name],),
            fits.get(name, unchanged),
            weight=weight,
            memory_bytes_max=2 << 20,
        )
        for name, weight in FILES.items()
    ]
