"""Transactional producers by hand, request by request, on a cluster on virtual time."""

from __future__ import annotations

from typing import Any

from partition.client import Client, batch
from present import present

from actors.network.link import Disconnected
from kstore.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    NotCoordinator,
    NotEnoughReplicas,
    NotLeaderOrFollower,
)
from kstore.log.names import TopicAndPartition
from kstore.records import parse_batches
from kstore.schema.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
    AddPartitionsToTxnTransaction,
)
from kstore.schema.messages.describe_transactions import DescribeTransactionsRequest
from kstore.schema.messages.end_txn import EndTxnRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest

TOPIC = "t"
FIRST_PROTOCOL, SECOND_PROTOCOL = 4, 5
"""Versions of EndTxn."""
OF_THE_FIRST, OF_THE_SECOND = 11, 12
"""Versions of Produce."""


MOVING = (NotCoordinator.code, CoordinatorNotAvailable.code, CoordinatorLoadInProgress.code)
AGAIN = (*MOVING, ConcurrentTransactions.code, NotEnoughReplicas.code, NotLeaderOrFollower.code)
"""After which a producer sends once more."""


class TransactionalProducer:
    """One producer of a transactional id. ``second``: it speaks the second transaction protocol (KIP-890)."""

    def __init__(self, client: Client, name: str = "tx", *, second: bool = False, timeout_ms: int = 60_000) -> None:
        self.client = client
        self.name = name
        self.second = second
        self.timeout_ms = timeout_ms
        self.id, self.epoch = -1, -1
        self.sequences: dict[TopicAndPartition, int] = {}  # they go on as long as the epoch does
        self.added: set[TopicAndPartition] = set()

    def coordinator(self) -> int:
        """The node that coordinates the id, which is asked of any until there is one."""
        request = FindCoordinatorRequest(key_type=1, coordinator_keys=[self.name])
        while True:
            for node in self.client.living():  # the first may be left as the controller alone
                answer = self.client.ask(node, request)
                if isinstance(answer, Disconnected):
                    continue
                (found,) = answer.coordinators
                if found.error_code != CoordinatorNotAvailable.code:
                    assert not found.error_code, found
                    return int(found.node_id)
            self.client.run(0.1)

    def ask(self, request: Any, version: int | None = None) -> Any:
        """Ask the coordinator, and again while it moves."""
        while True:
            answer = self.client.ask(self.coordinator(), request, version=version)
            if not isinstance(answer, Disconnected) and getattr(answer, "error_code", 0) not in MOVING:
                return answer
            self.client.run(0.1)

    def init(self, version: int | None = None) -> int:
        """Become the producer of the id, once what another one left open is aborted; the error code."""
        request = InitProducerIdRequest(transactional_id=self.name, transaction_timeout_ms=self.timeout_ms)
        while True:
            answer = self.ask(request, version)
            if answer.error_code != ConcurrentTransactions.code:
                break
            self.client.run(0.1)
        if not answer.error_code:
            self.id, self.epoch, self.sequences = answer.producer_id, answer.producer_epoch, {}
            self.added = set()
        return int(answer.error_code)

    def add(self, *partitions: TopicAndPartition, version: int = 3) -> dict[TopicAndPartition, int]:
        """The error code of each partition."""
        topics = [AddPartitionsToTxnTopic(name=topic, partitions=[number]) for topic, number in partitions]
        transaction = AddPartitionsToTxnTransaction(
            transactional_id=self.name, producer_id=self.id, producer_epoch=self.epoch, topics=topics
        )
        request = AddPartitionsToTxnRequest(
            transactions=[transaction] if version >= 4 else [],
            v3_and_below_transactional_id=self.name if version < 4 else "",
            v3_and_below_producer_id=self.id if version < 4 else 0,
            v3_and_below_producer_epoch=self.epoch if version < 4 else 0,
            v3_and_below_topics=topics if version < 4 else [],
        )
        answer = self.client.ask(self.coordinator(), request, version=version)
        if isinstance(answer, Disconnected):
            return dict.fromkeys(partitions, NotCoordinator.code)
        results = answer.results_by_topic_v3_and_below or answer.results_by_transaction[0].topic_results
        return {
            (topic.name, each.partition_index): each.partition_error_code
            for topic in results
            for each in topic.results_by_partition
        }

    def add_offsets(self, group: str, version: int | None = None) -> int:
        request = AddOffsetsToTxnRequest(
            transactional_id=self.name, producer_id=self.id, producer_epoch=self.epoch, group_id=group
        )
        return int(self.ask(request, version).error_code)

    def send(self, *texts: bytes, index: int = 0) -> int:
        """Write in the transaction, which the partition joins; the error code."""
        partition = TOPIC, index
        while (code := self._send(texts, partition)) in AGAIN:
            self.client.run(0.1)
        return code

    def _send(self, texts: tuple[bytes, ...], partition: TopicAndPartition) -> int:
        if not self.second and partition not in self.added:
            code = self.add(partition)[partition]
            if code:
                return code
            self.added.add(partition)
        records = batch(
            *texts,
            producer_id=self.id,
            producer_epoch=self.epoch,
            base_sequence=self.sequences.get(partition, 0),
            transactional=True,
        )
        topic, index = partition
        request = self.client.produce_request(topic, records, index=index)
        request.transactional_id = self.name
        version = OF_THE_SECOND if self.second else OF_THE_FIRST
        answer = self.client.ask(self.client.wait_for_leader(topic, index), request, version=version)
        if isinstance(answer, Disconnected):
            return NotLeaderOrFollower.code
        code = int(answer.responses[0].partition_responses[0].error_code)
        if not code:
            self.sequences[partition] = self.sequences.get(partition, 0) + len(texts)
        return code

    def end(self, *, commit: bool, version: int | None = None) -> int:
        """Commit or abort; the error code."""
        request = EndTxnRequest(
            transactional_id=self.name, producer_id=self.id, producer_epoch=self.epoch, committed=commit
        )
        by_protocol = SECOND_PROTOCOL if self.second else FIRST_PROTOCOL
        answer = self.ask(request, by_protocol if version is None else version)
        if not answer.error_code:
            if self.second:
                self.id, self.epoch, self.sequences = answer.producer_id, answer.producer_epoch, {}
            self.added = set()
        return int(answer.error_code)

    def described(self) -> Any:
        request = DescribeTransactionsRequest(transactional_ids=[self.name])
        while True:
            answer = self.client.ask(self.coordinator(), request)
            if not isinstance(answer, Disconnected) and answer.transaction_states[0].error_code not in MOVING:
                return answer.transaction_states[0]
            self.client.run(0.1)

    def wait_until(self, state: str) -> None:
        while self.described().transaction_state != state:
            self.client.run(0.05)


def seen(client: Client, index: int = 0, *, committed: bool = True) -> list[bytes]:
    """What a reader from the start is given: of committed transactions only, or of all."""
    offset, found, leader = 0, [], client.wait_for_leader(TOPIC, index)
    while True:
        part = client.fetch(TOPIC, offset, node=leader, index=index, isolation_level=int(committed), max_wait_ms=0)
        raw = part.records
        if isinstance(raw, list):
            raw = b"".join(bytes(each.read(0, each.nbytes)) if hasattr(each, "read") else bytes(each) for each in raw)
        batches = parse_batches(bytes(raw), allow_partial=True)
        begins = {(each.producer_id, each.first_offset) for each in part.aborted_transactions or []}
        aborted: set[int] = set()
        for each in batches:
            offset = each.last_offset + 1
            if (each.producer_id, each.base_offset) in begins:
                aborted.add(each.producer_id)
            if each.is_control:
                aborted.discard(each.producer_id)
            elif not committed or each.producer_id not in aborted:
                found += [bytes(present(record.value)) for record in each.records()]
        if not batches:
            return found
