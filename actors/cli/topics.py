"""``kstore topics``: the topics of any Kafka: listed, made, described, altered, deleted."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from actors.cli.arguments import Parser, UsageError, add_connection, add_json, at_least, checked, new_parser, pair
from actors.cli.connection import about, complete_topics, open_admin
from actors.cli.output import counted, print_columns, print_json

if TYPE_CHECKING:
    from actors.clients.admin import Admin
    from actors.clients.descriptions import CreatedTopic, TopicDescription

EXAMPLES = """
kstore topics list
kstore topics create invoices --partitions 3
kstore topics describe payments
"""
LIST_EXAMPLES = """
kstore topics list
kstore topics list --internal --json
"""
CREATE_EXAMPLES = """
kstore topics create receipts --partitions 3 --replication-factor 1 --config segment.bytes=1048576
kstore topics create receipts --if-not-exists
kstore topics create refunds --dry-run
"""
DESCRIBE_EXAMPLES = """
kstore topics describe payments
kstore topics describe payments orders --json
"""
ALTER_EXAMPLES = """
kstore topics alter payments --partitions 6
kstore topics alter payments --config max.message.bytes=2000000 --unset segment.bytes
"""
DELETE_EXAMPLES = """
kstore topics delete receipts
kstore topics delete receipts refunds --if-exists
"""


def add_to(verbs: Any) -> None:
    """Add the verb and its own verbs to the command's parser."""
    verb = new_parser(verbs, "topics", "list, create, describe, alter and delete topics", __doc__, EXAMPLES)
    add_connection(verb)
    actions = verb.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=Parser)

    listing = new_parser(actions, "list", "list topics", "Lists topics, a line each.", LIST_EXAMPLES)
    listing.add_argument("--internal", action="store_true", help="Kafka's own topics as well")
    finish(listing, list_topics, "one object with all topics")

    creating = new_parser(actions, "create", "create topics", "Creates topics.", CREATE_EXAMPLES)
    add_names(creating, existing=False)
    creating.add_argument("--partitions", type=at_least(1), default=-1, metavar="N", help="default: the brokers'")
    creating.add_argument(
        "--replication-factor", type=at_least(1), default=-1, metavar="N", help="default: the brokers'"
    )
    add_config(creating)
    creating.add_argument("--if-not-exists", action="store_true", help="one that exists is fine, and stays as it is")
    creating.add_argument("--dry-run", action="store_true", help="only see whether it could be done")
    finish(creating, create, "one object with the topics that were made")

    describing = new_parser(
        actions, "describe", "show partitions, leaders, replicas, offsets and configs", DESCRIBING, DESCRIBE_EXAMPLES
    )
    add_names(describing)
    finish(describing, describe, "one object with everything")

    altering = new_parser(actions, "alter", "set and unset configs, add partitions", "Alters topics.", ALTER_EXAMPLES)
    add_names(altering)
    altering.add_argument("--partitions", type=at_least(1), metavar="N", help="grow to N partitions")
    add_config(altering)
    altering.add_argument("--unset", action="append", default=[], metavar="KEY", help="back to the default; repeatable")
    finish(altering, alter, "one object with the names of the topics")

    deleting = new_parser(actions, "delete", "delete topics", "Deletes topics with all records.", DELETE_EXAMPLES)
    add_names(deleting)
    deleting.add_argument("--if-exists", action="store_true", help="one that doesn't exist is fine")
    finish(deleting, delete, "one object with the names of the topics")


DESCRIBING = """
Shows topics: the configs that were set for them, and their partitions with leader, replicas, in-sync replicas, and
the first and the next offset.
"""


def finish(parser: argparse.ArgumentParser, run: Any, json: str) -> None:
    """What every action has."""
    add_json(parser, json)
    add_connection(parser, again=True)
    parser.set_defaults(run=run)


def add_names(parser: argparse.ArgumentParser, existing: bool = True) -> None:
    """The topics that it is about."""
    names = parser.add_argument("topics", nargs="+", metavar="TOPIC", help="the topic")
    if existing:
        names.completer = complete_topics  # type: ignore[attr-defined]


def add_config(parser: argparse.ArgumentParser) -> None:
    """Topic configs."""
    parser.add_argument(
        "--config",
        type=checked(pair),
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a config of Apache Kafka's, such as segment.bytes=1048576; repeatable",
    )


def list_topics(options: argparse.Namespace) -> int:
    """A line a topic."""
    with open_admin(options) as admin:
        topics = [topic for topic in admin.describe_topics() if options.internal or not topic.is_internal]
    found = [
        {
            "name": topic.name,
            "partitions": len(topic.partitions),
            "replication_factor": max((len(partition.replicas) for partition in topic.partitions), default=0),
            "internal": topic.is_internal,
        }
        for topic in topics
    ]
    if options.json:
        print_json({"topics": found})
    else:
        print_columns(("topic", "partitions", "replicas"), [list(topic.values())[:3] for topic in found])
    return 0


def create(options: argparse.Namespace) -> int:
    """Make them."""
    from actors.clients.structs import NewTopic
    from kstore.errors import TopicAlreadyExists

    made: list[CreatedTopic] = []
    with open_admin(options) as admin:
        for name in dict.fromkeys(options.topics):
            topic = NewTopic(name, options.partitions, options.replication_factor, None, dict(options.config))
            try:
                with about(name):
                    made += admin.create_topics([topic], validate_only=options.dry_run).values()
            except TopicAlreadyExists:
                if not options.if_not_exists:
                    raise
    if options.json:
        print_json({"created": [created(topic) for topic in made], "dry_run": options.dry_run})
        return 0
    word = "could be created" if options.dry_run else "created"
    for each in made:
        shape = f"{counted(each.num_partitions, 'partition')}, {counted(each.replication_factor, 'replica')}"
        print(f"{each.name}: {word}, {shape}")
    return 0


def created(topic: CreatedTopic) -> dict[str, Any]:
    """A new topic as JSON shows it."""
    return {
        "name": topic.name,
        "topic_id": topic.topic_id,
        "partitions": topic.num_partitions,
        "replication_factor": topic.replication_factor,
    }


def describe(options: argparse.Namespace) -> int:
    """All about them."""
    with open_admin(options) as admin:
        found = [described(admin, topic) for topic in admin.describe_topics(dict.fromkeys(options.topics))]
    if options.json:
        print_json({"topics": found})
        return 0
    for number, topic in enumerate(found):
        configs = "".join(f"\n  {key}={value}" for key, value in topic["configs"].items())
        shape = f"{counted(len(topic['partitions']), 'partition')}, {counted(replicas_of(topic), 'replica')}"
        print(f"{chr(10) if number else ''}{topic['name']}: {shape}{configs}")
        names = ("partition", "leader", "replicas", "in_sync", "first_offset", "next_offset")
        rows = [[partition[name] for name in names] for partition in topic["partitions"]]
        print_columns([name.replace("_", " ") for name in names], rows)
    return 0


def replicas_of(topic: dict[str, Any]) -> int:
    """How many replicas a partition has, of those that have most."""
    return max((len(partition["replicas"]) for partition in topic["partitions"]), default=0)


def described(admin: Admin, topic: TopicDescription) -> dict[str, Any]:
    """One topic as JSON shows it."""
    from actors.clients.descriptions import ConfigResource, OffsetSpec
    from actors.clients.structs import TopicPartition

    led = [TopicPartition(topic.name, each.partition) for each in topic.partitions if each.leader >= 0]
    first = admin.list_partition_offsets(dict.fromkeys(led, OffsetSpec.EARLIEST)) if led else {}
    after = admin.list_partition_offsets(dict.fromkeys(led, OffsetSpec.LATEST)) if led else {}
    configs = admin.describe_configs([ConfigResource("topic", topic.name)], config_filter="modified")
    partitions = []
    for each in topic.partitions:
        place = TopicPartition(topic.name, each.partition)
        partitions.append(
            {
                "partition": each.partition,
                "leader": each.leader if each.leader >= 0 else None,
                "replicas": list(each.replicas),
                "in_sync": list(each.isr),
                "first_offset": first[place].offset if place in first else None,
                "next_offset": after[place].offset if place in after else None,
            }
        )
    return {
        "name": topic.name,
        "topic_id": topic.topic_id,
        "internal": topic.is_internal,
        "configs": {name: entry.value for name, entry in configs["topic"][topic.name].items()},
        "partitions": partitions,
    }


def alter(options: argparse.Namespace) -> int:
    """Configs first, as they may be refused; then partitions."""
    from actors.clients.descriptions import ConfigResource

    if not (options.config or options.unset or options.partitions):
        raise UsageError("nothing to alter: give --config, --unset or --partitions")
    changes: dict[str, Any] = dict.fromkeys(options.unset, ("delete", None)) | dict(options.config)
    topics = list(dict.fromkeys(options.topics))
    with open_admin(options) as admin:
        for name in topics:
            with about(name):
                if changes:
                    admin.alter_configs([ConfigResource("topic", name, changes)])
                if options.partitions:
                    admin.create_partitions({name: options.partitions})
    tell(options, "altered", topics)
    return 0


def delete(options: argparse.Namespace) -> int:
    """Delete them."""
    from kstore.errors import UnknownTopicOrPartition

    gone = []
    with open_admin(options) as admin:
        for name in dict.fromkeys(options.topics):
            try:
                with about(name):
                    admin.delete_topics([name])
                gone.append(name)
            except UnknownTopicOrPartition:
                if not options.if_exists:
                    raise
    tell(options, "deleted", gone)
    return 0


def tell(options: argparse.Namespace, done: str, names: list[str]) -> None:
    """What was done to which topics."""
    if options.json:
        print_json({done: names})
    else:
        sys.stdout.write("".join(f"{name}: {done}\n" for name in names))
