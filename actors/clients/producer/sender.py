"""The producer's actor: takes batches from the accumulator to the leaders of their partitions, and brings back what
became of them.

It does nothing by itself: batches that were opened or closed wake it, an answer does, or a timer when a batch has
lingered, may be tried again, or has run out of time. Each time it looks at what is ready and sends, to each broker that
may take another request, one batch for each partition, as Apache Kafka's ``Sender`` does. What is idempotent about it
is in ``idempotence``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from actors.clients.coroutine import SendTo
from actors.clients.errors import KafkaTimeout
from actors.clients.producer.idempotence import Idempotence
from actors.clients.producer.leaders import BrokerQueues, LeaderSeeker
from actors.clients.producer.metrics import Counts
from actors.clients.producer.produce_requests import (
    STALE_VIEW,
    Produced,
    answers_in,
    of_the_others,
    produced,
    request_of,
)
from actors.network.link import Disconnected
from actors.runtime import receives
from actors.runtime.coroutine import Eventually
from kstore.errors import (
    DuplicateSequenceNumber,
    KafkaError,
    MessageTooLarge,
    NetworkException,
    for_code,
)
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.keywords.table import ProducerConfig
    from actors.clients.producer.accumulator import Accumulator
    from actors.clients.producer.partition_queues import PartitionQueue
    from actors.clients.producer.pending import PendingBatch
    from actors.clients.transport import Transport
    from actors.runtime import Node
    from kstore.schema.messages.produce import ProduceRequest, ProduceResponse


class Wake(NamedTuple):
    """To itself: batches were opened or closed."""


class Due(NamedTuple):
    """To itself: it is time for something."""


WAKE, DUE = Wake(), Due()


class Sender(LeaderSeeker):
    """The actor of one producer."""

    def __init__(
        self,
        node: Node,
        name: str,
        transport: Transport,
        config: ProducerConfig,
        accumulator: Accumulator,
    ) -> None:
        super().__init__(node, name, transport, config, accumulator)
        self.settings = config
        self.idempotence = Idempotence() if config.enable_idempotence else None
        self.counts = Counts()
        self.lingering: deque[PendingBatch] = deque()
        self.one_at_a_time = config.max_in_flight_requests_per_connection == 1
        self.is_awake = False
        self.is_identifying = False
        self.next_due = self.alarm(DUE, tick_us=1)
        self.produce_versions: tuple[int, int] | None = None  # None: all that the client speaks
        self.retry_us = 0  # the earliest that a batch may be tried again; 0: none waits for that

    def woken(self) -> None:
        """Batches were opened or closed; called as the user's thread, outside any turn."""
        for batch in self.accumulator.take_opened():
            self.note("BatchOpened", batch.queue.label, batch.number)
            self.lingering.append(batch)
        if not self.is_awake:
            self.is_awake = True
            self.ref.tell(WAKE)

    @receives(Wake)
    def wake(self, message: Wake) -> None:
        """Look at what is ready."""
        self.is_awake = False
        self.work()

    @receives(Due)
    def due(self, message: Due) -> None:
        """A timer's time has come."""
        self.next_due.rang()
        self.work()

    def work(self) -> None:
        """Send what can be sent, give up what is too late, and see to the next time."""
        accumulator = self.accumulator
        if not accumulator.incomplete:
            return
        now_us = self.now_us()
        self._linger(now_us)
        self._give_up_late(now_us)
        for queue in accumulator.take_ready():
            self.place(queue)
        if self._may_drain():
            self.retry_us = 0
            for node_id, broker in self.brokers.items():
                if broker.queues:
                    self._drain(node_id, broker, now_us)
        self._look_again_in_time(now_us)

    def _linger(self, now_us: int) -> None:
        """Close the batches that have waited long enough for more records."""
        lingering = self.lingering
        latest_us = now_us - self.settings.linger_ms * 1000
        if self.accumulator.starving:
            latest_us = now_us
        while lingering and (lingering[0].is_closed or lingering[0].opened_us <= latest_us):
            self.accumulator.close(lingering.popleft())

    def _give_up_late(self, now_us: int) -> None:
        """Fail the batches that were not acknowledged within the delivery timeout, sent or not."""
        latest_us = now_us - self.settings.delivery_timeout_ms * 1000
        for batch in self.accumulator.late(latest_us):
            queue = batch.queue
            self.accumulator.close(batch)
            if batch in queue.waiting:
                queue.waiting.remove(batch)
            age_ms = (now_us - batch.opened_us) // 1000
            error = KafkaTimeout(
                f"{batch.count} records for {queue.label} were not acknowledged within {age_ms} ms of the first send"
                + (f": {self.last_failure}" if self.last_failure else "")
            )
            self._fail(batch, error, surely=False)
            if self.idempotence is not None and batch.attempts:
                self.idempotence.expired(queue, batch)

    def _look_again_in_time(self, now_us: int) -> None:
        """Be woken for what is due first."""
        oldest_us = self.accumulator.oldest_us()
        if oldest_us is None:
            return
        at_us = oldest_us + self.settings.delivery_timeout_ms * 1000
        if self.lingering:
            at_us = min(at_us, self.lingering[0].opened_us + self.settings.linger_ms * 1000)
        if self.retry_us:
            at_us = min(at_us, self.retry_us)
        if at_us < self.next_due.due:
            self.next_due.at(at_us, now_us)

    def _may_drain(self) -> bool:
        """Whether batches can be sent; an idempotent producer needs an id for that."""
        idempotence = self.idempotence
        if idempotence is None or idempotence.is_settled:
            return True
        if idempotence.fatal is not None:
            self.give_up(idempotence.fatal)
            return False
        idempotence.settle()
        if not idempotence.has_identity and not self.is_identifying:
            self.is_identifying = True
            self.begin(self._identify())
        return idempotence.has_identity

    def _identify(self) -> Eventually[None]:
        """Get a producer id, from any broker."""
        from kstore.schema.messages.init_producer_id import InitProducerIdRequest

        assert self.idempotence is not None
        attempt = 0
        request = InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=2**31 - 1)
        while not self.idempotence.has_identity and self.idempotence.fatal is None:
            answer = yield SendTo(self.any_node(), request)
            error = answer if isinstance(answer, KafkaError) else None
            if error is None and answer.error_code:
                error = for_code(answer.error_code)
            if error is None:
                self.idempotence.begin(answer.producer_id, answer.producer_epoch)
            elif error.retriable:
                yield self.backoff(attempt)
                attempt += 1
            else:
                self.idempotence.fatal = error
        self.is_identifying = False
        self.work()

    def _drain(self, node_id: int, broker: BrokerQueues, now_us: int) -> None:
        """Send a broker what is ready for it, up to its requests under way."""
        while broker.queues:
            if broker.in_flight >= self.settings.max_in_flight_requests_per_connection:
                if broker.full_since_us < 0:
                    broker.full_since_us = now_us
                elif self.settings.partitioner_availability_timeout_ms:
                    self._shun(broker, now_us)
                return
            broker.full_since_us = -1
            batches = self._collect(broker, now_us)
            if not batches:
                return
            self._send(node_id, broker, batches)

    def _shun(self, broker: BrokerQueues, now_us: int) -> None:
        """Records without a key go elsewhere while a broker has taken nothing for so long (KIP-794)."""
        if now_us - broker.full_since_us > self.settings.partitioner_availability_timeout_ms * 1000:
            for queue in broker.queues:
                queue.available = False
                broker.shunned.append(queue)

    def _collect(self, broker: BrokerQueues, now_us: int) -> list[tuple[PendingBatch, bytes]]:
        """Take a batch from each queue, as many as a request may hold; queues that have more go to the end."""
        taken: list[tuple[PendingBatch, bytes]] = []
        nbytes = 0
        for queue in list(broker.queues):
            if not queue.waiting:
                del broker.queues[queue]
                continue
            batch = queue.waiting[0]
            if not self._may_go(queue, batch, broker, now_us):
                continue
            if taken and nbytes + batch.size_bytes > self.settings.max_request_size:
                break
            batch.leader_epoch = broker.queues.pop(queue)
            del queue.waiting[0]
            if queue.waiting:
                broker.queues[queue] = batch.leader_epoch
            if self.idempotence is not None and not batch.has_sequence:
                self.idempotence.number(queue, batch)
            data = self.accumulator.built(batch)
            self.note("BatchDrained", queue.label, batch.number, batch.count)
            queue.in_flight += 1
            taken.append((batch, data))
            nbytes += len(data)
        return taken

    def _may_go(self, queue: PartitionQueue, batch: PendingBatch, broker: BrokerQueues, now_us: int) -> bool:
        """Whether the first batch of a queue may be sent now."""
        if batch.attempts and batch.retry_at_us > now_us and broker.queues[queue] <= batch.leader_epoch:
            self.retry_us = min(self.retry_us or batch.retry_at_us, batch.retry_at_us)
            return False  # a leader of a later epoch would be tried at once (KIP-951)
        if self.one_at_a_time and queue.in_flight:
            return False
        return self.idempotence is None or self.idempotence.may_drain(queue, batch)

    def _send(self, node_id: int, broker: BrokerQueues, batches: list[tuple[PendingBatch, bytes]]) -> None:
        settings, counts = self.settings, self.counts
        request = request_of(batches, self.view, settings.acks, settings.request_timeout_ms, settings.transactional_id)
        broker.in_flight += 1
        counts.requests += 1
        counts.in_flight += 1
        for batch, data in batches:
            counts.batches += 1
            counts.batch_bytes += len(data)
            counts.plain_bytes += batch.plain_bytes
        sent = [batch for batch, _ in batches]
        self.send_to(node_id, request, self.answered, broker, request, sent, versions=self.produce_versions)

    def answered(
        self,
        outcome: ProduceResponse | KafkaError | None,
        broker: BrokerQueues,
        request: ProduceRequest,
        batches: list[PendingBatch],
    ) -> None:
        """A request is over: see to each of its batches, and go on."""
        broker.in_flight -= 1
        self.counts.in_flight -= 1
        while broker.shunned:
            broker.shunned.pop().available = True
        if outcome is None:
            found = dict.fromkeys(((batch.topic, batch.partition) for batch in batches), Produced(None))
        elif isinstance(outcome, KafkaError):
            error = NetworkException(outcome.message) if isinstance(outcome, Disconnected) else outcome
            found = dict.fromkeys(((batch.topic, batch.partition) for batch in batches), Produced(error))
        elif len(batches) == 1:
            found = {(batches[0].topic, batches[0].partition): produced(outcome.responses[0].partition_responses[0])}
        else:
            found = answers_in(outcome, request)
        stale = 0  # whose leaders are others: those that the answer names (KIP-951), or whom brokers name when asked
        leaders: dict[tuple[str, int], tuple[int, int]] = {}
        for batch in batches:
            batch.queue.in_flight -= 1
            said = found[batch.topic, batch.partition]
            if said.error is None:
                self._acknowledge(batch, said.base_offset, said.log_append_time)
                continue
            self._refused(batch, said.error, said)
            if isinstance(said.error, STALE_VIEW):
                stale += 1
                if said.leader is not None:
                    leaders[batch.topic, batch.partition] = said.leader
        if stale and self.take_leaders(leaders) < stale:
            self.mistrust_view()
        self.work()

    def _acknowledge(self, batch: PendingBatch, base_offset: int, log_append_time: int = -1) -> None:
        if self.idempotence is not None:
            self.idempotence.acknowledged(batch.queue, batch)
        if not batch.done:
            last = base_offset + batch.count - 1 if base_offset >= 0 else -1
            self.note("BatchAcknowledged", batch.queue.label, base_offset, last)
            self.counts.records += batch.count
            self.accumulator.succeed(batch, base_offset, log_append_time)

    def _refused(self, batch: PendingBatch, error: KafkaError, said: Produced) -> None:
        """A batch was not taken: split it, try it again, or tell its futures."""
        queue = batch.queue
        if isinstance(error, MessageTooLarge) and batch.count > 1 and not batch.done:
            self._split(batch)
        elif self._may_retry(batch, error, said.log_start_offset):
            batch.retry_at_us = self.now_us() + round(self.backoff(batch.attempts).delay_ms * 1000)
            batch.attempts += 1
            self.counts.record_retries += batch.count
            self.note("BatchRetried", queue.label, batch.number, batch.attempts)
            queue.put_back(batch)
            self.place(queue)
        elif isinstance(error, DuplicateSequenceNumber):
            self._acknowledge(batch, -1)
        else:
            surely = batch.attempts < self.settings.retries
            self._fail(batch, error, surely=surely, record_errors=said.record_errors)

    def _may_retry(self, batch: PendingBatch, error: KafkaError, log_start_offset: int) -> bool:
        late_us = batch.opened_us + self.settings.delivery_timeout_ms * 1000
        if batch.done or batch.attempts >= self.settings.retries or self.now_us() >= late_us:
            return False
        if self.idempotence is None:
            return error.retriable
        return self.idempotence.may_retry(batch.queue, batch, error, log_start_offset)

    def _split(self, batch: PendingBatch) -> None:
        """The broker takes no batch of this size: have smaller ones, at most ``batch_size``, or half of what failed."""
        size = self.settings.batch_size
        if batch.is_split_off or batch.plain_bytes <= size:
            size = batch.plain_bytes // 2
        self.counts.splits += 1
        queue = batch.queue
        parts = self.accumulator.split(batch, size)
        if self.idempotence is not None:
            self.idempotence.split(queue, batch, parts)
        for part in reversed(parts):
            queue.put_back(part)
        self.place(queue)
        self.note("BatchSplit", queue.label, batch.number, len(parts))

    def _fail(
        self,
        batch: PendingBatch,
        error: KafkaError,
        *,
        surely: bool,
        record_errors: dict[int, KafkaError] | None = None,
    ) -> None:
        """Tell a batch's futures that it has failed; ``surely`` if the broker is known not to have it."""
        if batch.done:
            return
        if self.idempotence is not None:
            self.idempotence.failed(batch.queue, batch, error, surely=surely)
        self.counts.record_errors += batch.count
        self.note("BatchFailed", batch.queue.label, batch.number, error.code)
        if record_errors is not None:
            error = of_the_others()
        self.accumulator.fail(batch, error, record_errors)

    def on_stop(self) -> None:
        """As ``ClientActor.on_stop``."""
        self.next_due.stop()
        super().on_stop()

    def give_up(self, error: KafkaError) -> None:
        """Fail everything that isn't acknowledged yet."""
        for batch in list(self.accumulator.incomplete):
            self.accumulator.close(batch)
            batch.queue.waiting.clear()
            self._fail(batch, error, surely=False)
