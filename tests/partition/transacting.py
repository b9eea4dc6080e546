"""What tests of transactions in partitions share: one that answers in a coordinator's place, requests, and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from partition.client import Client, batch, values

from kstore.schema.messages.add_partitions_to_txn import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult,
    AddPartitionsToTxnTopicResult,
)
from kstore.schema.messages.produce import ProduceRequest
from kstore.schema.messages.write_txn_markers import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)

ADD_PARTITIONS = 24
OFF = {"transaction.partition.verification.enable": "false"}


class Coordinator:
    """In the place of a transaction coordinator: it is asked by AddPartitionsToTxn, and answers these codes in turn,
    the last of them for ever.
    """

    def __init__(self) -> None:
        self.asked: list[AddPartitionsToTxnRequest] = []
        self.codes = [0]
        self.whole = 0
        self.before_answer: Callable[[], None] = lambda: None

    def handle(self, call: Any) -> AddPartitionsToTxnResponse:
        self.asked.append(call.request)
        assert (call.is_broker, call.version) == (True, 5)
        self.before_answer()
        code = self.codes[0] if len(self.codes) == 1 else self.codes.pop(0)
        results = [
            AddPartitionsToTxnResult(
                transactional_id=of.transactional_id,
                topic_results=[
                    AddPartitionsToTxnTopicResult(
                        name=topic.name,
                        results_by_partition=[
                            AddPartitionsToTxnPartitionResult(partition_index=each, partition_error_code=code)
                            for each in topic.partitions
                        ],
                    )
                    for topic in of.topics
                ],
            )
            for of in call.request.transactions
        ]
        return AddPartitionsToTxnResponse(error_code=self.whole, results_by_transaction=results)


def started(start: Callable[..., Client], brokers: int = 1, partitions: int = 1, **config: Any) -> Client:
    client = start(brokers=brokers, **config)
    client.create("t", partitions=partitions, copies=brokers)
    client.create("__transaction_state", copies=brokers)
    return client


def transactional(client: Client, *texts: bytes, sequence: int = 0, epoch: int = 0, **how: Any) -> ProduceRequest:
    producer_id = how.pop("producer_id", 7)
    records = batch(*texts, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence, transactional=True)
    request = client.produce_request("t", records, **how)
    request.transactional_id = "x"
    return request


def produced(client: Client, *texts: bytes, version: int = 11, **how: Any) -> Any:
    request = transactional(client, *texts, **how)
    answer = client.ask(client.leader("t", how.get("index", 0)), request, version=version)
    return answer.responses[0].partition_responses[0]


def end(client: Client, *, commit: bool = True, topic: str = "t", node: int | None = None, **how: Any) -> int:
    """Write a marker as a coordinator does; the code of the answer."""
    fields = {"producer_id": 7, "producer_epoch": 0, "coordinator_epoch": 0, **how}
    version = fields.pop("version", 2)
    marker = WritableTxnMarker(
        transaction_result=commit, topics=[WritableTxnMarkerTopic(name=topic, partition_indexes=[0])], **fields
    )
    request = WriteTxnMarkersRequest(markers=[marker])
    answer = client.ask(client.leader(topic) if node is None else node, request, version=version)
    (result,) = answer.markers
    assert result.producer_id == fields["producer_id"]
    return result.topics[0].partitions[0].error_code


def read(client: Client, *, committed: bool = True) -> list[bytes]:
    found = client.fetch("t", 0, isolation_level=int(committed), max_wait_ms=0)
    return values(found.records)
