"""``kstore graduate``: folders and properties for Apache Kafka, made from a stopped cluster's."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError, add_json, at_least, checked, pair
from actors.cli.output import print_json
from actors.cli.parsers import new_parser
from actors.cli.progress import Progress

if TYPE_CHECKING:
    import argparse

    from actors.cli.parsers import Verbs
    from actors.cluster.graduation import Graduated

SUMMARY = "move a stopped cluster's data to Apache Kafka itself"
DESCRIPTION = """
Makes log directories and server.properties files for Apache Kafka from a stopped cluster's folders, with as many nodes
and a quorum of several voters. Topics, records, configs, offsets of groups and transactional ids are all there, and the
same clients go on. Everything is read and checked first, and the source isn't changed.
"""
EXAMPLES = """
kstore graduate data --to kafka
kstore graduate data --to machines --hosts kafka-1,kafka-2,kafka-3
"""
PORT_MAX = 65_000
NEXT = """\
Start each node with the bin/kafka-server-start.sh of Apache Kafka 4.4:
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "graduate", SUMMARY, DESCRIPTION, EXAMPLES)
    verb.add_argument("data_dir", metavar="DATA_DIR", help="the folder of a stopped cluster (its --data-dir)")
    verb.add_argument("--to", required=True, metavar="DIR", help="an empty or a new folder for Kafka's nodes")
    verb.add_argument(
        "--hosts",
        default="localhost",
        metavar="HOST,...",
        help="a host for each node, or one for all, which then have ports of their own (default: localhost)",
    )
    verb.add_argument(
        "--port",
        type=at_least(1, PORT_MAX),
        default=9092,
        help="the first node's port for clients; controllers have the next one (default: 9092)",
    )
    verb.add_argument(
        "--voters",
        type=at_least(1),
        metavar="N",
        help="how many nodes form the quorum (default: an odd number, up to 5)",
    )
    verb.add_argument(
        "--link", action="store_true", help="link full segments instead of copying them; the folders share them then"
    )
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        type=checked(pair),
        dest="config",
        metavar="KEY=VALUE",
        help="a line of server.properties for all nodes; repeatable",
    )
    add_json(verb, "one object with what was made")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run ``kstore graduate``."""
    from actors.cluster.graduation import graduate
    from actors.node.folder import FolderError

    total = 2 * sum(path.stat().st_size for path in Path(options.data_dir).rglob("*") if path.is_file())
    try:
        with Progress("checking and copying", total, "bytes") as progress:
            made = graduate(
                options.data_dir,
                options.to,
                hosts=options.hosts.split(","),
                port=options.port,
                voters=options.voters,
                link=options.link,
                config=dict(options.config),
                advance=progress.advance,
            )
    except FolderError as error:
        raise UsageError(str(error)) from None
    if options.json:
        print_json(shown(made))
        return 0
    copied = f"{made.copied_bytes:,} bytes copied, {made.linked_bytes:,} linked"
    sys.stdout.write(f"{options.to} has the folders of {len(made.nodes)} nodes: {copied}.\n{NEXT}")
    for file in made.properties:
        sys.stdout.write(f"  bin/kafka-server-start.sh {shlex.quote(str(file))}\n")
    sys.stdout.write(f"Clients connect to {made.bootstrap_servers}\n")
    return 0


def shown(made: Graduated) -> dict[str, object]:
    """As JSON shows it."""
    return {
        "nodes": [
            {
                "node_id": node.node_id,
                "host": node.host,
                "port": node.port,
                "voter": node.is_voter,
                "properties": str(file),
            }
            for node, file in zip(made.nodes, made.properties, strict=True)
        ],
        "bootstrap_servers": made.bootstrap_servers,
        "copied_bytes": made.copied_bytes,
        "linked_bytes": made.linked_bytes,
    }
