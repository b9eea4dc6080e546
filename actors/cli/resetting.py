"""Where ``kstore groups reset-offsets`` puts a group: its partitions, and the offset of each, inside what it holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError
from actors.cli.places import places_of
from actors.clients.admin.descriptions import OffsetSpec
from actors.clients.structs import OffsetAndMetadata, TopicPartition

if TYPE_CHECKING:
    from actors.clients.admin import Admin

Committed = Mapping[TopicPartition, OffsetAndMetadata]


def moved(admin: Admin, options: argparse.Namespace, before: Committed) -> dict[TopicPartition, int]:
    """The new offset of each partition that is meant."""
    places = sorted(before) if options.all_topics else places_of(admin, options.topic)
    if not places:
        admin.describe_groups([options.group])  # which fails if there is no such group
        return {}
    first = offsets(admin, places, OffsetSpec.EARLIEST)
    after = offsets(admin, places, OffsetSpec.LATEST)
    targets = targets_of(admin, options, places, before, first, after)
    return {place: max(first[place], min(after[place], targets[place])) for place in places}


def targets_of(
    admin: Admin,
    options: argparse.Namespace,
    places: list[TopicPartition],
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
        return dict.fromkeys(places, options.to_offset)
    if options.to_datetime is not None:
        found = offsets(admin, places, options.to_datetime)
        return {place: after[place] if found[place] < 0 else found[place] for place in places}
    if missing := [place for place in places if place not in before]:
        raise UsageError(f"--shift-by moves from a committed offset, and {missing[0]} has none")
    return {place: before[place].offset + options.shift_by for place in places}


def offsets(admin: Admin, places: list[TopicPartition], spec: int) -> dict[TopicPartition, int]:
    """The offset of a place or a time in each partition."""
    return {place: at.offset for place, at in admin.list_partition_offsets(dict.fromkeys(places, spec)).items()}
