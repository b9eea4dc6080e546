"""An admin call for leaders: elect them on request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from actors.clients.actor import ClientActor
from actors.clients.admin.asking import at_controller, by_topic, in_rounds, outcome_of, settled
from actors.clients.arguments import partitions as checked_partitions
from actors.clients.structs import TopicPartition
from actors.runtime.coroutine import Eventually
from kstore.errors import ElectionNotNeeded, KafkaError, UnknownTopicOrPartition, for_code
from kstore.errors.arguments import listed, shown, whole
from kstore.errors.config import ConfigError
from kstore.schema.messages.elect_leaders import ElectLeadersRequest, ElectLeadersResponse, TopicPartitions

TYPES = {"preferred": 0, "unclean": 1}


def type_of(election_type: str | int) -> int:
    """Kafka's number for a type of election. Raises ``ConfigError`` for what is none."""
    known = election_type in (TYPES if isinstance(election_type, str) else TYPES.values())
    if not known or isinstance(election_type, bool):
        raise ConfigError(f"election_type is one of {', '.join(TYPES)}; got {shown(election_type)}")
    return TYPES[election_type] if isinstance(election_type, str) else whole("election_type", election_type)


def partitions_of(name: str, partitions: Any) -> list[TopicPartition] | None:
    """The partitions to elect leaders of, however they are given; None: all."""
    if partitions is None:
        return None
    if isinstance(partitions, Mapping):
        pairs: list[Any] = [
            (topic, number)
            for topic, numbers in partitions.items()
            for number in listed(f"each value of {name}", numbers, "numbers")
        ]
        return checked_partitions(name, pairs)
    return checked_partitions(name, partitions)


def elect(
    actor: ClientActor, election_type: int, partitions: Sequence[TopicPartition] | None, timeout_ms: int
) -> Eventually[list[TopicPartition]]:
    """Elect leaders; the partitions that have another one now."""

    def request(left: list[TopicPartition] | None) -> ElectLeadersRequest:
        wanted = None
        if left is not None:
            wanted = [
                TopicPartitions(topic=name, partitions=[each.partition for each in named])
                for name, named in by_topic(left).items()
            ]
        return ElectLeadersRequest(election_type=election_type, topic_partitions=wanted, timeout_ms=timeout_ms)

    def one_round(left: list[TopicPartition]) -> Eventually[Mapping[TopicPartition, bool | KafkaError]]:
        answer = yield from at_controller(actor, request(left))
        if isinstance(answer, KafkaError):
            return dict.fromkeys(left, answer)
        if answer.error_code:
            return dict.fromkeys(left, for_code(answer.error_code))
        found: dict[TopicPartition, bool | KafkaError] = dict.fromkeys(left, UnknownTopicOrPartition())
        found.update(_results(answer))
        return found

    def all_at_once(left: list[None]) -> Eventually[Mapping[None, ElectLeadersResponse | KafkaError]]:
        answer = yield from at_controller(actor, request(None))
        if not isinstance(answer, KafkaError) and answer.error_code:
            answer = for_code(answer.error_code)
        return {None: answer}

    if partitions is not None:
        changed = yield from in_rounds(actor, partitions, one_round)
        return [each for each, is_new in changed.items() if is_new]
    answer = (yield from in_rounds(actor, [None], all_at_once))[None]
    found = dict(_results(answer))
    failed = {each: outcome for each, outcome in found.items() if isinstance(outcome, KafkaError)}
    elected = {each: outcome for each, outcome in found.items() if each not in failed}
    return list(settled(list(found), elected, failed))


def _results(answer: ElectLeadersResponse) -> list[tuple[TopicPartition, bool | KafkaError]]:
    """By partition, whether a leader was elected; that none was needed is no error."""
    found: list[tuple[TopicPartition, bool | KafkaError]] = []
    for topic in answer.replica_election_results:
        for each in topic.partition_result:
            not_needed = each.error_code == ElectionNotNeeded.code
            outcome = False if not_needed else outcome_of(each.error_code, True, each.error_message)
            found.append((TopicPartition(topic.topic, each.partition_id), outcome))
    return found
