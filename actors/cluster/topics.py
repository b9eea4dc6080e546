"""``cluster.create_topic``: asks the controller, then waits until every broker knows the topic and its leaders lead.

It waits for brokers that have just been started: one of them may have the controller, and the topic's replicas should
be spread over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pykka

from actors.cluster.inspection import leading_replica
from actors.controller.messages import Decide
from actors.runtime.future import ask
from kstore.errors import InvalidReplicationFactor, KafkaError, NotController, UnknownServerError, for_code
from kstore.errors.arguments import INT_MAX, SHORT_MAX, text, whole
from kstore.schema.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest

if TYPE_CHECKING:
    from actors.cluster.questions import Questions

VERSION = 7


def creatable(name: str, partitions: int, replication_factor: int | None, config: Mapping[str, str]) -> CreatableTopic:
    """The CreateTopics entry of a topic. Raises ``TypeError`` and ``ValueError`` for invalid arguments."""
    factor = -1 if replication_factor is None else replication_factor
    return CreatableTopic(
        name=text("name", name),
        num_partitions=whole("partitions", partitions, -1),
        replication_factor=whole("replication_factor", factor, -1, SHORT_MAX),
        configs=[CreatableTopicConfig(name=key, value=value) for key, value in config.items()],
    )


def create_topic(nodes: Questions, topic: CreatableTopic, timeout_s: float) -> None:
    """Ask the controller to make a topic, and wait until it can be used.

    Raises what the controller refuses it with, ``NotController`` when there is none, ``TimeoutError``.
    """
    driver, clock = nodes.world.driver, nodes.world.clock
    deadline_us = clock.now_us() + round(timeout_s * 1e6)

    def left_s() -> float:
        return max(0, deadline_us - clock.now_us()) / 1e6

    driver.drive(lambda: not _is_controller_starting(nodes), left_s())
    while (refusal := _ask_controller(nodes, topic, left_s())) is not None:
        starting = driver.call(_are_starting, nodes)
        if not starting or not isinstance(refusal, (InvalidReplicationFactor, NotController)) or not left_s():
            raise refusal
        driver.drive(lambda: not _are_starting(nodes), left_s())
    nodes.wait_for(_usable(nodes, topic.name), left_s())


def _are_starting(nodes: Questions) -> bool:
    return any(nodes.is_starting(node) for node in nodes.nodes.values())


def _is_controller_starting(nodes: Questions) -> bool:
    return nodes.controller_ref() is None and _are_starting(nodes)


def _ask_controller(nodes: Questions, topic: CreatableTopic, timeout_s: float) -> KafkaError | None:
    """The controller's error; None if it has made the topic."""
    controller = nodes.world.driver.call(nodes.controller_ref)
    if controller is None:
        return NotController("the controller's broker is dead")
    request = CreateTopicsRequest(topics=[topic], timeout_ms=min(round(timeout_s * 1000), INT_MAX))
    asked = ask(nodes.world, controller, Decide(request, VERSION), "Cluster.create_topic")
    try:
        answer: Any = asked.get(timeout=timeout_s).topics[0]
    except pykka.Timeout:
        raise TimeoutError(f"topic {topic.name} was not made in {timeout_s:g} seconds") from None
    except pykka.ActorDeadError:
        return UnknownServerError(f"the controller ended before it answered: topic {topic.name} may be there, or not")
    return for_code(answer.error_code, answer.error_message) if answer.error_code else None


def _usable(nodes: Questions, name: str) -> Callable[[], bool]:
    """A check whether every living broker knows the topic, and every leader of its partitions leads."""
    waited_for: list[int] = []  # partitions, the next to look at last: this is asked after every turn

    def is_usable() -> bool:
        living = [node.node_id for node in nodes.living() if not node.is_paused]
        if not all(nodes.image(node_id).topic(name) is not None for node_id in living):
            return False
        found = nodes.image().topics[name].partitions
        while waited_for and (waited_for[-1] not in found or _is_led(nodes, living, name, waited_for[-1])):
            waited_for.pop()
        if not waited_for:
            waited_for.extend(number for number in found if not _is_led(nodes, living, name, number))
        return not waited_for

    return is_usable


def _is_led(nodes: Questions, living: list[int], name: str, number: int) -> bool:
    """Whether a partition's leader already leads, or can't be waited for."""
    leader = nodes.image().topics[name].partitions[number].leader
    return leader not in living or leading_replica(nodes, name, number) is not None
