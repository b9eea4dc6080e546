"""Asks brokers about many topics, groups or partitions at once: in rounds, until each has a result or a lasting error.

A round asks about all that is still open, with one request to each broker. What is transient (a broker that doesn't
answer, a leader or a coordinator that has moved, a coordinator that loads) is asked again after a pause; the call's
own time limit ends that from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from actors.clients.actor import GROUP, ClientActor
from actors.clients.coroutine import SendTo
from actors.clients.errors import SeveralFailed
from actors.clients.structs import TopicPartition
from actors.network.link import Disconnected
from actors.runtime.coroutine import Eventually
from kstore import errors
from kstore.errors import KafkaError, for_code

if TYPE_CHECKING:
    from kstore.schema.struct import Message

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
A = TypeVar("A", bound="Message")

Round = Callable[[list[K]], Eventually[Mapping[K, V | KafkaError]]]

PASSING = (
    Disconnected,
    errors.ConcurrentTransactions,
    errors.CoordinatorLoadInProgress,
    errors.CoordinatorNotAvailable,
    errors.FencedLeaderEpoch,
    errors.LeaderNotAvailable,
    errors.NotController,
    errors.NotCoordinator,
    errors.NotLeaderOrFollower,
    errors.OffsetNotAvailable,
    errors.ReplicaNotAvailable,
    errors.UnknownLeaderEpoch,
    errors.UnstableOffsetCommit,
)
UNKNOWN_ATTEMPTS = 3
"""How often a partition that nobody knows is asked for: one that was made a moment ago is soon known to all."""


def in_rounds(
    actor: ClientActor, keys: Iterable[K], one_round: Round[K, V], *, final: tuple[type[KafkaError], ...] = ()
) -> Eventually[dict[K, V]]:
    """The result of each key, in the order given; ``final`` errors aren't transient here.

    Raises:
        KafkaError: the error of the only key.
        SeveralFailed: there were several keys, and some have an error.
    """
    wanted = list(dict.fromkeys(keys))
    results: dict[K, V] = {}
    failed: dict[K, KafkaError] = {}
    left, attempt = wanted, 0
    most: int = actor.config.retries  # type: ignore[attr-defined]
    while left:
        found = yield from one_round(left)
        again = []
        for key in left:
            outcome = found[key]
            if not isinstance(outcome, KafkaError):
                results[key] = outcome
            elif isinstance(outcome, final) or not passes(outcome, attempt) or attempt >= most:
                failed[key] = outcome
            else:
                again.append(key)
        left = again
        if left:
            yield actor.backoff(attempt)
            attempt += 1
    return settled(wanted, results, failed)


def settled(wanted: list[K], results: Mapping[K, V], failed: Mapping[K, KafkaError]) -> dict[K, V]:
    """The results in the order of the keys; raises as ``in_rounds`` does."""
    if failed:
        raise next(iter(failed.values())) if len(wanted) == 1 else SeveralFailed(failed, results)
    return {key: results[key] for key in wanted}


def passes(error: KafkaError, attempt: int) -> bool:
    """Whether a later attempt may succeed."""
    return isinstance(error, PASSING) or (
        isinstance(error, errors.UnknownTopicOrPartition) and attempt + 1 < UNKNOWN_ATTEMPTS
    )


def outcome_of(code: int, value: V, message: str | None = None) -> V | KafkaError:
    """The value, or the error of a code."""
    return for_code(code, message) if code else value


def at_controller(actor: ClientActor, request: Message) -> Eventually[Any]:
    """The controller's answer, or the error of the way there; after an error the cluster is looked at anew."""
    node_id = yield from actor.controller()
    answer = yield SendTo(node_id, request)
    if isinstance(answer, Disconnected):
        yield from actor.metadata.refresh()
    return answer


def at_leaders(
    actor: ClientActor,
    partitions: list[TopicPartition],
    request_for: Callable[[list[TopicPartition]], Message],
    outcomes_in: Callable[[A], Iterable[tuple[TopicPartition, V | KafkaError]]],
) -> Eventually[dict[TopicPartition, V | KafkaError]]:
    """A round over partitions, each asked of its leader: one request for each of them."""
    view = yield from actor.metadata.refresh(dict.fromkeys(each.topic for each in partitions))
    found: dict[TopicPartition, V | KafkaError] = {}
    by_leader: dict[int, list[TopicPartition]] = {}
    for each in partitions:
        topic, partition = view.topics.get(each.topic), view.partition(*each)
        if partition is not None and partition.leader >= 0:
            by_leader.setdefault(partition.leader, []).append(each)
        elif partition is not None:
            found[each] = errors.LeaderNotAvailable(f"{each} has no leader")
        else:
            code = topic.error_code if topic is not None and topic.error_code else errors.UnknownTopicOrPartition.code
            found[each] = for_code(code, str(each))
    answers = yield [SendTo(node_id, request_for(asked)) for node_id, asked in by_leader.items()]
    for asked, answer in zip(by_leader.values(), answers, strict=True):
        if isinstance(answer, KafkaError):
            found.update(dict.fromkeys(asked, answer))
        else:
            found.update(dict.fromkeys(asked, errors.UnknownServerError("the leader's answer leaves it out")))
            found.update(outcomes_in(answer))
    return found


def at_brokers(
    actor: ClientActor, broker_ids: Sequence[int] | None, request: Message, judge: Callable[[A], V | KafkaError]
) -> Eventually[dict[int, V]]:
    """What ``judge`` makes of the answers of these brokers, or (None) of all that the cluster has: those that leave it
    meanwhile are left out.
    """
    view = yield from actor.metadata.refresh()
    gone: set[int] = set()

    def one_round(left: list[int]) -> Eventually[Mapping[int, V | KafkaError | None]]:
        answers = yield [SendTo(node_id, request) for node_id in left]
        found: dict[int, V | KafkaError | None] = {}
        for node_id, answer in zip(left, answers, strict=True):
            found[node_id] = answer if isinstance(answer, KafkaError) else judge(answer)
            if isinstance(answer, Disconnected) and broker_ids is None:
                fresh = yield from actor.metadata.refresh()
                if node_id not in fresh.brokers:
                    gone.add(node_id)
                    found[node_id] = None
        return found

    asked = sorted(view.brokers) if broker_ids is None else broker_ids
    told = yield from in_rounds(actor, asked, one_round)
    return {node_id: each for node_id, each in told.items() if node_id not in gone}  # type: ignore[misc]


def at_coordinators(
    actor: ClientActor,
    names: list[str],
    ask: Callable[[int, list[str]], Eventually[Mapping[str, V | KafkaError]]],
    kind: int = GROUP,
) -> Eventually[dict[str, V | KafkaError]]:
    """A round over groups or transactional ids, those of one coordinator together; a coordinator that was wrong is
    forgotten.
    """
    found: dict[str, V | KafkaError] = {}
    by_coordinator: dict[int, list[str]] = {}
    for name in names:
        try:
            by_coordinator.setdefault((yield from actor.coordinator(name, kind)), []).append(name)
        except KafkaError as error:
            found[name] = error
    for node_id, asked in by_coordinator.items():
        found.update(dict.fromkeys(asked, errors.UnknownServerError("the coordinator's answer leaves it out")))
        found.update((yield from ask(node_id, asked)))
        for name in asked:
            if isinstance(found[name], (Disconnected, errors.NotCoordinator, errors.CoordinatorNotAvailable)):
                actor.forget_coordinator(name, kind)
    return found


def at_coordinator(
    actor: ClientActor, group: str, request: Message, judge: Callable[[A], V | KafkaError]
) -> Eventually[V]:
    """What ``judge`` makes of the answer of one group's coordinator."""

    def ask(node_id: int, groups: list[str]) -> Eventually[Mapping[str, V | KafkaError]]:
        answer = yield SendTo(node_id, request)
        return dict.fromkeys(groups, answer if isinstance(answer, KafkaError) else judge(answer))

    def one_round(groups: list[str]) -> Eventually[Mapping[str, V | KafkaError]]:
        return (yield from at_coordinators(actor, groups, ask))

    return (yield from in_rounds(actor, [group], one_round))[group]


def by_topic(partitions: Iterable[TopicPartition]) -> dict[str, list[TopicPartition]]:
    """Partitions by their topic, in the order given."""
    found: dict[str, list[TopicPartition]] = {}
    for each in dict.fromkeys(partitions):
        found.setdefault(each.topic, []).append(each)
    return found
