"""Who may do what: the question that every handler asks, and the authorizer that answers it.

A handler asks ``call.authorize(operation, resource)`` for what Apache Kafka's ``KafkaApis`` and ``ControllerApis`` ask,
in the same place, and answers a no as they do: what may not be described isn't disclosed. The answer is the
``Authorizer``'s that the node's ``View`` holds. So far that is ``EVERYBODY``, as in a Kafka without an
``authorizer.class.name``.

A client is ``ANONYMOUS``, for nobody authenticates yet. Other nodes of the cluster ask as ``NODES``, which no client
can be; what a node passes on for a client it has asked about before.

Operations, kinds of resources and the fields of bits are Kafka's codes (``AclOperation``, ``ResourceType``).

>>> bits(READ, WRITE)
24
>>> EVERYBODY.authorize(None, WRITE, topic("orders"))
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.errors import (
    ClusterAuthorizationFailed,
    GroupAuthorizationFailed,
    KafkaError,
    TopicAuthorizationFailed,
    TransactionalIdAuthorizationFailed,
)

READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, CLUSTER_ACTION = range(3, 10)
DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE = 10, 11, 12

TOPIC, GROUP, OF_CLUSTER, TRANSACTIONAL_ID = 2, 3, 4, 5
"""The kinds of resources."""

Resource = tuple[int, str]
"""A kind and a name."""

CLUSTER: Resource = (OF_CLUSTER, "kafka-cluster")

ANONYMOUS = "User:ANONYMOUS"
NODES = "Node:cluster"

NOT_ASKED = -(1 << 31)
"""What a field of bits holds when the client didn't ask for it."""
NOTHING_ALLOWED = 0

SUPPORTED = {
    TOPIC: (READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
    GROUP: (READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS),
    OF_CLUSTER: (CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE),
}
"""The operations that each kind of resource knows."""


if TYPE_CHECKING:
    from typing import Protocol

    class Asking(Protocol):
        """Who asks: a principal, as ``User:name``, and the address that it asks from."""

        @property
        def principal(self) -> str: ...

        @property
        def client_host(self) -> str: ...

    class Authorizer(Protocol):
        """Answers at once, from what it knows: it is asked within a turn, for some requests thousands of times."""

        def authorize(self, asking: Asking | None, operation: int, resource: Resource) -> bool:
            """Whether this may be done with the resource."""
            ...

        def authorize_any(self, asking: Asking | None, operation: int, kind: int) -> bool:
            """Whether this may be done with at least one resource of a kind (``authorizeByResourceType``)."""
            ...


class _Everybody:
    """Lets everybody do everything."""

    __slots__ = ()

    def authorize(self, asking: Asking | None, operation: int, resource: Resource) -> bool:
        return True

    def authorize_any(self, asking: Asking | None, operation: int, kind: int) -> bool:
        return True


EVERYBODY: Authorizer = _Everybody()


def topic(name: str) -> Resource:
    return TOPIC, name


def group(group_id: str) -> Resource:
    return GROUP, group_id


def transactional_id(name: str) -> Resource:
    return TRANSACTIONAL_ID, name


def bits(*operations: int) -> int:
    """A set of operations as one number."""
    return sum(1 << operation for operation in operations)


def refusal(kind: int) -> KafkaError:
    """The error that a no comes to, with Kafka's text."""
    if kind == TOPIC:
        return TopicAuthorizationFailed("Topic authorization failed.")
    if kind == GROUP:
        return GroupAuthorizationFailed("Group authorization failed.")
    if kind == TRANSACTIONAL_ID:
        return TransactionalIdAuthorizationFailed("Transactional Id authorization failed.")
    return ClusterAuthorizationFailed("Cluster authorization failed.")


def operations_allowed(authorizer: Authorizer, asking: Asking, resource: Resource) -> int:
    """What may be done with a resource, of all that its kind knows, as bits; nothing if it may not be described."""
    supported = SUPPORTED[resource[0]]
    if authorizer is EVERYBODY:
        return bits(*supported)
    if not authorizer.authorize(asking, DESCRIBE, resource):
        return NOTHING_ALLOWED
    return bits(*(each for each in supported if authorizer.authorize(asking, each, resource)))
