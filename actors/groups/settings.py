"""The broker settings a group coordinator obeys, under Kafka's names with the dots made underscores; and the configs of
single groups.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from actors.config.assignors import assignors_of
from actors.groups.migration_policy import MigrationPolicy
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.config import BrokerConfig


class GroupSettings(NamedTuple):
    """The broker's configs that groups follow, with Apache Kafka's defaults."""

    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000
    group_initial_rebalance_delay_ms: int = 3_000
    group_max_size: int = 2_147_483_647
    group_metadata_max_bytes: int = 67_108_864
    offset_metadata_max_bytes: int = 4_096
    offsets_retention_ms: int = 7 * 24 * 60 * 60 * 1_000
    """``offsets.retention.minutes``"""
    offsets_retention_check_interval_ms: int = 600_000
    offsets_commit_timeout_ms: int = 5_000
    group_consumer_max_size: int = 2_147_483_647
    group_consumer_assignors: tuple[str, ...] = ("uniform", "range")
    """Names of ``actors/groups/consumer/assignors``; the first is for groups whose members name none."""
    group_consumer_migration_policy: MigrationPolicy = MigrationPolicy.BIDIRECTIONAL


class GroupConfigs(NamedTuple):
    """What one consumer group follows now: its own configs, or the brokers' that stand for them."""

    session_timeout_ms: int = 45_000
    heartbeat_interval_ms: int = 5_000
    assignment_interval_ms: int = 1_000


ConfigsOf: TypeAlias = Callable[[str], GroupConfigs]
"""The configs of the group with an id. They may change at any time, so they are asked for whenever they count."""

NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1_000
"""How long a member that has never been through a join may stay parked in its first; fixed in Kafka too."""


def settings_of(config: BrokerConfig) -> GroupSettings:
    return GroupSettings(
        group_min_session_timeout_ms=config.integer("group.min.session.timeout.ms"),
        group_max_session_timeout_ms=config.integer("group.max.session.timeout.ms"),
        group_initial_rebalance_delay_ms=config.integer("group.initial.rebalance.delay.ms"),
        group_max_size=config.integer("group.max.size"),
        group_metadata_max_bytes=config.integer("group.metadata.max.bytes"),
        offset_metadata_max_bytes=config.integer("offset.metadata.max.bytes"),
        offsets_retention_ms=config.integer("offsets.retention.minutes") * 60_000,
        offsets_retention_check_interval_ms=config.integer("offsets.retention.check.interval.ms"),
        offsets_commit_timeout_ms=config.integer("offsets.commit.timeout.ms"),
        group_consumer_max_size=config.integer("group.consumer.max.size"),
        group_consumer_assignors=assignors_of(config.strings("group.consumer.assignors")),
        group_consumer_migration_policy=MigrationPolicy(str(config["group.consumer.migration.policy"]).lower()),
    )
