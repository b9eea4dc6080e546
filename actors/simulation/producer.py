"""Producers: an idempotent one that never gives up and never loses, and one that takes what acks=1 gives.

The idempotent producer keeps several requests under way in each partition and sends what failed again, in order and
with the same sequence numbers, until it is acknowledged. The first of a partition goes alone: a leader that has never
heard of a producer takes any sequence number from it, so one that has just begun to lead could take the second of two
whose first was refused a moment before. Every value is sent as one of a kind: ``producer/partition/number``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import requests
from actors.simulation.client import ANSWER_MS, RequestTo, SimulatedClient, Workload, is_retriable
from kstore.errors import OutOfOrderSequenceNumber
from kstore.named import NamedTuple
from kstore.records import BatchBuilder
from kstore.schema.messages.init_producer_id import InitProducerIdRequest

if TYPE_CHECKING:
    from kstore.schema.messages.produce import ProduceRequest, ProduceResponse

IN_FLIGHT_MAX = 4
RECORDS_MAX = 4
SEQUENCE_MAX = 2**31 - 1
COMPRESSIONS = [0] * 12 + [1, 2, 3, 4]
ZSTD, ZSTD_FROM = 4, 7


class Batch(NamedTuple):
    """Values under way, and the bytes that carry them, the same at every attempt."""

    values: list[bytes]
    records: bytes
    compression: int


class SimulatedProducer(SimulatedClient):
    """Produces to every partition until the workload closes, then until all is acknowledged."""

    def __init__(self, node: Node, name: str, workload: Workload, *, label: str, acks: int, pace_ms: int) -> None:
        super().__init__(node, name, workload)
        self.label = label
        self.acks = acks
        self.pace_ms = pace_ms
        self.producer_id = -1
        self.producer_epoch = -1
        self.busy = 0
        self.first_sequence = self.random.choice((0, 0, SEQUENCE_MAX - 30))  # which is near where they begin again

    @property
    def is_idempotent(self) -> bool:
        """Whether its batches are numbered: with acks=all."""
        return self.acks == -1

    def live(self) -> Coroutine:
        if self.is_idempotent:
            yield from self.obtain_id()
        self.busy = len(self.workload.partitions)
        for partition in self.workload.partitions:
            self.run_coroutine(self.produce_to(partition), self.finished)

    def ended(self, outcome: object) -> None:
        """Each partition's coroutine says when it is over."""

    def finished(self, outcome: object) -> None:
        """Note that it is done with a partition; it rests once it is done with all."""
        self.busy -= 1
        self.resting = self.busy == 0

    def obtain_id(self) -> Coroutine:
        """Ask for a producer id until there is one."""
        while self.producer_id < 0:
            request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000)
            answer = yield self.to(self.anybody(), request)
            if not isinstance(answer, Disconnected) and answer.error_code == 0:
                self.producer_id, self.producer_epoch = answer.producer_id, answer.producer_epoch
                self.workload.history.producer_id_given(self.label, answer.producer_id, answer.producer_epoch)
            else:
                yield self.retry_pause()

    def produce_to(self, partition: int) -> Coroutine:
        """Send batches to a partition until the workload ends."""
        under_way: list[Batch] = []
        number, sequence = 0, self.first_sequence
        in_flight_max = 1
        while under_way or not self.workload.closing:
            if not under_way:
                yield Pause(self.random.randint(1, 2 * self.pace_ms))
                for _ in range(self.random.randint(1, in_flight_max)):
                    batch = self.next_batch(partition, number, sequence)
                    under_way.append(batch)
                    number += len(batch.values)
                    sequence = (sequence + len(batch.values)) & SEQUENCE_MAX
            leader = yield from self.leader_of(partition)
            outcomes = yield [self.sending(leader, partition, batch) for batch in under_way]
            left = self.settle(partition, under_way, outcomes)
            under_way = left if self.is_idempotent else []
            if not left:
                in_flight_max = IN_FLIGHT_MAX
            else:
                yield from self.mistrust(partition)

    def next_batch(self, partition: int, number: int, sequence: int) -> Batch:
        """A batch of a few values that nobody else sends."""
        count = self.random.randint(1, RECORDS_MAX)
        values = [f"{self.label}/{partition}/{number + index}".encode() for index in range(count)]
        now_ms = self.now_ms()
        compression = self.random.choice(COMPRESSIONS)
        builder = BatchBuilder(
            compression=compression,
            base_timestamp=now_ms,
            producer_id=self.producer_id,
            producer_epoch=self.producer_epoch,
            base_sequence=sequence if self.is_idempotent else -1,
        )
        for value in values:
            builder.append(now_ms, self.random.choice(self.workload.keys), value)
        self.workload.history.sent(self.label, partition, values, certain=self.is_idempotent)
        return Batch(values, builder.build(), compression)

    def sending(self, leader: int, partition: int, batch: Batch) -> RequestTo:
        """The request that carries a batch, in a version that may."""
        request = self.produce_request(partition, batch)
        version = self.version(request.API_KEY)
        return RequestTo(leader, request, max(version, ZSTD_FROM) if batch.compression == ZSTD else version, ANSWER_MS)

    def produce_request(self, partition: int, batch: Batch) -> ProduceRequest:
        """The Produce request of a batch."""
        return requests.produce(self.workload.topic, self.topic_id, partition, batch.records, self.acks, 2_000)

    def settle(
        self, partition: int, batches: list[Batch], outcomes: list[ProduceResponse | Disconnected]
    ) -> list[Batch]:
        """Note what was acknowledged; returns what was not."""
        left: list[Batch] = []
        for batch, outcome in zip(batches, outcomes, strict=True):
            if isinstance(outcome, Disconnected):
                left.append(batch)
                continue
            answer = outcome.responses[0].partition_responses[0]
            if answer.error_code == 0:
                if self.is_idempotent:
                    self.workload.history.acknowledged(partition, batch.values, answer.base_offset)
            elif answer.error_code == OutOfOrderSequenceNumber.code:
                # The one before it has to be in the log first, or this was a leader that was cut off and replaced, and
                # lacks what its successor has. Where records are lost it stays so, and nothing comes to rest. After a
                # start a log knows a producer's older batches if it has them still, as in Kafka.
                if not self.workload.is_gone(partition, batch.values[0]):
                    left.append(batch)
            else:
                if not is_retriable(answer.error_code):
                    self.workload.history.refused(self.label, partition, batch.values[0], answer.error_code)
                left.append(batch)
        return left
