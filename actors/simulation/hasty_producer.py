"""A transactional producer by the classic protocol that doesn't always wait for its records.

Clients differ in what they do with records that are under way when a transaction is to be aborted. Java's waits for
their answers; here EndTxn overtakes them. So a leader may be asking the coordinator about a record (KIP-890) while its
transaction ends.

Each transaction begins with InitProducerId, so it has an epoch of its own in this protocol, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.network.link import Disconnected
from actors.runtime import Coroutine, Node
from actors.runtime.coroutine import Pause
from actors.simulation import transaction_requests as requests
from actors.simulation.client import RequestTo, SimulatedClient, Workload, is_retriable
from actors.simulation.requests import coordinator_of
from actors.simulation.transaction_history import SimulatedTransaction, TransactionOutcome
from actors.simulation.transactor import TIMEOUT_MS
from kstore.errors import ConcurrentTransactions, NetworkException, for_code
from kstore.records import BatchBuilder

if TYPE_CHECKING:
    from kstore.schema.struct import Message

FOR_RECORDS = 1
"""The connection that records go by; coordinators are asked by another one."""

PATIENCE_MS = 30_000
PAUSE_MS = 800
HASTE_MS = (2, 50, 300)
RECORDS_MAX = 3
HASTY = 0.7


class HastyProducer(SimulatedClient):
    """Makes one transaction after the other until the workload closes."""

    def __init__(self, node: Node, name: str, workload: Workload, *, label: str) -> None:
        super().__init__(node, name, workload)
        self.label = label
        self.coordinator = -1
        self.number = 0

    def live(self) -> Coroutine:
        while not self.workload.closing:
            yield Pause(self.random.randint(1, PAUSE_MS))
            yield from self.transact()

    def transact(self) -> Coroutine:
        """One transaction, unless it takes too long: then brokers abort it."""
        name, history = self.label, self.workload.transactions
        code, given = yield from self.ask_coordinator(requests.initialize(name, TIMEOUT_MS))
        if code:
            self.workload.history.find("refused", f"{name} was told {for_code(code).name} for InitProducerId")
            return
        identity = (given.producer_id, given.producer_epoch)
        history.initialized(*identity)
        transaction = history.begun(name, self.node.world.clock.now_us())
        count = self.random.randint(1, len(self.workload.partitions))
        partitions = sorted(self.random.sample(self.workload.partitions, count))
        request = requests.add_partitions(name, *identity, self.workload.topic, partitions)
        if (yield from self.ask_coordinator(request))[0]:
            return
        batches = {partition: self.batch(transaction, partition, *identity) for partition in partitions}
        is_commit = yield from self.write(batches)
        if is_commit:
            transaction.outcome = TransactionOutcome.ASKED
        code, _ = yield from self.ask_coordinator(requests.end(name, *identity, is_commit=is_commit))
        if not code:
            transaction.outcome = TransactionOutcome.COMMITTED if is_commit else TransactionOutcome.ABORTED

    def write(self, batches: dict[int, bytes]) -> Coroutine:
        """Send the batches; whether the transaction is to be committed. If not, some may be under way."""
        if self.random.random() < HASTY:
            for partition, records in batches.items():
                self.run_coroutine(self.send(partition, records), lambda _: None)
            yield Pause(self.random.randint(1, self.random.choice(HASTE_MS)))
            return False
        for partition, records in batches.items():
            while code := (yield from self.send(partition, records)):
                if not is_retriable(code):
                    return False
                yield from self.mistrust(partition)
        return self.random.random() < 0.8

    def send(self, partition: int, records: bytes) -> Coroutine:
        """Send a batch to the partition's leader, once; the error code."""
        leader = yield from self.leader_of(partition)
        request = requests.produce_in_transaction(self.label, self.workload.topic, partition, records)
        outcome = yield RequestTo(leader, request, self.classic_version(request), PATIENCE_MS, FOR_RECORDS)
        if isinstance(outcome, Disconnected):
            return NetworkException.code
        return outcome.responses[0].partition_responses[0].error_code

    def batch(self, transaction: SimulatedTransaction, partition: int, producer_id: int, epoch: int) -> bytes:
        """The first batch of a transaction in a partition."""
        now_ms, workload = self.now_ms(), self.workload
        builder = BatchBuilder(
            base_timestamp=now_ms, producer_id=producer_id, producer_epoch=epoch, base_sequence=0, transactional=True
        )
        for _ in range(self.random.randint(1, RECORDS_MAX)):
            value = f"{self.label}/{partition}/{self.number}".encode()
            self.number += 1
            workload.transactions.wrote(transaction, value, (workload.topic, partition))
            workload.history.sent(self.label, partition, [value], certain=False)
            builder.append(now_ms, self.random.choice(workload.keys), value)
        return builder.build()

    def ask_coordinator(self, request: Message) -> Coroutine:
        """Ask until the coordinator has said yes or no; the error code, and its answer."""
        while True:
            if self.coordinator < 0:
                yield from self.find_coordinator()
            answer = yield RequestTo(self.coordinator, request, self.classic_version(request))
            code = None if isinstance(answer, Disconnected) else requests.code_in(answer)
            if code is not None and not (code and is_retriable(code)):
                return code, answer
            if code != ConcurrentTransactions.code:
                self.coordinator = -1
            yield self.retry_pause()

    def find_coordinator(self) -> Coroutine:
        """Ask brokers until one knows the coordinator."""
        while self.coordinator < 0:
            version = self.version(requests.FIND_COORDINATOR)
            request = requests.find_coordinator(self.label, max(version, 1))
            answer = yield RequestTo(self.anybody(), request, max(version, 1))
            code, node_id = (-1, -1) if isinstance(answer, Disconnected) else coordinator_of(answer)
            if code:
                yield self.retry_pause()
            else:
                self.coordinator = node_id

    def classic_version(self, request: Message) -> int:
        """The version to speak: the last one of the classic protocol, or any where messages become bytes."""
        first, last = requests.VERSIONS[request.API_KEY]
        return self.random.randint(first, last) if self.workload.wire else last
