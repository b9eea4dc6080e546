"""The topics of a Kafka as a test sees them, through confluent-kafka: none of the applications has a part in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, OffsetSpec
from waiting import wait_until

TIMEOUT_S = 30.0
QUIET = {"log_level": 0}


class Read(NamedTuple):
    """A record that was read."""

    key: str | None
    value: Any
    partition: int
    offset: int


def plain(value: bytes | None) -> Any:
    """A value as JSON where it is some, else as text."""
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode(errors="replace")


class Topics:
    """All of a cluster's topics and groups."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})

    def make(
        self, *names: str, partitions: int = 3, config: Mapping[str, str] | None = None
    ) -> None:
        wanted = [
            NewTopic(name, partitions, 1, config=dict(config or {})) for name in names
        ]
        for made in self.admin.create_topics(wanted).values():
            made.result(TIMEOUT_S)

    def send(self, topic: str, values: Iterable[tuple[str | None, Any]]) -> None:
        """Pairs of key and value; values go as JSON, but for bytes. Returns when all are acknowledged."""
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "acks": "all", "linger.ms": 1, **QUIET}
        )
        failed: list[Any] = []
        for key, value in values:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            producer.produce(
                topic,
                data,
                key,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(TIMEOUT_S) == 0
        assert failed == []

    def read(
        self,
        topic: str,
        enough: int | Callable[[list[Read]], object],
        *,
        check: Callable[[], None] = lambda: None,
        timeout_s: float = 60.0,
        isolation: str = "read_committed",
    ) -> list[Read]:
        """Everything from the beginning on until it is ``enough``, a number of records or a condition on them.

        ``check`` is called while it waits, to fail early when the application is gone.
        """
        is_enough = enough if callable(enough) else lambda found: len(found) >= enough
        wait_until(
            lambda: check() or topic in self.names(),
            what=f"topic {topic}",
            timeout_s=timeout_s,
        )
        settings = {
            "group.id": f"test-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": isolation,
        }
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "fetch.wait.max.ms": 50,
                **settings,
                **QUIET,
            }
        )
        partitions = self.admin.list_topics(topic, TIMEOUT_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[Read] = []

        def has_enough() -> bool:
            for message in consumer.consume(1000, 0.05):
                if message.error() is not None:
                    raise KafkaException(message.error())
                key = (
                    message.key().decode(errors="replace")
                    if message.key() is not None
                    else None
                )
                found.append(
                    Read(
                        key, plain(message.value()), message.partition(), message.offset()
                    )
                )
            return bool(is_enough(found)) or check() or False

        try:
            wait_until(has_enough, what=f"enough records in {topic}", timeout_s=timeout_s)
        except AssertionError as error:
            error.add_note(f"{len(found)} were there, the last of them {found[-3:]}")
            raise
        finally:
            consumer.close()
        return found

    def names(self) -> list[str]:
        return [
            name
            for name in self.admin.list_topics(timeout=TIMEOUT_S).topics
            if not name.startswith("__")
        ]

    def config(self, topic: str) -> dict[str, str]:
        """All of a topic's configs."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        described = self.admin.describe_configs([resource])[resource].result(TIMEOUT_S)
        return {name: entry.value for name, entry in described.items()}

    def groups(self) -> list[str]:
        listed = self.admin.list_consumer_groups().result(TIMEOUT_S)
        return [group.group_id for group in listed.valid]

    def members(self, group: str, topic: str) -> list[set[int]]:
        """Which of a topic's partitions each member of a group was assigned; none while they are being assigned."""
        described = self.admin.describe_consumer_groups([group])[group].result(TIMEOUT_S)
        if described.state.name != "STABLE":
            return []
        assigned = [member.assignment.topic_partitions for member in described.members]
        return [
            {each.partition for each in part if each.topic == topic} for part in assigned
        ]

    def wait_for_members(
        self,
        group: str,
        topic: str,
        count: int,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Until so many members of a group share a topic's partitions, each with one at least."""

        def have_parts() -> bool:
            check()
            parts = self.members(group, topic)
            return (
                len(parts) == count
                and all(parts)
                and len(set().union(*parts)) == sum(map(len, parts))
            )

        wait_until(
            have_parts,
            what=f"{count} members of {group} with a part of {topic} each",
            timeout_s=60,
        )

    def lag(self, group: str, topic: str) -> int:
        """How far a group is behind the end of a topic; what it never committed counts from the beginning."""
        partitions = [
            TopicPartition(topic, n)
            for n in self.admin.list_topics(topic, TIMEOUT_S).topics[topic].partitions
        ]
        ends = self.admin.list_offsets({each: OffsetSpec.latest() for each in partitions})
        asked = [ConsumerGroupTopicPartitions(group, partitions)]
        told = (
            self.admin.list_consumer_group_offsets(asked)[group]
            .result(TIMEOUT_S)
            .topic_partitions
        )
        committed = {each.partition: max(each.offset, 0) for each in told}
        return sum(
            end.result(TIMEOUT_S).offset - committed.get(each.partition, 0)
            for each, end in ends.items()
        )

    def wait_for_no_lag(self, group: str, topic: str) -> None:
        wait_until(
            lambda: self.lag(group, topic) == 0,
            what=f"{group} at the end of {topic}",
            timeout_s=60,
        )

    def remove_all(self) -> None:
        """Topics and groups; a group whose members were killed is there until they are missed."""
        if names := self.names():
            for removed in self.admin.delete_topics(names).values():
                removed.result(TIMEOUT_S)
        wait_until(lambda: not self.names(), what="the topics are gone")
        wait_until(self._without_groups, what="the groups are gone", timeout_s=60)

    def _without_groups(self) -> bool:
        if groups := self.groups():
            for removed in self.admin.delete_consumer_groups(groups).values():
                removed.exception(TIMEOUT_S)
        return not groups
