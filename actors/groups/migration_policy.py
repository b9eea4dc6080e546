"""``group.consumer.migration.policy``: which groups with members may become groups of the other protocol."""

from __future__ import annotations

from enum import Enum


class MigrationPolicy(Enum):
    """Kafka's four policies. Groups without members may always become groups of the other protocol."""

    DISABLED = "disabled"
    UPGRADE = "upgrade"
    """A classic group becomes a consumer group when a member of the consumer protocol joins it."""
    DOWNGRADE = "downgrade"
    """A consumer group becomes a classic group when its last member of the consumer protocol is gone."""
    BIDIRECTIONAL = "bidirectional"

    @property
    def can_upgrade(self) -> bool:
        """Whether a classic group with members may become a consumer group."""
        return self in (MigrationPolicy.UPGRADE, MigrationPolicy.BIDIRECTIONAL)

    @property
    def can_downgrade(self) -> bool:
        """Whether a consumer group with members may become a classic group."""
        return self in (MigrationPolicy.DOWNGRADE, MigrationPolicy.BIDIRECTIONAL)
