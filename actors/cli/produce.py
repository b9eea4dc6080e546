"""``kstore produce``: records from stdin or files into a topic of any Kafka, with kcat's options where it has them."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError, add_connection, add_json, at_least, checked
from actors.cli.connection import complete_topics, open_producer
from actors.cli.formats import delimiter, header
from actors.cli.parsers import new_parser

if TYPE_CHECKING:
    from actors.cli.messages import Splitter
    from actors.cli.parsers import Verbs
    from actors.cli.sending import Sending
    from actors.cli.stopping import Stopping

DESCRIPTION = """
Sends a record for each line of stdin (with -D for each piece between other delimiters), or for each FILE as a whole.
Records are sent as they are read. The command ends when all are acknowledged, with exit code 1 if one is not. Ctrl-C
stops reading; records that were read are still sent.
"""

EXAMPLES = r"""
echo 'shipped' | kstore produce orders
printf 'user1:paid\nuser2:sent\n' | kstore produce orders -K: -H source=shop
seq 1 1000 | kstore produce orders -z lz4 --json
kstore produce orders -p 0 /etc/hostname
kstore consume orders -c 10 --json | kstore produce archive --json-in
"""
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "produce", "send records from stdin or files", DESCRIPTION, EXAMPLES)
    verb.add_argument("topic", metavar="TOPIC", help="the topic").completer = complete_topics  # type: ignore[attr-defined]
    verb.add_argument(
        "files", nargs="*", default=[], metavar="FILE", help="each file is one record; with -l, each line is one record"
    )
    add_input(verb)
    add_records(verb)
    add_connection(verb)
    verb.set_defaults(run=run, more="files")


def add_input(verb: argparse.ArgumentParser) -> None:
    """How the input is read."""
    group = verb.add_argument_group("input")
    group.add_argument(
        "-D",
        type=checked(delimiter),
        default=b"\n",
        dest="end",
        metavar="DELIMITER",
        help=r"what ends a record: \n unless given; \t, \xNN, ...",
    )
    group.add_argument(
        "-K", type=checked(delimiter), dest="key_end", metavar="DELIMITER", help="what ends a key, before the value"
    )
    group.add_argument("-l", action="store_true", dest="lines", help="read records from FILE instead of stdin")
    group.add_argument("-Z", action="store_true", dest="null", help="an empty key or value is null (with -K)")
    group.add_argument("--json-in", action="store_true", help="read a line as `kstore consume --json` prints it")
    group.add_argument("-c", type=at_least(0), dest="count", metavar="N", help="end after N records")
    group.add_argument("-T", action="store_true", dest="tee", help="also print the records that were sent")


def add_records(verb: argparse.ArgumentParser) -> None:
    """What records have beside a value, and how they are sent."""
    group = verb.add_argument_group("records")
    group.add_argument("-k", dest="key", metavar="KEY", help="the key of records that have none")
    group.add_argument(
        "-H",
        type=checked(header),
        action="append",
        default=[],
        dest="headers",
        metavar="NAME=VALUE",
        help="a header; without = it is null; repeatable",
    )
    group.add_argument(
        "-p",
        type=at_least(0),
        dest="partition",
        metavar="N",
        help="into this partition (default: by key, as in Java's client; without one, a partition for each batch)",
    )
    group.add_argument("-z", choices=CODECS, default="none", dest="codec", help="compress (default: none)")
    group.add_argument(
        "--acks",
        choices=("0", "1", "all"),
        default="all",
        help="the acknowledgements to wait for (default: all)",
    )
    add_json(group, "at the end, how many records went to which partition")


def run(options: argparse.Namespace) -> int:
    """Send it all."""
    check(options)
    from actors.cli.messages import Splitter
    from actors.cli.progress import Progress
    from actors.cli.sending import Sending
    from actors.cli.stopping import Stopping

    acks = options.acks if options.acks == "all" else int(options.acks)
    fixed_key = None if options.key is None else options.key.encode("utf-8", "surrogateescape")
    splitter = Splitter(options.key_end, fixed_key, options.null)
    total = input_bytes(options)
    with (
        Stopping() as stopping,
        open_producer(options, acks=acks, compression_type=options.codec) as producer,
        Progress(f"to {options.topic}", total, "bytes", shown=not sys.stdin.isatty()) as progress,
    ):
        sending = Sending(producer, options, progress)
        sending.check_partition(options.partition)
        if not options.files and sys.stdin.isatty() and sys.stderr.isatty():
            print("kstore: reading records from the terminal, one per line (Ctrl-D ends)", file=sys.stderr)
        send_all(sending, splitter, stopping)
        stopping.last_wait = True
        sending.finish()
    if options.json:
        sending.report()
    return sending.exit_code(cut_short=stopping.asked and not sys.stdin.isatty())


def check(options: argparse.Namespace) -> None:
    """Refuse what can't be together."""
    if options.lines and len(options.files) != 1:
        raise UsageError("-l reads one FILE: name it")
    if options.files and options.json_in:
        raise UsageError("--json-in reads stdin: leave out FILE, or < FILE")
    if options.json_in and (options.key_end or options.null or options.end != b"\n"):
        raise UsageError("--json-in already has keys and nulls: leave out -K, -Z and -D")
    if options.tee and options.json:
        raise UsageError("-T and --json both print to stdout: choose one")
    if any(key == "transactional_id" for key, _ in options.keywords):
        raise UsageError("transactional_id: the command has no transactions; kstore.Producer has them")


def input_bytes(options: argparse.Namespace) -> int | None:
    """How much there is to read, where that is known."""
    if options.files:
        return sum(os.stat(path).st_size for path in options.files)
    status = os.fstat(sys.stdin.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def send_all(sending: Sending, splitter: Splitter, stopping: Stopping) -> None:
    """Read the whole input and send it, until there is no more, enough was sent, or a signal asked to stop."""
    options = sending.options
    if options.files and not options.lines:
        for path in options.files:
            with open(path, "rb") as file:
                content = file.read()
            sending.send([splitter.message(content, len(content))])
        return
    for found in found_pieces(options, stopping):
        if options.json_in:
            sending.send_json(found)
        else:
            sending.send(splitter.messages(found, options.end))
        if sending.enough() or stopping.asked:
            return


def found_pieces(options: argparse.Namespace, stopping: Stopping) -> Iterator[list[bytes]]:
    """What is between the delimiters of stdin, or of the one file."""
    from actors.cli.messages import pieces

    if options.lines:
        with open(options.files[0], "rb") as file:
            yield from pieces(file.read, options.end)
    else:
        descriptor = sys.stdin.fileno()
        yield from pieces(lambda size: stopping.read(descriptor, size), options.end)
