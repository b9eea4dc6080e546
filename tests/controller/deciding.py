"""Drives a controller machine as its actor does, at once committed, and checks its invariants at every step."""

from random import Random
from typing import Any

from actors.config import BrokerConfig
from actors.controller.machine import ControllerMachine
from actors.controller.state import Decision
from actors.image.features import bootstrap_records, supported
from actors.image.image import ClusterImage, PartitionImage
from kstore.schema.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionRequestPartitionData,
    AlterPartitionRequestTopicData,
    AlterPartitionResponsePartitionData,
    BrokerState,
)
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest, BrokerHeartbeatResponse
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest, Listener
from kstore.schema.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicResult,
    CreateTopicsRequest,
)

CLUSTER_ID = "a-cluster"


class Driven:
    """A controller machine with its clock in the test's hand."""

    def __init__(self, brokers: int = 3, *, seed: int = 1, start: bool = True, **settings: Any) -> None:
        random = Random(seed)
        config = BrokerConfig({name.replace("_", "."): text for name, text in settings.items()}, brokers=brokers)
        self.machine = ControllerMachine(
            ClusterImage(cluster_id=CLUSTER_ID), config, random, lambda: random.randbytes(16)
        )
        self.random = random
        self.now_ms = 1_000
        self.epochs: dict[int, int] = {}
        self.apply(Decision(list(bootstrap_records({}))))
        if start:
            for broker_id in range(1, brokers + 1):
                self.start(broker_id)

    @property
    def image(self) -> ClusterImage:
        return self.machine.image

    def apply(self, decision: Decision) -> Decision:
        """Append and commit a decision at once."""
        before = self.image
        if decision.records:
            self.machine.advance(decision.records, before.offset + len(decision.records), 1)
            check(before, self.image)
        return decision

    def decide(self, request: object, version: int = 0) -> Any:
        return self.apply(self.machine.decide(request, version, self.now_ms)).answer

    def register(self, broker_id: int, incarnation: bytes | None = None) -> int:
        request = BrokerRegistrationRequest(
            broker_id=broker_id,
            cluster_id=CLUSTER_ID,
            incarnation_id=incarnation or self.random.randbytes(16),
            listeners=[Listener(name="PLAINTEXT", host="localhost", port=9091 + broker_id)],
            features=supported(),
            rack=None,
            log_dirs=[bytes([broker_id]) * 16],
        )
        epoch: int = self.decide(request, 4).broker_epoch
        self.epochs[broker_id] = epoch
        return epoch

    def beat(self, broker_id: int, *, offset: int | None = None, **wants: Any) -> BrokerHeartbeatResponse:
        request = BrokerHeartbeatRequest(
            broker_id=broker_id,
            broker_epoch=self.epochs[broker_id],
            current_metadata_offset=self.image.offset if offset is None else offset,
            **wants,
        )
        answer: BrokerHeartbeatResponse = self.decide(request)
        return answer

    def start(self, broker_id: int) -> None:
        """Register a broker and unfence it."""
        self.register(broker_id)
        assert not self.beat(broker_id).is_fenced

    def lose(self, broker_id: int) -> None:
        self.apply(self.machine.fence_lost(broker_id))

    def create(
        self,
        name: str,
        partitions: int = -1,
        factor: int = -1,
        *,
        assignments: list[list[int]] | None = None,
        validate_only: bool = False,
        **configs: Any,
    ) -> CreatableTopicResult:
        topic = CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=factor,
            assignments=[
                CreatableReplicaAssignment(partition_index=number, broker_ids=replicas)
                for number, replicas in enumerate(assignments or ())
            ],
            configs=[CreatableTopicConfig(name=key.replace("_", "."), value=text) for key, text in configs.items()],
        )
        response = self.decide(CreateTopicsRequest(topics=[topic], validate_only=validate_only), 7)
        result: CreatableTopicResult = response.topics[0]
        return result

    def partition(self, topic: str, number: int = 0) -> PartitionImage:
        found = self.image.partition(topic, number)
        assert found is not None
        return found

    def alter(
        self,
        topic: str,
        isr: list[int],
        *,
        number: int = 0,
        sender: int | None = None,
        epochs: dict[int, int] | None = None,
        leader_epoch: int | None = None,
        partition_epoch: int | None = None,
        recovery_state: int | None = None,
    ) -> AlterPartitionResponsePartitionData:
        """What the partition's leader would propose, but for what the arguments change."""
        present = self.partition(topic, number)
        sender = present.leader if sender is None else sender
        data = AlterPartitionRequestPartitionData(
            partition_index=number,
            leader_epoch=present.leader_epoch if leader_epoch is None else leader_epoch,
            partition_epoch=present.partition_epoch if partition_epoch is None else partition_epoch,
            leader_recovery_state=present.leader_recovery_state if recovery_state is None else recovery_state,
            new_isr_with_epochs=[
                BrokerState(broker_id=member, broker_epoch=(epochs or self.epochs).get(member, -1)) for member in isr
            ],
        )
        request = AlterPartitionRequest(
            broker_id=sender,
            broker_epoch=self.epochs.get(sender, -1),
            topics=[
                AlterPartitionRequestTopicData(topic_id=self.image.topics[topic].id, partitions=[data]),
            ],
        )
        answer: AlterPartitionResponsePartitionData = self.decide(request, 3).topics[0].partitions[0]
        return answer


def check(before: ClusterImage, after: ClusterImage) -> None:
    """What must hold after every decision."""
    for name, topic in after.topics.items():
        for number, partition in topic.partitions.items():
            where = f"{name}-{number}: {partition}"
            assert partition.isr, where
            assert set(partition.isr) <= set(partition.replicas), where
            if partition.leader != -1:
                assert partition.leader in partition.isr, where
                assert not after.brokers[partition.leader].fenced, where
            for member in partition.isr:
                last_one = partition.isr == (member,) and partition.leader == -1
                assert last_one or not after.brokers[member].fenced, where
            old = before.topics.get(name)
            if old is not None and old.id == topic.id and number in old.partitions:
                earlier = old.partitions[number]
                assert partition.leader_epoch >= earlier.leader_epoch, where
                assert partition.partition_epoch >= earlier.partition_epoch, where
                if partition.leader != earlier.leader:
                    assert partition.leader_epoch > earlier.leader_epoch, where
                if partition != earlier:
                    assert partition.partition_epoch > earlier.partition_epoch, where
