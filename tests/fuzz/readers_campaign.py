"""A campaign of bad input against every reader of files and messages, in a process whose memory is limited.

    python tests/fuzz/readers_campaign.py --cases 1000000 [--seed N] [--first N] [--keep FOLDER]

Each case is bytes that are cut, flipped or made up, for one reader: a record batch, an index, a snapshot, a checkpoint,
a message of a schema, a log's folder. The reader raises a typed error or reads something, and takes a bounded amount of
memory and time. Prints what came of the cases, and exits with 1 if one is a fault; ``--keep`` writes its bytes into a
folder, such as ``tests/fuzz/corpus``. To have a case again: ``cases(seed).case(number)``.

The process may take ``MEMORY_BYTES`` more than it has at the beginning; what goes beyond is refused by the system, so
it is an untyped error. On an AddressSanitizer build, which needs terabytes of addresses, there is no such limit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.readers.batches import batch_readers
from fuzz.readers.cases import Cases
from fuzz.readers.files import file_readers
from fuzz.readers.folders import folder_readers
from fuzz.readers.messages import message_readers, schema_readers
from fuzz.readers.reader import Reader
from fuzz.readers.trial import Fault, Trial

MEMORY_BYTES = 512 << 20
"""Of addresses: a zstd window of 128 MiB is set aside before a byte of it is used."""

RESIDENT_BYTES = 96 << 20
MEMORY_EVERY = 8
"""How often what a case takes is measured: it takes six times as long then."""

FAULTS_MAX = 20
PROGRESS_EVERY = 100_000


def readers() -> list[Reader]:
    """All but those of single messages."""
    return [*batch_readers(), *file_readers(), *folder_readers(), *message_readers()]


def cases(seed: int) -> Cases:
    return Cases(seed, readers(), schema_readers())


def is_sanitized() -> bool:
    return "asan" in os.environ.get("LD_PRELOAD", "")


def limit_memory(more_bytes: int) -> None:
    """Let this process take so many bytes of addresses more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def run(drawn: Cases, first: int, count: int, *, memory_every: int = MEMORY_EVERY) -> Trial:
    """Cases ``first`` to ``first + count``, or up to some faults."""
    with Trial(memory_every=memory_every) as trial:
        for number in range(first, first + count):
            trial.run(number, drawn.case(number))
            if len(trial.faults) >= FAULTS_MAX:
                break
            if (number + 1 - first) % PROGRESS_EVERY == 0:
                print(f"{number + 1 - first} cases", file=sys.stderr, flush=True)
    return trial


def keep(folder: Path, faults: Iterable[Fault]) -> None:
    """Write the bytes of faults into files that are named for them, in a folder for each reader."""
    for fault in faults:
        name = hashlib.sha256(fault.data).hexdigest()[:12]
        path = folder / fault.reader.replace(" ", "-") / f"{name}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fault.data)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="write the bytes of faults into this folder")
    options = parser.parse_args()
    drawn = cases(options.seed)
    if sys.platform == "linux" and not is_sanitized():
        limit_memory(MEMORY_BYTES)
    at_first_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    trial = run(drawn, options.first, options.cases)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - at_first_kib) / 1024
    print(
        json.dumps(
            {
                "cases": sum(trial.seen.values()),
                "seconds": round(time.monotonic() - begun, 1),
                "of cuts and flips": drawn.systematic,
                "slowest ms": round(trial.slowest_s * 1000),
                "largest KiB": trial.largest_bytes >> 10,
                "resident MiB more": round(grown_mib, 1),
                "seen": dict(sorted(trial.seen.items())),
                "faults": [str(fault) for fault in trial.faults],
            },
            indent=2,
        )
    )
    if options.keep is not None:
        keep(options.keep, trial.faults)
    return 1 if trial.faults or (not is_sanitized() and grown_mib > RESIDENT_BYTES >> 20) else 0


if __name__ == "__main__":
    sys.exit(main())
