"""Authorization: the authorizer that every handler asks who may do what.

A handler asks ``call.authorize(operation, resource)`` in the same places as Apache Kafka's ``KafkaApis`` and
``ControllerApis``, and refuses as they do: what may not be described isn't disclosed. The ``Authorizer`` in the node's
``View`` decides. So far that is ``EVERYBODY``, as in a Kafka without an ``authorizer.class.name``.

Clients are ``ANONYMOUS``, as there is no authentication yet. Other nodes of the cluster are ``NODES``, which no client
can be. A node that forwards a client's request has authorized it before.

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
"""The value of a bit field that the client didn't ask for."""
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
        """The sender of a request: its principal, as ``User:name``, and its address."""

        @property
        def principal(self) -> str:
            """Who asks, as "User:name"."""

        @property
        def client_host(self) -> str:
            """The address that it asks from."""

    class Authorizer(Protocol):
        """Decides at once, from memory: it is asked within a turn, for some requests thousands of times."""

        def authorize(self, asking: Asking | None, operation: int, resource: Resource) -> bool:
            """Whether this may be done with the resource."""
            ...

        def authorize_any(self, asking: Asking | None, operation: int, kind: int) -> bool:
            """Whether this may be done with at least one resource of a kind (``authorizeByResourceType``)."""
            ...


class _Everybody:
    """Allows everything."""

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
    """The error for an operation that isn't allowed, with Kafka's text."""
    if kind == TOPIC:
        return TopicAuthorizationFailed("Topic authorization failed.")
    if kind == GROUP:
        return GroupAuthorizationFailed("Group authorization failed.")
    if kind == TRANSACTIONAL_ID:
        return TransactionalIdAuthorizationFailed("Transactional Id authorization failed.")
    return ClusterAuthorizationFailed("Cluster authorization failed.")


def operations_allowed(authorizer: Authorizer, asking: Asking, resource: Resource) -> int:
    """The allowed operations on a resource as bits; none if it may not be described."""
    supported = SUPPORTED[resource[0]]
    if authorizer is EVERYBODY:
        return bits(*supported)
    if not authorizer.authorize(asking, DESCRIBE, resource):
        return NOTHING_ALLOWED
    return bits(*(each for each in supported if authorizer.authorize(asking, each, resource)))
