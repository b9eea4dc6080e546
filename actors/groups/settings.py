"""The broker settings a group coordinator obeys, under Kafka's names with the dots made underscores."""

from typing import NamedTuple


class GroupSettings(NamedTuple):
    group_min_session_timeout_ms: int = 6_000
    group_max_session_timeout_ms: int = 1_800_000
    group_initial_rebalance_delay_ms: int = 3_000
    group_max_size: int = 2_147_483_647
    offset_metadata_max_bytes: int = 4_096
    offsets_retention_ms: int = 7 * 24 * 60 * 60 * 1_000
    """``offsets.retention.minutes``"""
    offsets_retention_check_interval_ms: int = 600_000
    offsets_commit_timeout_ms: int = 5_000


NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1_000
"""How long a member that has never been through a join may stay parked in its first; fixed in Kafka too."""
