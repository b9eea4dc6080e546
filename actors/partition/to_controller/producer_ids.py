"""Producer ids for idempotent producers: taken one by one from blocks that the controller allocates.

A new block is requested when none is left; producers that ask meanwhile wait for it in order. If the controller can't
be asked they get COORDINATOR_LOAD_IN_PROGRESS, as from Apache Kafka, and retry.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from actors.runtime import Actor, receives
from kstore.errors import CoordinatorLoadInProgress
from kstore.named import NamedTuple
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsRequest, AllocateProducerIdsResponse

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Reply


class NextProducerId(NamedTuple):
    """Ask for a new producer id."""


class ProducerIds(Actor):
    """The producer ids of one node."""

    node: BrokerNode

    failure_scope = "a node's block of producer ids; the next one is asked for"

    def __init__(self, node: BrokerNode, name: str = "producer-ids") -> None:
        super().__init__(node, name)
        self.controller = node.controller_channel.connection(self, None)
        self.next_id = 0
        self.end_id = 0
        self.waiting: deque[Reply] = deque()

    @receives(NextProducerId)
    def next_producer_id(self, message: NextProducerId) -> None:
        """Answer with the next id, or request a new block first."""
        self.waiting.append(self.defer())
        if self.next_id < self.end_id:
            self._give()
        elif len(self.waiting) == 1:
            self._allocate()

    def _give(self) -> None:
        while self.waiting and self.next_id < self.end_id:
            self.waiting.popleft().set(self.next_id)
            self.next_id += 1
        if self.waiting:
            self._allocate()

    def _allocate(self) -> None:
        request = AllocateProducerIdsRequest(broker_id=self.node.node_id, broker_epoch=self.node.view.broker_epoch)
        self.controller.send(request, self._allocated)

    def _allocated(self, outcome: object) -> None:
        if isinstance(outcome, AllocateProducerIdsResponse) and not outcome.error_code:
            self.next_id = outcome.producer_id_start
            self.end_id = outcome.producer_id_start + outcome.producer_id_len
            self._give()
            return
        waiting, self.waiting = self.waiting, deque()
        for reply in waiting:
            reply.fail(CoordinatorLoadInProgress("the controller has no producer ids for this broker yet"))
