"""CreateTopics (key 19): make topics; the controller decides, whichever broker was asked.

The answer comes once the controller's decision is on its disk and this node knows the topics and their leaders, so that
the client's next requests find them. Version 5 added the configs and counts of the new topics to the answer, 7 their
ids. A request may make as many topics as in Kafka, and a large one is decided in portions
(``actors/broker/topic_creation.py``). A client that may make topics but not describe their configs doesn't get the
configs. ``timeout_ms`` is ignored, as in Kafka: the controller answers when it has decided.
"""

from __future__ import annotations

from actors.broker.call import Call
from actors.broker.controller_portions import allowed_of
from actors.broker.forwarding import failed
from actors.broker.slices import sliced
from actors.broker.topic_creation import created, name_of, refused
from actors.image.topic_names import METADATA_TOPIC
from actors.node.authorizer import CLUSTER, CREATE, DESCRIBE_CONFIGS
from actors.node.authorizer import topic as of_topic
from actors.runtime import Coroutine
from kstore.errors import TopicAuthorizationFailed
from kstore.schema.messages.create_topics import CreatableTopic, CreatableTopicResult, CreateTopicsResponse

API_KEY = 19
VERSIONS = (2, 7)


def handle(call: Call) -> Coroutine:
    """Pass the request to the controller."""
    makes_any = call.authorize(CREATE, CLUSTER)

    def is_allowed(topic: CreatableTopic) -> bool:
        return makes_any or topic.name == METADATA_TOPIC or call.authorize(CREATE, of_topic(topic.name))

    request, allowed, hidden = yield from allowed_of(call, "topics", name_of, is_allowed)
    outcome = yield from created(call, request)
    error = failed(outcome)
    if error is not None:
        outcome = CreateTopicsResponse(topics=(yield from refused(allowed, error)))
    else:
        yield from sliced(outcome.topics, lambda result: _hide_configs(call, result))
    outcome.topics += yield from refused(hidden, TopicAuthorizationFailed("Authorization failed."))
    return outcome


def _hide_configs(call: Call, result: CreatableTopicResult) -> None:
    """Remove the configs that the client may not describe."""
    if not result.error_code and not call.authorize(DESCRIBE_CONFIGS, of_topic(result.name)):
        result.topic_config_error_code = TopicAuthorizationFailed.code
        result.num_partitions = result.replication_factor = -1
        result.configs = []
