"""``kstore adopt``: a cluster's folders, made from the log directories of stopped nodes of Apache Kafka."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError, add_json
from actors.cli.output import counted, print_json
from actors.cli.parsers import new_parser
from actors.cli.progress import Progress

if TYPE_CHECKING:
    import argparse

    from actors.cli.parsers import Verbs

SUMMARY = "take over the data of stopped nodes of Apache Kafka"
DESCRIPTION = """
Makes folders for kstore from the log directories of Apache Kafka's nodes: of all brokers, and of a majority of the
voters. A node may have several (log.dirs); they become one folder. Of several voters one controller is left. Everything
is read and checked first, and the source isn't changed.
"""
EXAMPLES = """
kstore adopt kafka/node-1 kafka/node-2 kafka/node-3 --to adopted
kstore adopt kafka/node-1 kafka/node-2 kafka/node-3 --to linked --link
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "adopt", SUMMARY, DESCRIPTION, EXAMPLES)
    verb.add_argument("log_dirs", nargs="+", metavar="LOG_DIR", help="a log directory of a stopped node")
    verb.add_argument("--to", required=True, metavar="DIR", help="an empty or a new folder, for --data-dir")
    verb.add_argument(
        "--link", action="store_true", help="link full segments instead of copying them; the folders share them then"
    )
    add_json(verb, "one object with what was made")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run ``kstore adopt``."""
    from actors.cluster.adoption import adopt
    from actors.node.folder import FolderError

    files = [path for each in options.log_dirs for path in Path(each).rglob("*") if path.is_file()]
    total = 2 * sum(path.stat().st_size for path in files)
    try:
        with Progress("checking and copying", total, "bytes") as progress:
            made = adopt(options.log_dirs, options.to, link=options.link, advance=progress.advance)
    except FolderError as error:
        raise UsageError(str(error)) from None
    if options.json:
        print_json(made._asdict())
        return 0
    copied = f"{made.copied_bytes:,} bytes copied, {made.linked_bytes:,} linked"
    sys.stdout.write(f"{options.to} has the folders of {counted(len(made.node_ids), 'broker')}: {copied}.\n")
    sys.stdout.write(f"  kstore serve --data-dir {options.to}\n")
    return 0
