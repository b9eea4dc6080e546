"""Makes the shards of a node's group coordinators: they obey its config and share one bound of memory."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from actors.groups.memory_use import MemoryUse
from actors.groups.settings import settings_of
from actors.groups.shard import GroupShard

if TYPE_CHECKING:
    from actors.node.node import BrokerNode


class GroupShards:
    """Makes the shards of a node's group coordinators, which share one bound of memory."""

    def __init__(self, node: BrokerNode) -> None:
        self._node = node
        self._memory_use = MemoryUse()

    def make(self, leader_epoch: int) -> GroupShard:
        """The shard of one more coordinator; its records say nothing of the epoch in which it leads."""
        return GroupShard(settings_of(self._node.config), self._new_id, MemoryUse(self._memory_use))

    def _new_id(self) -> str:
        return str(UUID(bytes=self._node.world.uuid()))
