"""``kstore topics``: the topics of any Kafka: listed, made, described, altered, deleted."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, TypedDict

from actors.cli.arguments import UsageError, add_connection, add_json, at_least
from actors.cli.configs import add_config, add_unset, alter_configs
from actors.cli.connection import complete_topics, open_admin
from actors.cli.for_each import delete_each, do_each, tell, unknown
from actors.cli.output import counted, print_columns, print_json
from actors.cli.parsers import add_actions, new_parser

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.cli.parsers import Verbs
    from actors.clients.admin import Admin
    from actors.clients.admin.descriptions import CreatedTopic, PartitionDescription, TopicDescription
    from actors.clients.structs import TopicPartition

DESCRIPTION = "Lists, creates, describes, alters and deletes the topics of any Kafka."

EXAMPLES = """
kstore topics list
kstore topics create invoices -p 3
kstore topics describe payments
"""
LIST_EXAMPLES = """
kstore topics list
kstore topics list --internal --json
"""
CREATE_EXAMPLES = """
kstore topics create receipts -p 3 -r 1 --config segment.bytes=1048576
kstore topics create receipts --if-not-exists
kstore topics create refunds --dry-run
"""
DESCRIBE_EXAMPLES = """
kstore topics describe
kstore topics describe payments
kstore topics describe payments orders --json
"""
EXAMPLE = "segment.bytes=1048576"
ALTER_EXAMPLES = """
kstore topics alter payments -p 6
kstore topics alter payments --config segment.ms=60000 --unset segment.bytes
"""
DELETE_EXAMPLES = """
kstore topics delete receipts
kstore topics delete receipts refunds --if-exists
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb and its own verbs to the command's parser."""
    verb = new_parser(verbs, "topics", "list, create, describe, alter and delete topics", DESCRIPTION, EXAMPLES)
    add_connection(verb)
    actions = add_actions(verb)

    listing = new_parser(actions, "list", "list topics", "Lists topics, a line each.", LIST_EXAMPLES)
    listing.add_argument("--internal", action="store_true", help="Kafka's own topics as well")
    finish(listing, list_topics, "one object with all topics")

    creating = new_parser(actions, "create", "create topics", "Creates topics.", CREATE_EXAMPLES)
    add_names(creating, existing=False)
    creating.add_argument(
        "-p",
        "--partitions",
        type=at_least(1),
        default=-1,
        metavar="N",
        help="how many (default: the brokers' num.partitions)",
    )
    creating.add_argument(
        "-r",
        "--replication-factor",
        type=at_least(1),
        default=-1,
        metavar="N",
        help="the replicas of each partition (default: the brokers' default.replication.factor)",
    )
    add_config(creating, EXAMPLE)
    creating.add_argument("--if-not-exists", action="store_true", help="don't fail if it exists; it stays as it is")
    creating.add_argument("--dry-run", action="store_true", help="only check whether it could be done")
    finish(creating, create, "one object with the topics that were created")

    describing = new_parser(
        actions,
        "describe",
        "show partitions, leaders, replicas, offsets, sizes and configs",
        DESCRIBING,
        DESCRIBE_EXAMPLES,
    )
    add_names(describing, nargs="*")
    describing.add_argument("--internal", action="store_true", help="without a name: Kafka's own topics as well")
    finish(describing, describe, "one object with everything")

    altering = new_parser(actions, "alter", "set and unset configs, add partitions", "Alters topics.", ALTER_EXAMPLES)
    add_names(altering)
    altering.add_argument("-p", "--partitions", type=at_least(1), metavar="N", help="grow to N partitions")
    add_config(altering, EXAMPLE)
    add_unset(altering)
    finish(altering, alter, "one object with the names of the topics")

    deleting = new_parser(actions, "delete", "delete topics", "Deletes topics with all records.", DELETE_EXAMPLES)
    add_names(deleting)
    deleting.add_argument("--if-exists", action="store_true", help="don't fail if it doesn't exist")
    finish(deleting, delete, "one object with the names of the topics")


DESCRIBING = """
Shows topics (without a name: all): the configs that were set for them, and their partitions with leader, replicas,
in-sync replicas, the first and the next offset, and how many bytes each of the replicas takes on its broker's disk, if
the brokers say so.
"""


def finish(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], json: str) -> None:
    """What every action has."""
    add_json(parser, json)
    add_connection(parser, again=True)
    parser.set_defaults(run=run)


def add_names(parser: argparse.ArgumentParser, existing: bool = True, nargs: str = "+") -> None:
    """The topics that it is about."""
    names = parser.add_argument("topics", nargs=nargs, default=[], metavar="TOPIC", help="the topic")
    if existing:
        names.completer = complete_topics  # type: ignore[attr-defined]


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
    word = "could be created" if options.dry_run else "created"

    def one(name: str) -> None:
        topic = NewTopic(name, options.partitions, options.replication_factor, None, dict(options.config))
        try:
            (found,) = admin.create_topics([topic], validate_only=options.dry_run).values()
        except TopicAlreadyExists:
            if not options.if_not_exists:
                raise
            tell(options, name, "exists already")
            return
        made.append(found)
        tell(options, name, word, *shape(found.num_partitions, found.replication_factor))

    with open_admin(options) as admin:
        code = do_each(options.topics, one, "topic", admin.list_topics)
    if options.json:
        print_json({"created": [created(topic) for topic in made], "dry_run": options.dry_run})
    return code


def created(topic: CreatedTopic) -> dict[str, object]:
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
        found = described(admin, chosen(admin, options))
    if options.json:
        print_json({"topics": found})
        return 0
    for number, topic in enumerate(found):
        configs = "".join(f"\n  {key}={value}" for key, value in topic["configs"].items())
        replicas = max((len(partition["replicas"]) for partition in topic["partitions"]), default=0)
        title = ", ".join(shape(len(topic["partitions"]), replicas))
        print(f"{chr(10) if number else ''}{topic['name']}: {title}{configs}")
        names = ["partition", "leader", "replicas", "in sync", "first offset", "next offset", "bytes"]
        if not any(partition["size_bytes"] for partition in topic["partitions"]):
            names.remove("bytes")
        print_columns(names, [list(partition.values())[: len(names)] for partition in topic["partitions"]])
    if not found:
        print("kstore: there are no topics", file=sys.stderr)
    return 0


def chosen(admin: Admin, options: argparse.Namespace) -> list[TopicDescription]:
    """The topics that were named; without a name all, but for Kafka's own."""
    from kstore.errors import UnknownTopicOrPartition

    if not options.topics:
        return [topic for topic in admin.describe_topics() if options.internal or not topic.is_internal]
    names = list(dict.fromkeys(options.topics))
    try:
        return admin.describe_topics(names)
    except UnknownTopicOrPartition as error:
        there = admin.list_topics()
        raise unknown(type(error), "topic", next(name for name in names if name not in there), there) from None


def shape(partitions: int, replicas: int) -> tuple[str, str]:
    """How large a topic is."""
    return counted(partitions, "partition"), counted(replicas, "replica")


class PartitionShown(TypedDict):
    """A partition as JSON shows it."""

    partition: int
    leader: int | None
    replicas: list[int]
    in_sync: list[int]
    first_offset: int | None
    next_offset: int | None
    size_bytes: list[int | None] | None


class TopicShown(TypedDict):
    """A topic as JSON shows it."""

    name: str
    topic_id: str
    internal: bool
    configs: dict[str, str | None]
    partitions: list[PartitionShown]


def described(admin: Admin, topics: list[TopicDescription]) -> list[TopicShown]:
    """Topics as JSON shows them."""
    from actors.clients.admin.descriptions import ConfigResource, OffsetSpec
    from actors.clients.structs import TopicPartition

    led = [
        TopicPartition(topic.name, each.partition) for topic in topics for each in topic.partitions if each.leader >= 0
    ]
    first = admin.list_partition_offsets(dict.fromkeys(led, OffsetSpec.EARLIEST)) if led else {}
    after = admin.list_partition_offsets(dict.fromkeys(led, OffsetSpec.LATEST)) if led else {}
    resources = [ConfigResource("topic", topic.name) for topic in topics]
    configs = admin.describe_configs(resources, config_filter="modified") if topics else {}
    sizes = sizes_of(admin, topics) if topics else {}

    def partition(key: TopicPartition, of: PartitionDescription) -> PartitionShown:
        return {
            "partition": of.partition,
            "leader": of.leader if of.leader >= 0 else None,
            "replicas": list(of.replicas),
            "in_sync": list(of.isr),
            "first_offset": first[key].offset if key in first else None,
            "next_offset": after[key].offset if key in after else None,
            "size_bytes": [sizes.get((key, replica)) for replica in of.replicas] if sizes else None,
        }

    return [
        {
            "name": topic.name,
            "topic_id": topic.topic_id,
            "internal": topic.is_internal,
            "configs": {name: entry.value for name, entry in configs["topic"][topic.name].items()},
            "partitions": [partition(TopicPartition(topic.name, each.partition), each) for each in topic.partitions],
        }
        for topic in topics
    ]


def sizes_of(admin: Admin, topics: list[TopicDescription]) -> dict[tuple[TopicPartition, int], int]:
    """The bytes of each replica, by partition and broker, as far as brokers tell."""
    from actors.clients.errors import SeveralFailed
    from kstore.errors import ClusterAuthorizationFailed, UnsupportedVersion

    untold = ClusterAuthorizationFailed, UnsupportedVersion
    wanted = {topic.name: [each.partition for each in topic.partitions] for topic in topics}
    try:
        told = admin.describe_log_dirs(wanted)
    except untold:
        return {}
    except SeveralFailed as failed:
        if not all(isinstance(error, untold) for error in failed.errors.values()):
            raise
        told = dict(failed.results)
    return {
        (key, broker): replica.size_bytes
        for broker, directories in told.items()
        for directory in directories
        for key, replica in directory.replicas.items()
        if not replica.is_future
    }


def alter(options: argparse.Namespace) -> int:
    """Configs first, as they may be refused; then partitions."""
    if not (options.config or options.unset or options.partitions):
        raise UsageError("nothing to alter: give --config, --unset or --partitions")
    altered: list[str] = []

    def one(name: str) -> None:
        done: list[str] = []
        try:
            done += alter_configs(admin, "topic", name, options)
            if options.partitions:
                admin.create_partitions({name: options.partitions})
                done.append(counted(options.partitions, "partition"))
        finally:
            if done:
                altered.append(name)
                tell(options, name, "altered", *done)

    with open_admin(options) as admin:
        code = do_each(options.topics, one, "topic", admin.list_topics)
    if options.json:
        print_json({"altered": altered})
    return code


def delete(options: argparse.Namespace) -> int:
    """Delete them."""
    with open_admin(options) as admin:
        return delete_each(
            options, options.topics, lambda name: admin.delete_topics([name]), "topic", admin.list_topics
        )
