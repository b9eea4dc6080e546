"""Admin calls for log directories: describe what brokers have on their disks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from actors.clients.actor import ClientActor
from actors.clients.admin.asking import at_brokers, outcome_of
from actors.clients.admin.descriptions import LogDirDescription, ReplicaSize
from actors.clients.admin.topics import describe as describe_topics
from actors.clients.arguments import names
from actors.clients.structs import TopicPartition
from actors.runtime.coroutine import Eventually
from kstore.errors import ClusterAuthorizationFailed, KafkaError, for_code
from kstore.errors.arguments import listed, text, whole
from kstore.schema.messages.describe_log_dirs import (
    DescribableLogDirTopic,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    DescribeLogDirsResult,
)

LogDirs = tuple[LogDirDescription, ...]
Wanted = dict[str, list[int] | None] | None
"""Numbers of partitions by topic, None for all that it has; None for all topics."""


def asked_for(name: str, given: Iterable[str] | Mapping[str, Iterable[int]] | None) -> Wanted:
    """The partitions that are meant, however they are given."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        return dict.fromkeys(names(name, given, "topics"))
    return {
        text(f"each topic of {name}", topic): [
            whole(f"each number in {name}", each, 0) for each in listed(f"each value of {name}", numbers, "numbers")
        ]
        for topic, numbers in given.items()
    }


def describe(actor: ClientActor, wanted: Wanted, broker_ids: Sequence[int] | None) -> Eventually[dict[int, LogDirs]]:
    """The log directories of brokers; of all that the cluster has, those that leave it meanwhile are left out."""
    request = DescribeLogDirsRequest(topics=None if wanted is None else (yield from _topics(actor, wanted)))
    return (yield from at_brokers(actor, broker_ids, request, _told))


def _topics(actor: ClientActor, wanted: dict[str, list[int] | None]) -> Eventually[list[DescribableLogDirTopic]]:
    """As the request has them: it names every partition."""
    whole_topics = [name for name, numbers in wanted.items() if numbers is None]
    described = (yield from describe_topics(actor, whole_topics)) if whole_topics else []
    numbers_of = wanted | {topic.name: [each.partition for each in topic.partitions] for topic in described}
    return [DescribableLogDirTopic(topic=name, partitions=numbers or []) for name, numbers in numbers_of.items()]


def _told(answer: DescribeLogDirsResponse) -> LogDirs | KafkaError:
    """What a broker says; before version 3, one that doesn't want to says nothing, as Java's client knows."""
    if not answer.results and not answer.error_code:
        return ClusterAuthorizationFailed()
    return outcome_of(answer.error_code, tuple(map(_description, answer.results)))


def _description(result: DescribeLogDirsResult) -> LogDirDescription:
    return LogDirDescription(
        result.log_dir,
        for_code(result.error_code) if result.error_code else None,
        {
            TopicPartition(topic.name, each.partition_index): ReplicaSize(
                each.partition_size, each.offset_lag, each.is_future_key
            )
            for topic in result.topics
            for each in topic.partitions
        },
        result.total_bytes if result.total_bytes >= 0 else None,
        result.usable_bytes if result.usable_bytes >= 0 else None,
        result.is_cordoned,
    )
