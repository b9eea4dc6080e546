"""``kstore log``: what the files of logs hold, without a broker, of kstore or of Apache Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.cli.arguments import add_json, at_least
from actors.cli.log.dump import dump
from actors.cli.log.stats import stats
from actors.cli.log.verify import verify
from actors.cli.parsers import add_actions, new_parser
from kstore.errors.arguments import LONG_MAX

if TYPE_CHECKING:
    import argparse

    from actors.cli.parsers import Verbs

SUMMARY = "show what the files of logs hold, and check them"
DESCRIPTION = """
Shows what is in the folders of partitions, of kstore or of Apache Kafka, without a broker. Nothing is changed, so it
can be done while brokers run. If a broker has left no mark of a clean stop, a log is read up to its high watermark, as
it was noted last.
"""
EXAMPLES = """
kstore log dump data/node-1/orders-0
kstore log stats data
kstore log verify data
"""
DUMPING = """
Prints batches and their records. Records of __consumer_offsets, __transaction_state and __cluster_metadata are
decoded, and so are control records. PATH is the folder of a partition, of a broker or of a cluster, or a file: a
segment (.log), one of its indexes (.index, .timeindex, .txnindex), a snapshot of producers (.snapshot), or one of the
metadata log (.checkpoint). Of an index or a snapshot of producers, each entry is printed.
"""
DUMP_EXAMPLES = """
kstore log dump data/node-1/orders-0
kstore log dump data/node-1/orders-0 --from 1000 -n 10
kstore log dump data/node-1/__consumer_offsets-3 --json
kstore log dump data/node-1/orders-0/00000000000000000000.timeindex
"""
STATS = """
Shows for each log how many batches, records and bytes it has, how well it is compressed, and how it grew in time; for
compacted logs also how many keys there are.
"""
STATS_EXAMPLES = """
kstore log stats data
kstore log stats data/node-1/orders-0 --json
"""
VERIFYING = """
Reads all files of logs and checks them: the checksums, offsets and leader epochs of batches, the entries of indexes
against the batches, snapshots, and leader epochs. What is wrong is printed, a line for each range of a file.
"""
VERIFY_EXAMPLES = """
kstore log verify data
kstore log verify kafka/node-1/orders-0 --json
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb and its own verbs to the command's parser."""
    verb = new_parser(verbs, "log", SUMMARY, DESCRIPTION, EXAMPLES)
    actions = add_actions(verb)

    dumping = new_parser(actions, "dump", "print batches and records", DUMPING, DUMP_EXAMPLES)
    dumping.add_argument("paths", nargs="+", metavar="PATH", help="a folder with logs, or of one, or a file of one")
    add_all(dumping)
    dumping.add_argument(
        "--from", dest="first", type=at_least(0, LONG_MAX), default=0, metavar="OFFSET", help="begin at this offset"
    )
    dumping.add_argument(
        "-n", "--max-records", type=at_least(0), metavar="COUNT", help="end after so many records, or entries of files"
    )
    dumping.add_argument("--batches", action="store_true", help="print the batches without their records")
    add_json(dumping, "a line of JSON for each batch, or each entry")
    dumping.set_defaults(run=dump)

    verifying = new_parser(actions, "verify", "check that files are as they were written", VERIFYING, VERIFY_EXAMPLES)
    add_paths(verifying)
    add_all(verifying)
    add_json(verifying, "one object with what is wrong")
    verifying.set_defaults(run=verify)

    counting = new_parser(actions, "stats", "count batches, records and bytes", STATS, STATS_EXAMPLES)
    add_paths(counting)
    add_all(counting)
    add_json(counting, "one object with all logs")
    counting.set_defaults(run=stats)


def add_paths(parser: argparse.ArgumentParser) -> None:
    """The folders that are meant."""
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a folder with logs, or of one")


def add_all(parser: argparse.ArgumentParser) -> None:
    """``--all``: beyond the high watermark as well."""
    parser.add_argument("--all", action="store_true", help="read on beyond the high watermark")
