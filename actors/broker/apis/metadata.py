"""Metadata (key 3): the brokers, the controller, and the topics with their partitions, leaders and replicas.

Version 0 asks for all topics with an empty list, later ones with null; 1 added the controller, racks and internal
topics, 4 a flag against making topics, 7 leader epochs, 8 the authorized operations, 10 topic ids, 12 asking by id.
Topics that are requested by name and don't exist are made, if the request and ``auto.create.topics.enable`` allow it.
If the controller is quick, the first response already has them (in Kafka, they are always unknown first).

Topics that the client may not describe aren't disclosed: a list of all topics omits them, and requested by name they
get TOPIC_AUTHORIZATION_FAILED, whether they exist or not.

A request for many topics is worked on in parts of ``PART``, with other actors' turns in between, so that it doesn't
delay other clients.

A partition without a leader has LEADER_NOT_AVAILABLE and leader -1; replicas on fenced brokers are offline. Version 0
leaves fenced brokers out of the replicas and the in-sync set, with REPLICA_NOT_AVAILABLE, as Kafka does.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.broker.call import PAUSE, Call
from actors.broker.forwarding import failed, until_known
from actors.broker.slices import sliced
from actors.broker.topic_creation import created
from actors.image import topic_names
from actors.image.image import ClusterImage, PartitionImage, TopicImage
from actors.image.internal_topics import creatable
from actors.node import topic_descriptions
from actors.node.authorizer import CLUSTER, CREATE, DESCRIBE, NOT_ASKED, TOPIC, refusal
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from kstore import errors
from kstore.errors import KafkaError
from kstore.schema.messages.create_topics import CreateTopicsRequest
from kstore.schema.messages.metadata import (
    MetadataRequestTopic,
    MetadataResponse,
    MetadataResponseBroker,
    MetadataResponsePartition,
    MetadataResponseTopic,
)
from kstore.schema.uuids import ZERO

API_KEY = 3
VERSIONS = (0, 13)
CREATE_VERSION = 7
PART = 2_000
PART_OF_ALL = 500
PARTITIONS_A_TURN = 5_000


def handle(call: Call) -> MetadataResponse | Coroutine:
    """Answer from the node's own image, making topics first if they should be made."""
    request = call.request
    wanted: list[MetadataRequestTopic] | None = request.topics
    if wanted is None or (call.version == 0 and not wanted):
        return all_topics(call)
    if len(wanted) > PART:
        return in_parts(call, wanted)
    refused: dict[str, int] = {}
    missing = names_to_make(call, wanted, refused)
    if missing:
        return made_first(call, wanted, missing, refused)
    return answer(call, topics_of(call, wanted, refused))


def all_topics(call: Call) -> MetadataResponse | Coroutine:
    """All topics of one image; if there are very many, each part in a turn of its own."""
    image: ClusterImage = call.view.image
    alive = living(image)
    if len(image.topics) <= PART_OF_ALL:
        seen = [topic for topic in image.topics.values() if call.authorize(DESCRIBE, of_topic(topic.name))]
        return answer(call, [described(call, topic, alive) for topic in seen])
    return all_in_parts(call, list(image.topics.values()), alive)


def all_in_parts(call: Call, topics: list[TopicImage], alive: frozenset[int]) -> Coroutine:
    found: list[MetadataResponseTopic] = []
    room = PARTITIONS_A_TURN
    for topic in topics:
        if call.authorize(DESCRIBE, of_topic(topic.name)):
            found.append(described(call, topic, alive))
        room -= 1 + len(topic.partitions)
        if room <= 0:
            yield PAUSE
            room = PARTITIONS_A_TURN
    return answer(call, found)


def in_parts(call: Call, wanted: list[MetadataRequestTopic]) -> Coroutine:
    """As for few topics, each part of them in a turn of its own."""
    named: dict[object, MetadataRequestTopic] = {}
    yield from sliced(wanted, lambda topic: named.setdefault((topic.name, topic.topic_id), topic))
    once = list(named.values())
    missing: list[str] = []
    topics: list[MetadataResponseTopic] = []
    refused: dict[str, int] = {}
    for start in range(0, len(once), PART):
        yield PAUSE
        missing += names_to_make(call, once[start : start + PART], refused)
    if missing:
        yield from make(call, missing, refused)
    for start in range(0, len(once), PART):
        yield PAUSE
        topics += topics_of(call, once[start : start + PART], refused)
    return answer(call, topics)


def names_to_make(call: Call, wanted: Iterable[MetadataRequestTopic], refused: dict[str, int]) -> list[str]:
    """The names of topics that don't exist and may be made, if the request and the broker allow to make topics.

    Those that the client isn't authorized to make are put into ``refused``.
    """
    if not (call.request.allow_auto_topic_creation and call.view.config.boolean("auto.create.topics.enable")):
        return []
    there = call.view.image.topics
    asked = dict.fromkeys(topic.name for topic in wanted if topic.name is not None and topic.topic_id == ZERO)
    missing = [name for name in asked if name not in there and call.authorize(DESCRIBE, of_topic(name))]
    if missing and not call.authorize(CREATE, CLUSTER):
        code = errors.TopicAuthorizationFailed.code
        refused.update((name, code) for name in missing if not call.authorize(CREATE, of_topic(name)))
    return [name for name in missing if name not in refused and is_legal(name)]


def is_legal(name: str) -> bool:
    try:
        topic_names.validate(name)
    except errors.InvalidTopic:
        return False
    return name != topic_names.METADATA_TOPIC


def made_first(
    call: Call, wanted: list[MetadataRequestTopic], missing: list[str], refused: dict[str, int]
) -> Coroutine:
    """Ask for topics to be made, wait a little until they are known, then answer."""
    yield from make(call, missing, refused)
    return answer(call, topics_of(call, wanted, refused))


def make(call: Call, missing: list[str], refused: dict[str, int]) -> Coroutine:
    """Ask for topics to be made, and wait a little until they are known; puts refused ones into ``refused``, with the
    error.

    Topics beyond the limit of one request are not made, without an error: they stay unknown, as in Kafka.
    """
    topics = yield from sliced(missing, lambda name: creatable(name, call.view.config))
    outcome = yield from created(call, CreateTopicsRequest(topics=topics), CREATE_VERSION)
    if failed(outcome) is None:
        there = (0, errors.TopicAlreadyExists.code, errors.PolicyViolation.code)
        refused.update((made.name, made.error_code) for made in outcome.topics if made.error_code not in there)
        already = (topic.name for topic in outcome.topics if topic.error_code == errors.TopicAlreadyExists.code)
        yield from until_known(call, tuple(already))


def topics_of(call: Call, wanted: list[MetadataRequestTopic], refused: dict[str, int]) -> list[MetadataResponseTopic]:
    """The requested topics, each once, in the order of the request; unknown ones with an error."""
    image: ClusterImage = call.view.image
    alive = living(image)
    found: dict[object, MetadataResponseTopic] = {}
    for asked in wanted:
        key: object = (asked.name, asked.topic_id)
        if key in found:
            continue
        try:
            topic = resolved(call, asked)
            key = topic.id
        except KafkaError as error:
            code = refused.get(asked.name or "", error.code)
            name = asked.name if call.version >= 12 else asked.name or ""
            found[key] = MetadataResponseTopic(error_code=code, name=name, topic_id=asked.topic_id)
        else:
            if key not in found:
                found[key] = described(call, topic, alive)
    return list(found.values())


def resolved(call: Call, asked: MetadataRequestTopic) -> TopicImage:
    """The requested topic; raises an error if it doesn't exist or may not be described."""
    image: ClusterImage = call.view.image
    by_id = asked.topic_id != ZERO
    if call.version < 12 and (by_id or asked.name is None):
        raise errors.InvalidRequest
    if by_id:
        topic = image.topic_by_id(asked.topic_id)
        if topic is None:
            raise errors.UnknownTopicId
        if not call.authorize(DESCRIBE, of_topic(topic.name)):
            raise refusal(TOPIC)
        return topic
    name = asked.name or ""
    if not call.authorize(DESCRIBE, of_topic(name)):
        raise refusal(TOPIC)
    topic = image.topics.get(name)
    if topic is None:
        topic_names.validate(name)
        raise errors.UnknownTopicOrPartition
    return topic


def living(image: ClusterImage) -> frozenset[int]:
    """The brokers that can be reached."""
    return frozenset(broker.id for broker in image.brokers.values() if not broker.fenced)


def described(call: Call, topic: TopicImage, alive: frozenset[int]) -> MetadataResponseTopic:
    """An existing topic."""
    if call.version > 0 and not call.request.include_topic_authorized_operations:
        descriptions = call.view.descriptions
        assert descriptions is not None, "they are there before the door is open"
        return descriptions.of(topic, alive)
    made = topic_descriptions.described(topic, alive)
    if call.version == 0:
        made.partitions = [oldest_partition(number, found, alive) for number, found in topic.partitions.items()]
    if call.request.include_topic_authorized_operations:
        made.topic_authorized_operations = call.operations_allowed(of_topic(topic.name))
    return made


def oldest_partition(number: int, found: PartitionImage, alive: frozenset[int]) -> MetadataResponsePartition:
    """A partition in version 0: without the brokers that can't be reached."""
    answer = topic_descriptions.partition(number, found, alive, {})
    answer.replica_nodes = [replica for replica in found.replicas if replica in alive]
    answer.isr_nodes = [replica for replica in found.isr if replica in alive]
    reachable = len(answer.replica_nodes) + len(answer.isr_nodes) == len(found.replicas) + len(found.isr)
    if not answer.error_code and not reachable:
        answer.error_code = errors.ReplicaNotAvailable.code
    return answer


def answer(call: Call, topics: list[MetadataResponseTopic]) -> MetadataResponse:
    """The whole response around the topics."""
    image: ClusterImage = call.view.image
    alive = [image.brokers[number] for number in sorted(image.brokers) if not image.brokers[number].fenced]
    controller = image.controller_id
    if alive and controller not in (broker.id for broker in alive):
        controller = alive[0].id  # any broker forwards requests for the controller
    return MetadataResponse(
        brokers=[
            MetadataResponseBroker(node_id=broker.id, host=at.host, port=at.port, rack=broker.rack)
            for broker in alive
            for at in [broker.endpoint(call.listener)]
        ],
        cluster_id=image.cluster_id,
        controller_id=controller if alive else -1,
        topics=topics,
        cluster_authorized_operations=(
            call.operations_allowed(CLUSTER) if call.request.include_cluster_authorized_operations else NOT_ASKED
        ),
    )
