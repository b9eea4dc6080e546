"""Producers of partitions, for ``kstore transactions``: describes them, finds hanging transactions, aborts them."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, TypedDict

from actors.cli.arguments import UsageError
from actors.cli.connection import open_admin
from actors.cli.output import counted, moment, print_columns, print_json
from actors.cli.partitions import partitions_of

if TYPE_CHECKING:
    from actors.clients.admin import Admin
    from actors.clients.admin.descriptions import AbortTransactionSpec, ProducerState
    from actors.clients.structs import TopicPartition

MINUTE_MS = 60_000
COLUMNS = (
    "topic",
    "partition",
    "producer id",
    "epoch",
    "coordinator epoch",
    "last sequence",
    "last timestamp",
    "start offset",
)


class ProducerShown(TypedDict):
    """A producer that a partition knows, as JSON shows it; null: there is none."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int
    coordinator_epoch: int | None
    last_sequence: int | None
    last_timestamp: int
    start_offset: int | None


class HangingShown(ProducerShown):
    """A transaction that hangs, as JSON shows it."""

    duration_minutes: int


def shown(partition: TopicPartition, told: ProducerState) -> ProducerShown:
    """One producer as JSON shows it."""
    return {
        "topic": partition.topic,
        "partition": partition.partition,
        "producer_id": told.producer_id,
        "producer_epoch": told.producer_epoch,
        "coordinator_epoch": told.coordinator_epoch if told.coordinator_epoch >= 0 else None,
        "last_sequence": told.last_sequence if told.last_sequence >= 0 else None,
        "last_timestamp": told.last_timestamp,
        "start_offset": told.current_transaction_start_offset if told.is_in_transaction else None,
    }


def row(told: ProducerShown) -> list[object]:
    """One producer as a line of a table shows it."""
    return list({**told, "last_timestamp": moment(told["last_timestamp"])}.values())


def describe_producers(options: argparse.Namespace) -> int:
    """A line for each producer of each partition."""
    with open_admin(options) as admin:
        found = admin.describe_producers(partitions_of(admin, options.partitions, options.broker_id), options.broker_id)
    producers = [shown(partition, each) for partition, known in found.items() for each in known]
    if options.json:
        print_json({"producers": producers})
    elif producers:
        print_columns(COLUMNS, [row(each) for each in producers])
    else:
        print("kstore: no producer with an id has written there", file=sys.stderr)
    return 0


def find_hanging(options: argparse.Namespace) -> int:
    """A line for each transaction that hangs."""
    with open_admin(options) as admin:
        wanted: dict[str, list[int]] | None = None
        if options.partitions:
            wanted = {}
            for partition in partitions_of(admin, options.partitions, options.broker_id):
                wanted.setdefault(partition.topic, []).append(partition.partition)
        found = admin.find_hanging_transactions(wanted, options.broker_id, options.max_transaction_timeout * MINUTE_MS)
    now_ms = time.time_ns() // 1_000_000
    hanging: list[HangingShown] = [
        {**shown(*each), "duration_minutes": (now_ms - each.producer.last_timestamp) // MINUTE_MS} for each in found
    ]
    if options.json:
        print_json({"hanging": hanging})
    elif hanging:
        print_columns((*COLUMNS, "minutes"), [row(each) for each in hanging])
        print("to abort one: kstore transactions abort TOPIC:PARTITION --start-offset N", file=sys.stderr)
    else:
        print("kstore: no transaction hangs", file=sys.stderr)
    return 0


def abort(options: argparse.Namespace) -> int:
    """Abort a transaction in one partition."""
    by_producer = options.producer_id is not None and options.producer_epoch is not None
    if (options.start_offset is not None) == by_producer:
        raise UsageError("name the transaction: --start-offset N, or --producer-id ID --producer-epoch N")
    with open_admin(options) as admin:
        topic, number = options.partition
        (partition,) = partitions_of(admin, [(topic, (number,))])
        spec = meant(admin, partition, options)
        if not options.force:
            check_hangs(admin, spec)
        admin.abort_transaction(spec)
    if options.json:
        print_json(
            {
                "topic": partition.topic,
                "partition": partition.partition,
                "producer_id": spec.producer_id,
                "producer_epoch": spec.producer_epoch,
                "coordinator_epoch": spec.coordinator_epoch,
            }
        )
    else:
        print(f"{partition}: the transaction of producer {spec.producer_id} was aborted")
    return 0


def meant(admin: Admin, partition: TopicPartition, options: argparse.Namespace) -> AbortTransactionSpec:
    """The transaction that the options name. Raises ``InvalidTxnState`` if none begins there."""
    from actors.clients.admin.descriptions import AbortTransactionSpec
    from kstore.errors import InvalidTxnState

    if options.start_offset is None:
        epoch = max(0, options.coordinator_epoch or 0)
        return AbortTransactionSpec(partition, options.producer_id, options.producer_epoch, epoch)
    open_here = {
        each.current_transaction_start_offset: each
        for each in admin.describe_producers([partition])[partition]
        if each.is_in_transaction
    }
    if options.start_offset not in open_here:
        others = f"; there are, from {', '.join(map(str, sorted(open_here)))} on" if open_here else ""
        raise InvalidTxnState(f"no open transaction of {partition} begins at offset {options.start_offset}{others}")
    return AbortTransactionSpec.of(partition, open_here[options.start_offset])


def check_hangs(admin: Admin, spec: AbortTransactionSpec) -> None:
    """Raise ``InvalidTxnState`` for a transaction that a coordinator will end: its other partitions belong to it."""
    from kstore.errors import InvalidTxnState

    ids = [each.transactional_id for each in admin.list_transactions(producer_id_filters=[spec.producer_id])]
    for name, each in (admin.describe_transactions(ids) if ids else {}).items():
        if spec.topic_partition in each.topic_partitions:
            others = counted(len(each.topic_partitions) - 1, "other partition")
            raise InvalidTxnState(
                f"it doesn't hang: it is of transactional id {name}, and in {others}; kstore transactions "
                f"force-terminate {name} aborts all of it, --force only this partition"
            )
