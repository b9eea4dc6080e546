"""Makes the shards of a node's transaction coordinators: they obey its config and share the sender of markers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image.feature_names import TRANSACTION_VERSION
from actors.transactions.producer_ids import ProducerIdSource
from actors.transactions.settings import settings_of
from actors.transactions.shard import TransactionShard

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.node.node import BrokerNode


class TransactionShards:
    """``next_producer_id`` is what the node's actor of producer ids is asked; ``marker_sender`` gives the present
    one.
    """

    def __init__(self, node: BrokerNode, next_producer_id: object, marker_sender: Callable[[], object]) -> None:
        self._node = node
        self._producer_ids = ProducerIdSource(lambda: node.view.producer_ids, next_producer_id)
        self._marker_sender = marker_sender

    def make(self, leader_epoch: int) -> TransactionShard:
        """The shard of one more coordinator."""
        return TransactionShard(
            settings_of(self._node.config),
            leader_epoch,
            transaction_version=self._transaction_version,
            producer_ids=self._producer_ids,
            marker_sender=self._marker_sender,
        )

    def _transaction_version(self) -> int:
        return self._node.view.image.features.get(TRANSACTION_VERSION, 0)
