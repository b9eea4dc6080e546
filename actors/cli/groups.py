"""``kstore groups``: the consumer groups of any Kafka: listed, described with their lag, deleted, moved."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from actors.cli.arguments import (
    UsageError,
    add_connection,
    add_json,
    at_least,
    checked,
    topic_and_partitions,
)
from actors.cli.configs import add_config, add_unset, alter_configs
from actors.cli.connection import complete_groups, complete_topics, open_admin
from actors.cli.for_each import delete_each, do_each, tell, unknown
from actors.cli.group_shown import described
from actors.cli.output import counted, print_columns, print_json
from actors.cli.parsers import add_actions, new_parser
from actors.cli.positions import time_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from actors.cli.parsers import Verbs
    from actors.clients.admin import Admin
    from actors.clients.admin.descriptions import GroupDescription

DESCRIPTION = (
    "Lists, describes, alters and deletes the consumer groups of any Kafka, shows their lag, moves their offsets."
)

EXAMPLES = """
kstore groups list
kstore groups describe billing
kstore groups reset-offsets billing --topic orders --to-earliest
"""
LIST_EXAMPLES = """
kstore groups list
kstore groups list --state Empty --json
kstore groups list --type consumer
"""
DESCRIBE_EXAMPLES = """
kstore groups describe
kstore groups describe billing
kstore groups describe billing --json
"""
EXAMPLE = "consumer.session.timeout.ms=60000"
ALTER_EXAMPLES = """
kstore groups alter billing --config consumer.session.timeout.ms=60000
kstore groups alter billing --unset consumer.session.timeout.ms
"""
DELETE_EXAMPLES = """
kstore groups delete billing
kstore groups delete billing --if-exists
"""
RESET_EXAMPLES = """
kstore groups reset-offsets billing --topic orders --to-earliest
kstore groups reset-offsets billing --all-topics --shift-by -2 --execute
kstore groups reset-offsets billing --topic orders --to-datetime 2026-01-01
kstore groups reset-offsets billing --topic orders:0 --to-offset 1 --json
"""
DESCRIBED_TYPES = ("", "classic", "consumer")
"""The first is that of brokers that don't tell it."""
DESCRIBING = """
Shows groups (without a name: all): the configs that were set for them, their members, what each reads, and how far
behind the group is, in records.
"""
ALTERING = """
Alters the configs of groups, which may be set before there is such a group. Those of the brokers count for all others.
"""
RESET_USAGE = """\
%(prog)s [-h] [--execute] [--json]
         [-b HOST:PORT,...] [-X KEY=VALUE]
         (--topic TOPIC[:PARTITIONS] | --all-topics)
         (--to-earliest | --to-latest | --to-datetime TIME | --to-offset N |
          --shift-by N)
         GROUP"""
RESETTING = """
Moves a group's committed offsets, while it has no members. It prints what would change; with --execute it changes it.
An offset outside a partition becomes the partition's nearest end.
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb and its own verbs to the command's parser."""
    verb = new_parser(
        verbs, "groups", "list and describe consumer groups, see their lag, move their offsets", DESCRIPTION, EXAMPLES
    )
    add_connection(verb)
    actions = add_actions(verb)

    listing = new_parser(actions, "list", "list groups", "Lists groups, a line each.", LIST_EXAMPLES)
    listing.add_argument(
        "--state", action="append", default=[], metavar="STATE", help="only Empty, Stable, ...; repeatable"
    )
    listing.add_argument(
        "--type", action="append", default=[], metavar="TYPE", help="only classic, consumer, ...; repeatable"
    )
    finish(listing, list_groups, "one object with all groups")

    describing = new_parser(
        actions,
        "describe",
        "show members, committed offsets and lag",
        DESCRIBING,
        DESCRIBE_EXAMPLES,
    )
    add_names(describing, nargs="*")
    finish(describing, describe, "one object with everything")

    altering = new_parser(actions, "alter", "set and unset configs", ALTERING, ALTER_EXAMPLES)
    add_names(altering)
    add_config(altering, EXAMPLE)
    add_unset(altering)
    finish(altering, alter, "one object with the names of the groups")

    resetting = new_parser(actions, "reset-offsets", "move a group's offsets", RESETTING, RESET_EXAMPLES)
    resetting.usage = RESET_USAGE
    group = resetting.add_argument("group", metavar="GROUP", help="the group")
    group.completer = complete_groups  # type: ignore[attr-defined]
    add_reset(resetting)
    finish(resetting, reset_offsets, "one object with the offsets before and after")

    deleting = new_parser(
        actions, "delete", "delete groups", "Deletes groups that have no members, with their offsets.", DELETE_EXAMPLES
    )
    add_names(deleting)
    deleting.add_argument("--if-exists", action="store_true", help="don't fail if it doesn't exist")
    finish(deleting, delete, "one object with the names of the groups")


def finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], json: str) -> None:
    """What every action has."""
    add_json(parser, json)
    add_connection(parser, again=True)
    parser.set_defaults(run=run)


def add_names(parser: argparse.ArgumentParser, nargs: str = "+") -> None:
    """The groups that it is about."""
    names = parser.add_argument("groups", nargs=nargs, default=[], metavar="GROUP", help="the group")
    names.completer = complete_groups  # type: ignore[attr-defined]


def add_reset(parser: argparse.ArgumentParser) -> None:
    """Which offsets are moved, and where to."""
    which = parser.add_argument_group("which")
    topic = which.add_argument(
        "--topic",
        type=checked(topic_and_partitions),
        action="append",
        default=[],
        metavar="TOPIC[:PARTITIONS]",
        help="this topic, or these partitions of it, such as orders:0,2; repeatable",
    )
    topic.completer = complete_topics  # type: ignore[attr-defined]
    which.add_argument("--all-topics", action="store_true", help="every partition with a committed offset")
    where = parser.add_argument_group("where to").add_mutually_exclusive_group(required=True)
    where.add_argument("--to-earliest", action="store_true", help="the first record")
    where.add_argument("--to-latest", action="store_true", help="the next new record")
    where.add_argument("--to-datetime", type=checked(time_ms), metavar="TIME", help="the first record at or after TIME")
    where.add_argument("--to-offset", type=at_least(0), metavar="N", help="this offset")
    where.add_argument("--shift-by", type=int, metavar="N", help="forward by N offsets; back with a negative N")
    parser.add_argument("--execute", action="store_true", help="make the change; without it, only show it")


def list_groups(options: argparse.Namespace) -> int:
    """A line a group."""
    with open_admin(options) as admin:
        groups = admin.list_groups(states_filter=options.state, types_filter=options.type)
    if options.json:
        found = [
            {"group": each.group_id, "state": each.state, "protocol_type": each.protocol_type, "type": each.type}
            for each in groups
        ]
        print_json({"groups": found})
    else:
        print_columns(
            ("group", "type", "state", "protocol type"),
            [(each.group_id, each.type, each.state, each.protocol_type) for each in groups],
        )
    return 0


def describe(options: argparse.Namespace) -> int:
    """Members, offsets and lag."""
    with open_admin(options) as admin:
        found = [described(admin, group) for group in chosen(admin, options)]
    if options.json:
        print_json({"groups": found})
        return 0
    for number, group in enumerate(found):
        members = counted(len(group["members"]), "member")
        kind = "consumer group, " if group["type"] == "consumer" else ""
        protocol = f", assignor {group['protocol']}" if group["protocol"] else ""
        configs = "".join(f"\n  {key}={value}" for key, value in group["configs"].items())
        print(f"{chr(10) if number else ''}{group['group']}: {kind}{group['state']}, {members}{protocol}{configs}")
        if group["members"]:
            rows = [
                (
                    each["client_id"],
                    each["host"],
                    each["member_id"],
                    " ".join(f"{t}-{p}" for t, p in each["partitions"]),
                )
                for each in group["members"]
            ]
            print_columns(("client", "host", "member", "partitions"), rows)
        if group["offsets"]:
            names = ("topic", "partition", "committed", "next offset", "lag", "client")
            print_columns(names, [list(each.values()) for each in group["offsets"]])
    if not found:
        print("kstore: there are no groups", file=sys.stderr)
    return 0


def chosen(admin: Admin, options: argparse.Namespace) -> list[GroupDescription]:
    """The groups that were named; without a name all."""
    from kstore.errors import GroupIdNotFound

    names = list(dict.fromkeys(options.groups)) or group_names(admin)
    try:
        return list(admin.describe_groups(names).values()) if names else []
    except GroupIdNotFound as error:
        there = group_names(admin)
        missing = [name for name in names if name not in there]
        if not missing:
            raise
        raise unknown(type(error), "group", missing[0], there) from None


def group_names(admin: Admin) -> list[str]:
    """The names of all groups that can be described."""
    return sorted(group.group_id for group in admin.list_groups() if group.type in DESCRIBED_TYPES)


def alter(options: argparse.Namespace) -> int:
    """Set and unset their configs."""
    if not (options.config or options.unset):
        raise UsageError("nothing to alter: give --config or --unset")
    altered: list[str] = []

    def one(name: str) -> None:
        done = alter_configs(admin, "group", name, options)
        altered.append(name)
        tell(options, name, "altered", *done)

    with open_admin(options) as admin:
        code = do_each(options.groups, one, "group", lambda: group_names(admin))
    if options.json:
        print_json({"altered": altered})
    return code


def delete(options: argparse.Namespace) -> int:
    """Delete them."""
    with open_admin(options) as admin:
        return delete_each(
            options, options.groups, lambda name: admin.delete_groups([name]), "group", lambda: group_names(admin)
        )


def reset_offsets(options: argparse.Namespace) -> int:
    """Show where offsets would go, and with ``--execute`` put them there."""
    from actors.cli.resetting import moved

    if bool(options.topic) == options.all_topics:
        raise UsageError("choose what to reset: --topic TOPIC[:PARTITIONS], or --all-topics")
    with open_admin(options) as admin:
        before = admin.list_group_offsets(options.group)[options.group]
        after = moved(admin, options, before)
        if options.execute and after:
            admin.alter_group_offsets(options.group, after)
    rows = [
        {
            "topic": partition.topic,
            "partition": partition.partition,
            "before": before[partition].offset if partition in before else None,
            "after": offset,
        }
        for partition, offset in after.items()
    ]
    if options.json:
        print_json({"group": options.group, "executed": options.execute, "offsets": rows})
    else:
        if rows:
            print_columns(("topic", "partition", "before", "after"), [list(row.values()) for row in rows])
        print(outcome(options, rows))
    return 0


def outcome(options: argparse.Namespace, rows: Sequence[Mapping[str, object]]) -> str:
    """How many offsets move, or why none does."""
    moving = sum(1 for row in rows if row["before"] != row["after"])
    if not rows:
        return f"nothing to move: {options.group} has committed no offsets"
    if not moving:
        return "nothing to move: the group is there already"
    if options.execute:
        return f"done: {counted(moving, 'offset')} moved"
    return f"nothing was changed: add --execute to move {counted(moving, 'offset')}"
