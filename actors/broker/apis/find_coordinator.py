"""FindCoordinator, key 10, versions 0 to 6: which broker coordinates a group, or a transactional id.

That is the leader of the group's partition of ``__consumer_offsets``, or of the id's partition of
``__transaction_state``. The first request makes the topic, and waits a little until this node knows it (Kafka lets the
client retry). While the partition has no leader the response is COORDINATOR_NOT_AVAILABLE, and clients retry.
Coordinators of share groups (key type 2) don't exist yet: INVALID_REQUEST. The message says so, and so does the log.

Versions: 0 has no key type; before 4 one key a request; 1 adds error messages; 6 came with share groups.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.coordinator_requests import coordinated_by
from actors.broker.slices import sliced
from actors.broker.topic_creation import created
from actors.broker.unserved import coordinator_unserved
from actors.image.image import BrokerImage
from actors.image.internal_topics import creatable
from actors.image.topic_names import OFFSETS_TOPIC, TRANSACTIONS_TOPIC
from actors.node import authorizer
from actors.runtime import Coroutine
from kstore.errors import CoordinatorNotAvailable, InvalidRequest, KafkaError
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.find_coordinator import Coordinator, FindCoordinatorRequest, FindCoordinatorResponse

API_KEY = 10
VERSIONS = (0, 6)

SEVERAL_KEYS = 4
SHARE_FROM = 6
GROUP, TRANSACTION, SHARE = 0, 1, 2
TOPICS = {GROUP: OFFSETS_TOPIC, TRANSACTION: TRANSACTIONS_TOPIC}
"""The topic whose partition leaders coordinate keys of a type."""
NO_ERROR = "NONE"
"""Apache Kafka's message in the older versions when there was no error."""

CREATE_TIMEOUT_MS = 30_000
CREATE_VERSION = 7


def handle(call: Call) -> Coroutine:
    request: FindCoordinatorRequest = call.request
    keys = request.coordinator_keys if call.version >= SEVERAL_KEYS else [request.key]
    refusals = yield from sliced(keys, lambda key: _refusal(call, request.key_type, key))
    topic = TOPICS.get(request.key_type)
    if topic is not None and None in refusals and call.view.image.topic(topic) is None:
        yield from _make_topic(call, topic)
    asked = list(zip(keys, refusals, strict=True))
    found = yield from sliced(asked, lambda each: _find(call, request.key_type, *each))
    if request.key_type not in TOPICS:
        coordinator_unserved(call, request.key_type)
    if call.version >= SEVERAL_KEYS:
        return FindCoordinatorResponse(coordinators=found)
    only = found[0]
    return FindCoordinatorResponse(
        error_code=only.error_code,
        error_message=only.error_message,
        node_id=only.node_id,
        host=only.host,
        port=only.port,
    )


def _make_topic(call: Call, name: str) -> Coroutine:
    """Ask the controller to make it. The image shows later if it refused, or if another node asked at the same time."""
    request = CreateTopicsRequest(topics=[creatable(name, call.view.config)], timeout_ms=CREATE_TIMEOUT_MS)
    yield from created(call, request, CREATE_VERSION)


def _refusal(call: Call, key_type: int, key: str) -> KafkaError | None:
    """The error for a client that isn't authorized, None for one that is."""
    if key_type == GROUP:
        operation, resource = authorizer.DESCRIBE, authorizer.group(key)
    elif key_type == TRANSACTION:
        operation, resource = authorizer.DESCRIBE, authorizer.transactional_id(key)
    elif key_type == SHARE and call.version >= SHARE_FROM:
        operation, resource = authorizer.CLUSTER_ACTION, authorizer.CLUSTER
    else:
        return None
    return None if call.authorize(operation, resource) else authorizer.refusal(resource[0])


def _find(call: Call, key_type: int, key: str, refusal: KafkaError | None) -> Coordinator:
    try:
        if refusal is not None:
            raise refusal
        broker = _coordinator(call, key_type, key)
    except KafkaError as error:
        return Coordinator(key=key, node_id=-1, host="", port=-1, error_code=error.code, error_message=error.message)
    endpoint = broker.endpoint(call.listener)
    message = "" if call.version >= SEVERAL_KEYS else NO_ERROR
    return Coordinator(key=key, node_id=broker.id, host=endpoint.host, port=endpoint.port, error_message=message)


def _coordinator(call: Call, key_type: int, key: str) -> BrokerImage:
    name = TOPICS.get(key_type)
    if name is None:
        raise InvalidRequest(
            f"there are coordinators of groups (key type 0) and of transactions (1) only, none of key type {key_type}"
        )
    image = call.view.image
    topic = image.topic(name)
    partition = None if topic is None else topic.partitions.get(coordinated_by(call.view, name, key))
    broker: BrokerImage | None = None if partition is None else image.brokers.get(partition.leader)
    if broker is None or broker.fenced:
        raise CoordinatorNotAvailable()
    return broker
