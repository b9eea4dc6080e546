"""``kstore consume``: records of any Kafka to stdout, with kcat's offsets and formats, or as lines of JSON."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError, add_connection, add_json, at_least, checked, partitions
from actors.cli.connection import complete_groups, complete_topics, open_consumer
from actors.cli.formats import delimiter, plain_printer, record_printer
from actors.cli.parsers import new_parser
from actors.cli.positions import Span, Start, span

if TYPE_CHECKING:
    from actors.cli.formats import Printer
    from actors.cli.parsers import Verbs
    from actors.clients.keywords.typed_dicts import ConsumerKeywords

DESCRIPTION = """
Prints the records of topics, by default from the beginning on and without end. Without a group it reads all
partitions. With -G it is a member of a group: it begins at the group's committed offsets, and commits what it has
printed. Ctrl-C ends it cleanly, and so does a reader that closes the pipe, such as head.
"""

EXAMPLES = r"""
kstore consume orders -e
kstore consume orders -o -3 -e -f '%t[%p]@%o %k: %s (%h)\n'
kstore consume orders -p 0 -o s@2026-01-01 -o e@2099-01-01T12:00 -c 5 -K:
kstore consume -G billing -o beginning orders -c 10
kstore consume orders -e --json | head -2
"""
BATCH_RECORDS = 20_000


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "consume", "print records", DESCRIPTION, EXAMPLES)
    topics = verb.add_argument(
        "topics",
        nargs="+",
        metavar="TOPIC",
        help="the topic; with -G one or more, or ^REGEX for all whose names begin with a match",
    )
    topics.completer = complete_topics  # type: ignore[attr-defined]
    add_range(verb)
    add_printing(verb)
    add_connection(verb)
    verb.set_defaults(run=run, more="topics")


def add_range(verb: argparse.ArgumentParser) -> None:
    """Which records."""
    group = verb.add_argument_group("which records")
    group.add_argument(
        "-o",
        action="append",
        default=[],
        dest="offsets",
        metavar="POSITION",
        help="where to begin: beginning (default), end, N, -N (the last N of each partition), s@TIME; and where to "
        "end: e@TIME. TIME is milliseconds since 1970 or a date. With -G: stored (default), beginning, end",
    )
    group.add_argument(
        "-p", type=checked(partitions), dest="partitions", metavar="N", help="only these partitions: 0, or 0,2, or 0-3"
    )
    group.add_argument("-c", type=at_least(0), dest="count", metavar="N", help="end after N records")
    group.add_argument("-e", action="store_true", dest="to_end", help="end at the current end of the partitions")
    member = group.add_argument("-G", dest="group", metavar="GROUP", help="read as a member of this group")
    member.completer = complete_groups  # type: ignore[attr-defined]


def add_printing(verb: argparse.ArgumentParser) -> None:
    """How they are printed."""
    group = verb.add_argument_group("printing")
    group.add_argument(
        "-f",
        dest="format",
        metavar="FORMAT",
        help=r"%%s value, %%k key, %%S %%K their lengths (-1: null), %%R the value's length as 4 bytes, %%t topic, "
        r"%%p partition, %%o offset, %%T timestamp, %%h headers, %%%% percent; \n \t \r \\ \xNN \NNN",
    )
    group.add_argument(
        "-D",
        type=checked(delimiter),
        default=b"\n",
        dest="end",
        metavar="DELIMITER",
        help=r"after a value: \n unless given",
    )
    group.add_argument(
        "-K", type=checked(delimiter), dest="key_end", metavar="DELIMITER", help="print keys, and this after each"
    )
    group.add_argument("-Z", action="store_true", dest="null", help="print NULL for a key or value that is null")
    group.add_argument("-u", action="store_true", dest="unbuffered", help="write each record by itself")
    add_json(group, "each record as a line of JSON")


def run(options: argparse.Namespace) -> int:
    """Print until there is no more, enough was printed, or a signal asked to stop."""
    wanted = span_of(options)
    printer = printer_of(options)
    from actors.cli.output import RecordOutput
    from actors.cli.reading import Reading
    from actors.cli.stopping import Stopping

    own: ConsumerKeywords = {"max_poll_records": BATCH_RECORDS, "auto_offset_reset": "latest"}
    own["allow_auto_create_topics"] = False
    if options.group is not None:
        own |= {"group_id": options.group, "enable_auto_commit": False}
        own["auto_offset_reset"] = "earliest" if wanted.start is Start.BEGINNING else "latest"
    with Stopping() as stopping, open_consumer(options, **own) as consumer:
        reading = Reading(consumer, options, wanted, printer, RecordOutput(options.unbuffered))
        return reading.run(stopping)


def span_of(options: argparse.Namespace) -> Span:
    """From where to where; refuses what can't be together."""
    try:
        wanted = span(options.offsets)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if options.group is None:
        if wanted.start is Start.STORED:
            raise UsageError("-o stored is a group's committed offset: name the group with -G")
        if any(name.startswith("^") for name in options.topics):
            raise UsageError("a pattern is for groups: name the group with -G")
        return wanted
    if wanted.start not in (None, Start.STORED, Start.BEGINNING, Start.END):
        raise UsageError("a group begins at its committed offsets: move them with kstore groups reset-offsets")
    if options.partitions is not None:
        raise UsageError("in a group, partitions are shared out: leave out -p or -G")
    return wanted


def printer_of(options: argparse.Namespace) -> Printer:
    """How a record is printed."""
    if options.json:
        if options.format is not None or options.key_end is not None:
            raise UsageError("--json has a form of its own: leave out -f and -K")
        from actors.cli.envelope import record_line

        return record_line
    null = b"NULL" if options.null else b""
    if options.format is None:
        return plain_printer(options.end, options.key_end, null)
    try:
        return record_printer(options.format, null)
    except ValueError as error:
        raise UsageError(f"-f: {error}") from None
