"""One node on virtual time with group coordinators on it, each over a replica that is a list, and clients that call.

``Shelf`` stands for the leader's replica: it keeps batches, commits an append at once or when told, and can be told to
refuse. ``Front`` stands for a connection: it runs an API's handler as a coroutine.
"""

from __future__ import annotations

from types import GeneratorType, ModuleType, SimpleNamespace
from typing import Any

from actors.config import BrokerConfig
from actors.coordinator.coordinator import Coordinator
from actors.coordinator.messages import Resign
from actors.groups.shard_factory import GroupShards
from actors.image.image import BrokerImage, ClusterImage, Endpoint, PartitionImage, TopicImage
from actors.image.topic_names import OFFSETS_TOPIC
from actors.node.authorizer import SUPPORTED, bits
from actors.node.node import BrokerNode
from actors.node.view import View
from actors.partition.messages import Append, Appended, LogPart, ReadLog
from actors.runtime import Actor, Ref, Reply, receives
from actors.runtime.future import Future, ask
from actors.runtime.world import virtual_world
from kstore.errors import KafkaError
from kstore.fs import MemoryFileSystem
from kstore.named import NamedTuple
from kstore.records import RecordBatch

ORDERS_ID = b"orders-orders-or"
ONE_BATCH = 1


class Release(NamedTuple):
    """Commit the oldest append that is held, or refuse it with an error."""

    error: KafkaError | None = None


class Shelf(Actor):
    def __init__(self, node: BrokerNode, name: str) -> None:
        super().__init__(node, name)
        self.batches: list[RecordBatch] = []
        self.end_offset = 0
        self.high_watermark: int | None = None  # None: all is committed
        self.is_held = False
        self.error: KafkaError | None = None
        self.read_error: KafkaError | None = None
        self.held: list[tuple[Append, Reply]] = []

    @receives(Append, may_refuse=True)
    def append(self, message: Append) -> None:
        assert message.required_acks == -1
        if self.error is not None:
            raise self.error
        self.held.append((message, self.defer()))
        if not self.is_held:
            self.release(Release())

    @receives(Release)
    def release(self, message: Release) -> None:
        append, reply = self.held.pop(0)
        if message.error is not None:
            reply.fail(message.error)
            return
        first = self.end_offset
        self.append_now(append.batches)
        reply.set(Appended(first, self.end_offset - 1, -1, 0, 1, False))

    def append_now(self, batches: list[RecordBatch]) -> None:
        for batch in batches:
            self.batches.append(batch.stamped(self.end_offset, 1))
            self.end_offset += batch.count

    @receives(ReadLog, may_refuse=True)
    def read(self, message: ReadLog) -> LogPart:
        """One batch at a time, so that a load takes several turns."""
        if self.read_error is not None:
            raise self.read_error
        batches = [batch for batch in self.batches if batch.last_offset >= message.offset][:ONE_BATCH]
        next_offset = batches[-1].last_offset + 1 if batches else self.end_offset
        high_watermark = self.end_offset if self.high_watermark is None else self.high_watermark
        return LogPart(batches, next_offset, self.end_offset, high_watermark, 0)


class Handle(NamedTuple):
    module: ModuleType
    call: Any


class Front(Actor):
    """Stands for the connection of each request."""

    heavy = 0

    @receives(Handle)
    def handle(self, message: Handle) -> None:
        call = message.call
        call.connection, call.respond = self, self.defer().set
        outcome = message.module.handle(call)
        if isinstance(outcome, GeneratorType):
            self.run_coroutine(outcome, call.respond)
        elif outcome is not None:
            call.respond(outcome)


class Stand:
    def __init__(self, *, partitions: int = 1, seed: int = 1, **config: str) -> None:
        self.world = virtual_world(seed)
        settings = {key.replace("_", "."): value for key, value in config.items()}
        self.config = BrokerConfig(settings)
        self.node = BrokerNode(self.world, 1, fs=MemoryFileSystem(), config=self.config, voters=(1,))
        self.front = Front.start(self.node, "front")
        self.shelves = [Shelf(self.node, f"shelf/{index}") for index in range(partitions)]
        for shelf in self.shelves:
            self.node.add(shelf)
            shelf._start_actor_loop()
        self.coordinators: dict[int, Ref] = {}
        self.epoch = 0
        self.shards = GroupShards(self.node)
        self.publish()
        for index in range(partitions):
            self.lead(index)

    def publish(self) -> None:
        current = {(OFFSETS_TOPIC, number): ref for number, ref in self.coordinators.items()}
        self.node.view = View(image=self.image(), config=self.config, coordinators=current)

    def image(self) -> ClusterImage:
        def topic(name: str, topic_id: bytes, count: int) -> TopicImage:
            partition = PartitionImage((1,), (1,), 1, 1, 1)
            return TopicImage(topic_id, name, dict.fromkeys(range(count), partition))

        topics = [topic("orders", ORDERS_ID, 2), topic(OFFSETS_TOPIC, b"offsets-offsets-", len(self.shelves))]
        broker = BrokerImage(1, 1, b"i" * 16, (Endpoint("PLAINTEXT", "127.0.0.1", 9092),), fenced=False)
        return ClusterImage(
            controller_id=1,
            brokers={1: broker},
            topics={each.name: each for each in topics},
            topic_names_by_id={each.id: each.name for each in topics},
        )

    def lead(self, partition: int) -> None:
        self.epoch += 1
        shelf = self.shelves[partition].actor_ref
        self.coordinators[partition] = Coordinator.start(
            self.node, OFFSETS_TOPIC, partition, self.epoch, shelf, self.shards.make(self.epoch)
        )
        self.publish()
        self.run_for(0)

    def resign(self, partition: int) -> None:
        self.coordinators.pop(partition).tell(Resign())
        self.publish()

    def ask(self, module: ModuleType, request: Any, *, version: int | None = None) -> Future:
        call = SimpleNamespace(
            request=request,
            version=module.VERSIONS[1] if version is None else version,
            client_id="client",
            client_host="127.0.0.1",
            view=self.node.view,
            node=self.node,
            listener="PLAINTEXT",
            is_broker=False,
            authorize=lambda *_: True,
            operations_allowed=lambda resource: bits(*SUPPORTED[resource[0]]),
        )
        return ask(self.world, self.front, Handle(module, call))

    def get(self, module: ModuleType, request: Any, *, version: int | None = None) -> Any:
        return self.ask(module, request, version=version).get(timeout=600)

    def run_for(self, seconds: float) -> None:
        self.world.driver.drive(lambda: False, seconds)
