"""Where ``kstore groups reset-offsets`` puts a group: its partitions, and the offset of each, inside what it holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError
from actors.cli.partitions import partitions_of
from actors.clients.admin.descriptions import OffsetSpec
from actors.clients.structs import OffsetAndMetadata, TopicPartition

if TYPE_CHECKING:
    from actors.clients.admin import Admin

Committed = Mapping[TopicPartition, OffsetAndMetadata]


def moved(admin: Admin, options: argparse.Namespace, before: Committed) -> dict[TopicPartition, int]:
    """The new offset of each partition that is meant."""
    partitions = sorted(before) if options.all_topics else partitions_of(admin, options.topic)
    if not partitions:
        admin.describe_groups([options.group])  # which fails if there is no such group
        return {}
    first = offsets(admin, partitions, OffsetSpec.EARLIEST)
    after = offsets(admin, partitions, OffsetSpec.LATEST)
    targets = targets_of(admin, options, partitions, before, first, after)
    return {partition: max(first[partition], min(after[partition], targets[partition])) for partition in partitions}


def targets_of(
    admin: Admin,
    options: argparse.Namespace,
    partitions: list[TopicPartition],
    before: Committed,
    first: Mapping[TopicPartition, int],
    after: Mapping[TopicPartition, int],
) -> Mapping[TopicPartition, int]:
    """Where each is to go, before it is brought into what its partition holds."""
    if options.to_earliest:
        return first
    if options.to_latest:
        return after
    if options.to_offset is not None:
        return dict.fromkeys(partitions, options.to_offset)
    if options.to_datetime is not None:
        found = offsets(admin, partitions, options.to_datetime)
        return {partition: after[partition] if found[partition] < 0 else found[partition] for partition in partitions}
    if missing := [partition for partition in partitions if partition not in before]:
        raise UsageError(f"--shift-by moves from a committed offset, and {missing[0]} has none")
    return {partition: before[partition].offset + options.shift_by for partition in partitions}


def offsets(admin: Admin, partitions: list[TopicPartition], spec: int) -> dict[TopicPartition, int]:
    """The offset of a position or a time in each partition."""
    return {
        partition: at.offset for partition, at in admin.list_partition_offsets(dict.fromkeys(partitions, spec)).items()
    }
