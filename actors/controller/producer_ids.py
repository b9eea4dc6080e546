"""Blocks of producer ids: each is given to one broker, once and for ever."""

from __future__ import annotations

from actors.controller.state import ControllerState, Decision
from kstore.errors import UnknownServerError
from kstore.schema.messages.allocate_producer_ids import AllocateProducerIdsRequest, AllocateProducerIdsResponse
from kstore.schema.messages.metadata_records import ProducerIdsRecord

BLOCK_SIZE = 1000
ID_MAX = (1 << 63) - 1


def allocate(state: ControllerState, request: AllocateProducerIdsRequest) -> Decision:
    """AllocateProducerIds: the next block, for the broker that asks.

    Raises:
        BrokerIdNotRegistered, StaleBrokerEpoch: it isn't the broker that is registered.
    """
    state.check_epoch(request.broker_id, request.broker_epoch)
    first = state.image.next_producer_id
    if first > ID_MAX - BLOCK_SIZE:
        raise UnknownServerError("Exhausted all producerIds as the next block's end producerId has exceeded the limit")
    record = ProducerIdsRecord(
        broker_id=request.broker_id, broker_epoch=request.broker_epoch, next_producer_id=first + BLOCK_SIZE
    )
    return Decision([record], AllocateProducerIdsResponse(producer_id_start=first, producer_id_len=BLOCK_SIZE))
