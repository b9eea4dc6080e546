"""The actor of a transactional producer: its batches go out as the transaction's state allows, and its coordinators are
asked what the state wants, one request at a time.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from actors.clients.actor import GROUP, TRANSACTION
from actors.clients.coroutine import Gate, SendTo, Wait
from actors.clients.errors import TransactionAborted
from actors.clients.producer.sender import Sender
from actors.clients.producer.transactions import requests
from actors.clients.producer.transactions.machine import TransactionMachine
from actors.clients.producer.transactions.sequences import TransactionalSequences
from actors.clients.producer.transactions.states import FATAL_ERROR, UNDER_WAY
from actors.clients.producer.transactions.steps import ABORT, ELSEWHERE, LOST, CommitOffsets, Initialize
from actors.network.link import Disconnected
from kstore.errors import KafkaError, NetworkException

if TYPE_CHECKING:
    from actors.clients.keywords.table import ProducerConfig
    from actors.clients.producer.accumulator import Accumulator
    from actors.clients.producer.leaders import BrokerQueues
    from actors.clients.producer.partition_queues import PartitionQueue
    from actors.clients.producer.pending import PendingBatch
    from actors.clients.producer.transactions.steps import Offsets, Step
    from actors.clients.structs import GroupMetadata
    from actors.clients.transport import Transport
    from actors.runtime import Node
    from actors.runtime.coroutine import Eventually

OF_THE_CLASSIC, OF_THE_SECOND = (3, 11), (12, 13)
"""Versions of Produce, by protocol."""


class TransactionalSender(Sender):
    """The actor of one transactional producer."""

    def __init__(
        self,
        node: Node,
        name: str,
        transport: Transport,
        config: ProducerConfig,
        accumulator: Accumulator,
    ) -> None:
        assert config.transactional_id is not None
        super().__init__(node, name, transport, config, accumulator)
        self.transactional_id = config.transactional_id
        self.machine = TransactionMachine(self.transactional_id, config.transaction_timeout_ms)
        self.idempotence = self.sequences = TransactionalSequences(self.machine)
        self.is_asking = False
        self.is_taking = False
        self.moved = Gate()
        self._moves = 0
        self._asked_features_of = -1
        accumulator.refuse(self.machine.refuse_record)

    def woken(self) -> None:
        """As ``Sender.woken``: partitions join the transaction with their first records."""
        known = len(self.lingering)
        super().woken()
        for batch in islice(self.lingering, known, None):
            self.machine.add((batch.topic, batch.partition))

    def work(self) -> None:
        """As ``Sender.work``; then ask coordinators what is to be asked."""
        self._look()
        super().work()
        if not self.is_asking and self.machine.next_step(incomplete=bool(self.accumulator.incomplete)) is not None:
            self.is_asking = True
            self.begin(self._ask())
        self._look()

    def _look(self) -> None:
        """Do what follows from the transaction's state: take records or refuse them, drop them, tell callers."""
        machine = self.machine
        if machine.moves == self._moves:
            return
        self._moves = machine.moves
        if machine.identity != self.sequences.identity:
            self.sequences.begin(*machine.identity)
        if machine.state == FATAL_ERROR:
            self.sequences.fatal = machine.error
        self.produce_versions = OF_THE_SECOND if machine.uses_second_protocol else OF_THE_CLASSIC
        if machine.takes_records != self.is_taking:
            self.is_taking = machine.takes_records
            self.accumulator.refuse(None if self.is_taking else machine.refuse_record)
        self.note("TransactionState", "", *machine.identity, f"{self.transactional_id} is {machine.state}")
        self.moved.open()

    def _may_drain(self) -> bool:
        if self.sequences.fatal is not None:
            self.give_up(self.sequences.fatal)
            return False
        self.sequences.settle()
        if self.machine.is_doomed:
            self._drop_unsent()
        return self.sequences.has_identity

    def _drop_unsent(self) -> None:
        """Fail what was never sent: the transaction is aborted, or is going to be."""
        error = TransactionAborted("the transaction was aborted before the record was sent")
        for batch in list(self.accumulator.incomplete):
            if not batch.has_sequence:
                self.accumulator.close(batch)
                batch.queue.waiting.remove(batch)
                self._fail(batch, error, surely=True)

    def _may_go(self, queue: PartitionQueue, batch: PendingBatch, broker: BrokerQueues, now_us: int) -> bool:
        return self.machine.may_send((queue.topic, queue.partition)) and super()._may_go(queue, batch, broker, now_us)

    def _ask(self) -> Eventually[None]:
        """Ask coordinators one thing after the other until there is nothing to be asked."""
        try:
            while (step := self.machine.next_step(incomplete=bool(self.accumulator.incomplete))) is not None:
                self._look()
                yield from self._take(step)
                self._look()
        finally:
            self.is_asking = False
        self.work()

    def _take(self, step: Step) -> Eventually[None]:
        """Ask for one step until it is known what became of it."""
        machine = self.machine
        attempt = 0
        while machine.wants(step):
            try:
                node = yield from self._coordinator_for(step)
            except KafkaError as hopeless:
                machine.refused(step, hopeless)
                return
            request = requests.request_for(step, self.transactional_id, machine)
            answer = yield SendTo(node, request, versions=requests.versions_of(step, machine))
            error = _error_in(answer)
            if error is None:
                machine.answered(step, requests.identity_in(answer))
                return
            found = machine.refused(step, error)
            if found in (ABORT, LOST):
                return
            if found == ELSEWHERE:
                self.forget_coordinator(*_coordinator_key(step, self.transactional_id))
            yield self.backoff(attempt)
            attempt += 1

    def _coordinator_for(self, step: Step) -> Eventually[int]:
        node: int = yield from self.coordinator(*_coordinator_key(step, self.transactional_id))
        if isinstance(step, Initialize) or (node != self._asked_features_of and not isinstance(step, CommitOffsets)):
            answer = yield SendTo(node, requests.features_request())
            if not isinstance(answer, KafkaError) and not answer.error_code:
                self._asked_features_of = node
                self.machine.agreed(*requests.transaction_version_in(answer))
        return node

    def initialize(self) -> None:
        """As the user's ``init_transactions()``, which is over when the producer isn't initializing any more."""
        self.machine.initialize()
        self._look()

    def begin_transaction(self) -> None:
        """As the user's."""
        self.machine.begin()
        self._look()

    def commit(self) -> None:
        """As the user's ``commit_transaction()``: everything is sent first."""
        self.machine.commit()
        self._look()
        self.accumulator.close_all()

    def abort(self) -> None:
        """As the user's ``abort_transaction()``."""
        self.machine.abort()
        self._look()

    def commit_offsets(self, offsets: Offsets, group: GroupMetadata) -> CommitOffsets:
        """As the user's ``send_offsets_to_transaction()``."""
        return self.machine.commit_offsets(offsets, group)

    def record_refused(self, error: KafkaError) -> None:
        """The user was told that a record isn't taken: the transaction can't be committed without it."""
        self.machine.record_refused(error)
        self._look()

    def over(self) -> Eventually[None]:
        """Wait until the user's call is over; raises what it has come to, if that is an error."""
        self.work()
        while self.machine.state in UNDER_WAY:
            yield Wait(self.moved)
        self.machine.seen()
        self.machine.check()

    def offsets_over(self, commit: CommitOffsets) -> Eventually[None]:
        """Wait until these offsets are in the transaction; raises why they never will be."""
        self.work()
        while commit in self.machine.offsets:
            yield Wait(self.moved)
        self.machine.check()


def _coordinator_key(step: Step, transactional_id: str) -> tuple[str, int]:
    return (step.group.group_id, GROUP) if isinstance(step, CommitOffsets) else (transactional_id, TRANSACTION)


def _error_in(answer: object) -> KafkaError | None:
    if isinstance(answer, Disconnected):
        return NetworkException(answer.message)
    return answer if isinstance(answer, KafkaError) else requests.error_in(answer)
