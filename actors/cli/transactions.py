"""``kstore transactions``: the transactions of any Kafka: listed, described, ended, and those that hang found."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, TypedDict

from actors.cli.arguments import add_connection, add_json, at_least, checked, topic_and_partitions
from actors.cli.connection import complete_topics, complete_transactional_ids, open_admin
from actors.cli.for_each import do_each, tell, unknown
from actors.cli.output import moment, print_columns, print_json
from actors.cli.parsers import add_actions, new_parser
from actors.cli.producers import abort, describe_producers, find_hanging
from kstore.errors.arguments import INT_MAX, SHORT_MAX
from kstore.errors.arguments import chosen as chosen_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.cli.parsers import Verbs
    from actors.clients.admin import Admin
    from actors.clients.admin.descriptions import TransactionDescription

SUMMARY = "list and describe transactions, end them, find those that hang"
DESCRIPTION = """
Lists and describes transactional ids and producers of any Kafka, ends transactions, and finds those that hang.
"""
EXAMPLES = """
kstore transactions list --state Ongoing
kstore transactions describe biller-1
kstore transactions force-terminate biller-1
kstore transactions find-hanging
"""
LIST_EXAMPLES = """
kstore transactions list
kstore transactions list --state Ongoing --duration-filter 60000
kstore transactions list --transactional-id-pattern 'biller-.*' --json
"""
DESCRIBE_EXAMPLES = """
kstore transactions describe
kstore transactions describe biller-1 --json
"""
PRODUCERS_EXAMPLES = """
kstore transactions describe-producers orders
kstore transactions describe-producers orders:0 --json
"""
ABORT_EXAMPLES = """
kstore transactions abort orders:0 --start-offset 20
kstore transactions abort payments:0 --producer-id 4 --producer-epoch 3
"""
TERMINATE_EXAMPLES = """
kstore transactions force-terminate biller-1
"""
HANGING_EXAMPLES = """
kstore transactions find-hanging
kstore transactions find-hanging orders --max-transaction-timeout 60
"""
DESCRIBING = """
Shows transactional ids (without a name: all): the state, the producer, and the time and the partitions of what is open.
"""
PRODUCERS = """
Shows the producers with an id that partitions know, and where their open transactions begin: as the leader of each
partition says, or as one broker does.
"""
ABORTING = """
Aborts a hanging transaction in one partition, past its coordinator. One that its coordinator knows is refused, since
its other partitions would stay as they are: force-terminate ends all of it. The transaction is named by the offset at
which it begins, or by its producer.
"""
TERMINATING = """
Aborts what transactional ids have open, in all partitions, and fences their producers: their next call fails.
"""
HANGING = """
Finds transactions that are open in a partition and that no coordinator will end, so that readers of committed records
wait before them. It looks at the partitions of all topics, unless some are named.
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb and its own verbs to the command's parser."""
    verb = new_parser(verbs, "transactions", SUMMARY, DESCRIPTION, EXAMPLES)
    add_connection(verb)
    actions = add_actions(verb)

    listing = new_parser(
        actions, "list", "list transactional ids", "Lists transactional ids, a line each.", LIST_EXAMPLES
    )
    add_filters(listing)
    finish(listing, list_transactions, "one object with all transactional ids")

    describing = new_parser(actions, "describe", "show what ids have open", DESCRIBING, DESCRIBE_EXAMPLES)
    add_ids(describing, nargs="*")
    finish(describing, describe, "one object with everything")

    producers = new_parser(
        actions, "describe-producers", "show the producers of partitions", PRODUCERS, PRODUCERS_EXAMPLES
    )
    add_partitions(producers)
    finish(producers, describe_producers, "one object with all producers")

    hanging = new_parser(actions, "find-hanging", "find transactions that nobody will end", HANGING, HANGING_EXAMPLES)
    add_partitions(hanging, nargs="*")
    hanging.add_argument(
        "--max-transaction-timeout",
        type=at_least(0, INT_MAX),
        default=15,
        metavar="MINUTES",
        help="how long a transaction may take: one without a record for longer may hang (default: 15)",
    )
    finish(hanging, find_hanging, "one object with those that hang")

    aborting = new_parser(actions, "abort", "abort a hanging transaction in one partition", ABORTING, ABORT_EXAMPLES)
    add_abort(aborting)
    finish(aborting, abort, "one object with what was aborted")

    terminating = new_parser(actions, "force-terminate", "abort what ids have open", TERMINATING, TERMINATE_EXAMPLES)
    add_ids(terminating)
    finish(terminating, force_terminate, "one object with the names of the ids")


def finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], json: str) -> None:
    """What every action has."""
    add_json(parser, json)
    add_connection(parser, again=True)
    parser.set_defaults(run=run)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Which ids are listed."""
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        type=checked(state),
        metavar="STATE",
        help="only Ongoing, Empty, ...; repeatable",
    )
    parser.add_argument(
        "--producer-id",
        action="append",
        default=[],
        type=at_least(0),
        metavar="ID",
        help="only of this producer; repeatable",
    )
    parser.add_argument(
        "--duration-filter", type=at_least(0), metavar="MS", help="only those that are open for longer than MS ms"
    )
    parser.add_argument(
        "--transactional-id-pattern", metavar="REGEX", help="only ids that this matches as a whole (RE2's syntax)"
    )


def add_ids(parser: argparse.ArgumentParser, nargs: str = "+") -> None:
    """The transactional ids that it is about."""
    ids = parser.add_argument("ids", nargs=nargs, default=[], metavar="ID", help="the transactional id")
    ids.completer = complete_transactional_ids  # type: ignore[attr-defined]


def add_partitions(parser: argparse.ArgumentParser, nargs: str = "+") -> None:
    """The partitions that it is about, and of which replicas."""
    partitions = parser.add_argument(
        "partitions",
        nargs=nargs,
        default=[],
        type=checked(topic_and_partitions),
        metavar="TOPIC[:PARTITIONS]",
        help="the topic, or partitions of it, such as orders:0,2",
    )
    partitions.completer = complete_topics  # type: ignore[attr-defined]
    parser.add_argument(
        "--broker-id",
        type=at_least(0, INT_MAX),
        metavar="ID",
        help="ask this broker about its replicas, instead of the leaders",
    )


def add_abort(parser: argparse.ArgumentParser) -> None:
    """Which transaction is aborted."""
    partition = parser.add_argument(
        "partition", type=checked(one_partition), metavar="TOPIC:PARTITION", help="the partition, such as orders:0"
    )
    partition.completer = complete_topics  # type: ignore[attr-defined]
    parser.add_argument("--start-offset", type=at_least(0), metavar="N", help="the offset at which it begins")
    parser.add_argument("--producer-id", type=at_least(0), metavar="ID", help="or: its producer's id")
    parser.add_argument("--producer-epoch", type=at_least(0, SHORT_MAX), metavar="N", help="and the producer's epoch")
    parser.add_argument(
        "--coordinator-epoch",
        type=at_least(-1, INT_MAX),
        metavar="N",
        help="and the epoch of the coordinator that wrote the producer's last marker (default: none has)",
    )
    parser.add_argument("--force", action="store_true", help="abort it there although its coordinator knows it")


def state(text: str) -> str:
    """One of the states."""
    from actors.clients.admin.descriptions import TRANSACTION_STATES

    return chosen_of("the state", text, TRANSACTION_STATES)


def one_partition(text: str) -> tuple[str, int]:
    """A topic and the number of a partition.

    >>> one_partition("orders:2")
    ('orders', 2)
    """
    topic, numbers = topic_and_partitions(text)
    if numbers is None or len(numbers) != 1:
        raise ValueError(f"{text!r} is not one partition: write TOPIC:PARTITION, such as orders:0")
    return topic, numbers[0]


class TransactionShown(TypedDict):
    """A transactional id as JSON shows it; ``partitions`` are pairs of topic and number."""

    transactional_id: str
    coordinator: int
    producer_id: int
    producer_epoch: int
    state: str
    timeout_ms: int
    start_time_ms: int | None
    duration_ms: int | None
    partitions: list[tuple[str, int]]


def list_transactions(options: argparse.Namespace) -> int:
    """A line a transactional id."""
    with open_admin(options) as admin:
        found = admin.list_transactions(
            producer_id_filters=options.producer_id,
            state_filters=options.state,
            duration_filter_ms=options.duration_filter,
            transactional_id_pattern=options.transactional_id_pattern,
        )
    rows = [
        {
            "transactional_id": each.transactional_id,
            "coordinator": each.coordinator,
            "producer_id": each.producer_id,
            "state": each.state,
        }
        for each in found
    ]
    if options.json:
        print_json({"transactions": rows})
    else:
        print_columns(("transactional id", "coordinator", "producer id", "state"), [[*row.values()] for row in rows])
    return 0


def describe(options: argparse.Namespace) -> int:
    """What each id has open."""
    with open_admin(options) as admin:
        found = chosen(admin, options.ids)
    now_ms = time.time_ns() // 1_000_000
    shown = [described(name, each, now_ms) for name, each in found.items()]
    if options.json:
        print_json({"transactions": shown})
    elif shown:
        names = (
            "transactional id",
            "coordinator",
            "producer id",
            "epoch",
            "state",
            "timeout ms",
            "began",
            "open for ms",
        )
        rows = []
        for each in shown:
            *cells, _ = {**each, "start_time_ms": moment(each["start_time_ms"])}.values()
            rows.append([*cells, " ".join(f"{topic}-{number}" for topic, number in each["partitions"])])
        print_columns((*names, "partitions"), rows)
    else:
        print("kstore: there are no transactional ids", file=sys.stderr)
    return 0


def chosen(admin: Admin, ids: list[str]) -> dict[str, TransactionDescription]:
    """The ids that were named; without a name all."""
    from actors.clients.errors import SeveralFailed
    from kstore.errors import TransactionalIdNotFound

    if not ids:
        there = names_of_ids(admin)
        try:
            return admin.describe_transactions(there) if there else {}
        except SeveralFailed as failed:  # some have expired since
            gone = [name for name, error in failed.errors.items() if isinstance(error, TransactionalIdNotFound)]
            return admin.describe_transactions([name for name in there if name not in gone])
    try:
        return admin.describe_transactions(ids)
    except TransactionalIdNotFound as error:
        raise unknown(type(error), "transactional id", ids[0], names_of_ids(admin)) from None


def names_of_ids(admin: Admin) -> list[str]:
    """All transactional ids."""
    return [each.transactional_id for each in admin.list_transactions()]


def described(name: str, told: TransactionDescription, now_ms: int) -> TransactionShown:
    """One id as JSON shows it."""
    start_ms = told.transaction_start_time_ms
    return {
        "transactional_id": name,
        "coordinator": told.coordinator,
        "producer_id": told.producer_id,
        "producer_epoch": told.producer_epoch,
        "state": told.state,
        "timeout_ms": told.transaction_timeout_ms,
        "start_time_ms": start_ms,
        "duration_ms": None if start_ms is None else max(0, now_ms - start_ms),
        "partitions": [(partition.topic, partition.partition) for partition in told.topic_partitions],
    }


def force_terminate(options: argparse.Namespace) -> int:
    """Abort what each id has open, and fence its producer."""
    terminated: list[str] = []
    with open_admin(options) as admin:

        def terminate(name: str) -> None:
            before = admin.describe_transactions([name])[
                name
            ]  # which fails for one that isn't there, as fencing doesn't
            admin.force_terminate_transaction(name)
            terminated.append(name)
            is_open = before.transaction_start_time_ms is not None and before.state == "Ongoing"
            tell(options, name, "transaction aborted" if is_open else "no transaction was open", "producer fenced")

        code = do_each(options.ids, terminate, "transactional id", lambda: names_of_ids(admin))
    if options.json:
        print_json({"terminated": terminated})
    return code
