"""``kstore log verify``: whether the files of logs are as they were written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from actors.cli.log.reading import logs_at
from actors.cli.output import counted, print_json
from actors.cli.progress import Progress
from kstore.log.verify import LogCheck

if TYPE_CHECKING:
    import argparse

    from kstore.log.answers import Wrong
    from kstore.log.offline import StoredLog


def verify(options: argparse.Namespace) -> int:
    """Run ``kstore log verify``. Returns 1 if something is wrong."""
    from concurrent.futures import ThreadPoolExecutor

    logs = logs_at(options.paths, read_all=options.all)
    sizes = [sum(segment.size_bytes for segment in log.segments) for log in logs]
    with Progress("verifying", sum(sizes), "bytes") as progress, ThreadPoolExecutor(os.cpu_count()) as threads:
        wrong: list[tuple[StoredLog, Wrong]] = []
        for log, found in zip(logs, threads.map(lambda log: checked(log, progress), logs), strict=True):
            wrong += [(log, each) for each in found]
    if options.json:
        shown = [as_dict(log, each) for log, each in wrong]
        print_json({"logs": len(logs), "size_bytes": sum(sizes), "wrong": shown})
    else:
        for log, each in wrong:
            sys.stdout.write(as_text(log, each) + "\n")
        told = f"{counted(len(wrong), 'range')} wrong" if wrong else "all sound"
        sys.stdout.write(f"{counted(len(logs), 'log')}, {sum(sizes):,} bytes: {told}\n")
    return 1 if wrong else 0


def checked(log: StoredLog, progress: Progress) -> list[Wrong]:
    """What is wrong in a log, as far as it is read."""
    check, before = LogCheck(log.fs, log.path), 0
    while check.step():
        progress.advance(check.read_bytes - before)
        before = check.read_bytes
    return [each for each in check.wrong if log.up_to is None or each.offset < log.up_to]


def as_dict(log: StoredLog, wrong: Wrong) -> dict[str, Any]:
    """As JSON shows it."""
    return {
        "log": log.name,
        "file": wrong.path,
        "start": wrong.start,
        "end": wrong.end,
        "offset": wrong.offset,
        "reason": wrong.reason,
    }


def as_text(log: StoredLog, wrong: Wrong) -> str:
    """In a line for people."""
    offset = f", from offset {wrong.offset} on" if wrong.offset >= 0 else ""
    return f"{wrong.path}: bytes {wrong.start} to {wrong.end}{offset}: {wrong.reason}"
