"""Making a topic from outside: the controller decides, and then every broker is to know it, and its leaders to lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from actors.cluster.looking import leading_replica
from actors.controller.messages import Decide
from actors.runtime.future import ask
from kstore.errors import NotController, for_code
from kstore.schema.messages.create_topics import CreatableTopic, CreatableTopicConfig, CreateTopicsRequest

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes

VERSION = 7


def create_topic(
    nodes: Nodes,
    name: str,
    partitions: int,
    replication_factor: int | None,
    config: Mapping[str, str] | None,
    timeout: float,
) -> Callable[[], bool]:
    """Have the controller make a topic; what it returns tells whether the topic can be used.

    Raises what the controller refuses it with.
    """
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=-1 if replication_factor is None else replication_factor,
        configs=[CreatableTopicConfig(name=key, value=value) for key, value in (config or {}).items()],
    )
    controller = nodes.world.driver.call(nodes.controller_ref)
    if controller is None:
        raise NotController("the controller's broker is dead")
    request = CreateTopicsRequest(topics=[topic], timeout_ms=round(timeout * 1000))
    asked = ask(nodes.world, controller, Decide(request, VERSION), "Cluster.create_topic")
    answer = asked.get(timeout=timeout).topics[0]
    if answer.error_code:
        raise for_code(answer.error_code, answer.error_message)
    waited_for: list[int] = []  # partitions, the next to look at last: this is asked after every turn

    def is_usable() -> bool:
        """Whether every living broker knows the topic, and whoever leads a partition of it knows that."""
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


def _is_led(nodes: Nodes, living: list[int], name: str, number: int) -> bool:
    """Whether who leads a partition knows that, or can't be waited for."""
    leader = nodes.image().topics[name].partitions[number].leader
    return leader not in living or leading_replica(nodes, name, number) is not None
