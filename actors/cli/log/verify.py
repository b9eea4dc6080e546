"""``kstore log verify``: whether the files of logs are as they were written."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from actors.cli.log.reading import logs_at
from actors.cli.output import counted, print_json
from actors.cli.progress import Progress
from kstore.log.answers import Wrong
from kstore.log.names import LOG, SEGMENT_SUFFIXES, base_offset_of, segment_file
from kstore.log.offline import is_gone
from kstore.log.verify import LogCheck

if TYPE_CHECKING:
    import argparse

    from actors.cli.log.reading import FoundLog
    from kstore.fs import FileSystem
    from kstore.log.offline import StoredLog


def verify(options: argparse.Namespace) -> int:
    """Run ``kstore log verify``. Returns 1 if something is wrong."""
    from concurrent.futures import ThreadPoolExecutor

    logs, is_wrong = logs_at(options.paths, read_all=options.all)
    sizes = [each.size_bytes for each in logs]
    with Progress("verifying", sum(sizes), "bytes") as progress, ThreadPoolExecutor(os.cpu_count()) as threads:
        wrong: list[tuple[FoundLog, Wrong]] = []
        for log, found in zip(logs, threads.map(lambda each: checked(each.log, progress), logs), strict=True):
            wrong += [(log, each) for each in found]
    if options.json:
        shown = [as_dict(log, each) for log, each in wrong]
        print_json({"logs": len(logs), "size_bytes": sum(sizes), "wrong": shown})
    else:
        for _, each in wrong:
            sys.stdout.write(as_text(each) + "\n")
        told = f"{counted(len(wrong), 'range')} wrong" if wrong else "all sound"
        sys.stdout.write(f"{counted(len(logs), 'log')}, {sum(sizes):,} bytes: {told}\n")
    return 1 if wrong or is_wrong else 0


def checked(log: StoredLog, progress: Progress) -> list[Wrong]:
    """What is wrong in a log, as far as it is read; a file that can't be read is as well."""
    check, before = LogCheck(log.fs, log.path), 0
    wrong: list[Wrong] = []
    while True:
        try:
            if not check.step():
                break
        except OSError as error:
            left = check.leave_segment()
            path = f"{log.path}/{os.path.basename(error.filename)}" if left and error.filename else left or log.path
            what = "it" if error.filename or not left else "it or an index of it"
            wrong.append(Wrong(path, 0, 0, -1, f"{what} can't be read: {error.strerror or error}"))
            if left is None:
                break
        progress.advance(check.read_bytes - before)
        before = check.read_bytes
    wrong += check.wrong
    if log.up_to is not None and check.sound_up_to >= log.up_to:
        wrong = [each for each in wrong if each.path != check.last_file]  # it may just be written
    return [each for each in wrong if not was_removed(log.fs, log.path, each.path)]


def was_removed(fs: FileSystem, folder: str, path: str) -> bool:
    """Whether a file is of a segment that was removed since the check began; or the log's folder was."""
    name = path.rpartition("/")[2]
    if path == folder:
        return is_gone(fs, folder)
    if not name.endswith(SEGMENT_SUFFIXES) or base_offset_of(name) < 0:
        return False
    return is_gone(fs, f"{folder}/{segment_file(base_offset_of(name), LOG)}")


def as_dict(log: FoundLog, wrong: Wrong) -> dict[str, Any]:
    """As JSON shows it."""
    return {
        "log": log.log.name,
        "path": log.path,
        "file": wrong.path,
        "start": wrong.start,
        "end": wrong.end,
        "offset": wrong.offset,
        "reason": wrong.reason,
    }


def as_text(wrong: Wrong) -> str:
    """In a line for people."""
    offset = f", from offset {wrong.offset} on" if wrong.offset >= 0 else ""
    return f"{wrong.path}: bytes {wrong.start} to {wrong.end}{offset}: {wrong.reason}"
