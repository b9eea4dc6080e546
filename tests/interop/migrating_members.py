"""Members of one group in threads of one process, of two protocols and three clients, and what they did to partitions.

Each commits what it has read before it polls again, so a record is only read twice if its commit was refused.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable

from present import present

from kstore.named import NamedTuple

POLL_S = 0.05


class Read(NamedTuple):
    partition: int
    offset: int
    value: int


class Ledger:
    """Who owns which partition by its own account, and what was read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: dict[int, str] = {}
        self.doubled: list[str] = []
        self.reads: list[Read] = []
        self.refused: set[tuple[int, int]] = set()
        """Records whose commits were refused, or came when the partition was being given up: another member may read
        them again.
        """

    def gain(self, name: str, partitions: Iterable[int]) -> None:
        with self._lock:
            for number in partitions:
                owner = self._owners.get(number, name)
                if owner != name:
                    self.doubled.append(f"{name} was assigned {number}, which {owner} still had")
                self._owners[number] = name

    def lose(self, name: str, partitions: Iterable[int]) -> None:
        with self._lock:
            for number in partitions:
                if self._owners.get(number) == name:
                    del self._owners[number]

    def read(self, name: str, records: list[Read]) -> None:
        with self._lock:
            for record in records:
                owner = self._owners.get(record.partition)
                if owner != name:
                    self.doubled.append(f"{name} read {record} of {owner}")
            self.reads += records

    def commit_ended(self, name: str, records: list[Read], *, is_refused: bool) -> None:
        with self._lock:
            for record in records:
                if is_refused or self._owners.get(record.partition) != name:
                    self.refused.add((record.partition, record.offset))

    def owners(self) -> dict[int, str]:
        with self._lock:
            return dict(self._owners)

    def values(self) -> set[int]:
        with self._lock:
            return {record.value for record in self.reads}

    def read_twice_without_reason(self) -> list[tuple[int, int]]:
        with self._lock:
            times = Counter((record.partition, record.offset) for record in self.reads)
            return [place for place, count in times.items() if count > 1 and place not in self.refused]


class Member(ABC):
    """A consumer in a thread of its own, until it is told to leave."""

    def __init__(self, name: str, bootstrap: str, topic: str, group: str, ledger: Ledger) -> None:
        self.name, self.bootstrap, self.topic, self.group, self.ledger = name, bootstrap, topic, group, ledger
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.error: BaseException | None = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            self.error = error

    @property
    def is_leaving(self) -> bool:
        return self._leaves.is_set()

    def leave(self) -> None:
        """Leave the group, and wait until that is done."""
        self._leaves.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), f"{self.name} doesn't leave"
        assert self.error is None, self.error

    def gain(self, numbers: Iterable[int]) -> None:
        self.ledger.gain(self.name, numbers)

    def lose(self, numbers: Iterable[int]) -> None:
        self.ledger.lose(self.name, numbers)

    def owned(self) -> list[int]:
        return [number for number, owner in self.ledger.owners().items() if owner == self.name]

    @abstractmethod
    def work(self) -> None:
        """Read and commit until the member leaves."""


class KafkaPython(Member):
    """kafka-python: the classic protocol, with the eager assignor ``range``."""

    def work(self) -> None:
        from kafka import ConsumerRebalanceListener, KafkaConsumer
        from kafka.errors import KafkaError

        member = self

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
            def on_partitions_assigned(self, assigned):
                member.gain(each.partition for each in assigned)

            def on_partitions_revoked(self, revoked):
                member.lose(each.partition for each in revoked)

        consumer = KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=self.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=200,
            session_timeout_ms=10_000,
            max_poll_records=20,
        )
        consumer.subscribe([self.topic], listener=Listener())
        while not self.is_leaving:
            polled = consumer.poll(timeout_ms=int(POLL_S * 1_000))
            records = [Read(each.partition, each.offset, int(each.value)) for rows in polled.values() for each in rows]
            if not records:
                continue
            self.ledger.read(self.name, records)
            is_refused = False
            try:
                consumer.commit()
            except KafkaError:
                is_refused = True
            self.ledger.commit_ended(self.name, records, is_refused=is_refused)
        consumer.close()
        self.lose(self.owned())


class Aiokafka(Member):
    """aiokafka: the classic protocol, with the eager assignor ``roundrobin``."""

    def work(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
        from aiokafka.errors import KafkaError

        member = self

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
            async def on_partitions_assigned(self, assigned):
                member.gain(each.partition for each in assigned)

            async def on_partitions_revoked(self, revoked):
                member.lose(each.partition for each in revoked)

        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=self.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=200,
            session_timeout_ms=10_000,
            max_poll_records=20,
        )
        consumer.subscribe([self.topic], listener=Listener())
        await consumer.start()
        while not self.is_leaving:
            polled = await consumer.getmany(timeout_ms=int(POLL_S * 1_000))
            # What was fetched ahead may still come after the listener was told of a rebalance: it is another's to read.
            mine = {tp: rows for tp, rows in polled.items() if tp.partition in self.owned()}
            records = [Read(each.partition, each.offset, int(each.value)) for rows in mine.values() for each in rows]
            if not records:
                continue
            self.ledger.read(self.name, records)
            is_refused = False
            try:
                await consumer.commit({tp: rows[-1].offset + 1 for tp, rows in mine.items()})
            except KafkaError:
                is_refused = True
            self.ledger.commit_ended(self.name, records, is_refused=is_refused)
        await consumer.stop()
        self.lose(self.owned())


class Librdkafka(Member):
    """confluent-kafka: the consumer protocol."""

    def work(self) -> None:
        from confluent_kafka import Consumer, KafkaException, TopicPartition

        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.group,
                "group.protocol": "consumer",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )

        def lose(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self.lose(each.partition for each in partitions)

        def gain(_consumer: Consumer, partitions: list[TopicPartition]) -> None:
            self.gain(each.partition for each in partitions)

        consumer.subscribe([self.topic], on_assign=gain, on_revoke=lose, on_lost=lose)
        while not self.is_leaving:
            message = consumer.poll(POLL_S)
            if message is None or message.error() is not None:
                continue
            record = Read(present(message.partition()), present(message.offset()), int(present(message.value())))
            self.ledger.read(self.name, [record])
            is_refused = False
            try:
                consumer.commit(message=message, asynchronous=False)
            except KafkaException:
                is_refused = True
            self.ledger.commit_ended(self.name, [record], is_refused=is_refused)
        consumer.close()
        self.lose(self.owned())
