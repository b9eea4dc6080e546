"""What a client isn't allowed to do is answered as a real Apache Kafka with an authorizer answers it.

Both have the topics ``t`` and ``u``. On Kafka access rules deny the anonymous user everything with ``t``, with the
group ``g`` and the transactional id ``x``, and all on the cluster but what brokers need; on kstore an authorizer does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from broker.authorizing import asked_with, cluster_with_topics, codes_in, rule
from broker.test_authorizer import REFUSED, request_of
from matrix.raw import RawClient, Silence
from waiting import wait_until

from actors.broker.registry import CLIENT_APIS
from actors.node import authorizer
from bench.peers import kafka as real
from bench.peers.processes import HOST
from kstore.schema import decode, frames
from kstore.schema.messages.create_acls import AclCreation, CreateAclsRequest
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.describe_topic_partitions import DescribeTopicPartitionsRequest, TopicRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.list_groups import ListGroupsRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.struct import Struct

CONFIG = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
}
OFFSETS = {"offsets.topic.num.partitions": "1", "offsets.topic.replication.factor": "1"}
DENIED = [(authorizer.TOPIC, name) for name in ("t", "new", "nowhere")]
DENIED += [authorizer.group("g"), authorizer.transactional_id("x")]
ALL, LITERAL, DENY, ALLOW = 2, 3, 2, 3
LEFT_OUT = {"throttle_time_ms", "topic_id", "cluster_id", "controller_id", "brokers", "error_message"}
LEFT_OUT |= {"session_id", "producer_id"}
"""Texts tell of the request in Kafka's own notation; where they are fixed `tests/broker/test_refusals.py` has them."""

LENGTH_BYTES = 4
COORDINATOR_LOADS, COORDINATOR_NOT_AVAILABLE = 14, 15


def denied(operation: int, resource: authorizer.Resource) -> bool:
    return operation != authorizer.CLUSTER_ACTION if resource == authorizer.CLUSTER else resource in DENIED


def acl(kind: int, name: str, operation: int, permission: int) -> AclCreation:
    return AclCreation(
        resource_type=kind,
        resource_name=name,
        resource_pattern_type=LITERAL,
        principal=authorizer.ANONYMOUS,
        host="*",
        operation=operation,
        permission_type=permission,
    )


MORE = {
    "all topics": (MetadataRequest(topics=None), 12),
    "topics that are there and not": (
        MetadataRequest(
            topics=[MetadataRequestTopic(name=name) for name in ("t", "u", "nowhere")],
            allow_auto_topic_creation=True,
            include_topic_authorized_operations=True,
        ),
        12,
    ),
    "a topic that one may describe but not make": (
        MetadataRequest(topics=[MetadataRequestTopic(name="free")], allow_auto_topic_creation=False),
        12,
    ),
    "pages of topics": (DescribeTopicPartitionsRequest(topics=[TopicRequest(name=name) for name in ("t", "u")]), 0),
    "what one may do with the cluster": (DescribeClusterRequest(include_cluster_authorized_operations=True), 1),
    "groups": (ListGroupsRequest(), 4),
    "a topic to delete that isn't there": (
        DeleteTopicsRequest(topics=[DeleteTopicState(name="nowhere")], timeout_ms=5000),
        6,
    ),
    "topics to make, one twice": (
        CreateTopicsRequest(
            topics=[CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in ("new", "d", "d")],
            timeout_ms=5000,
            validate_only=True,
        ),
        7,
    ),
    "a transactional producer": (InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=1000), 5),
    "a transaction's coordinator": (FindCoordinatorRequest(coordinator_keys=["x"], key_type=1), 4),
}
CASES = {served.module: request_of(key) for key, served in CLIENT_APIS.items() if served.module in REFUSED} | MORE


@pytest.fixture(scope="module")
def kafka_port(kafka_jars: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a Kafka listens that refuses."""
    with real.running(tmp_path_factory.mktemp("kafka"), 1, CONFIG | OFFSETS) as cluster:
        (port,) = cluster.ports
        topics = [CreatableTopic(name=name, num_partitions=1, replication_factor=1) for name in ("t", "u")]
        asked(port, CreateTopicsRequest(topics=topics, timeout_ms=20_000), 7)
        until_there(port, FindCoordinatorRequest(coordinator_keys=["g"], key_type=0), 4)
        until_there(port, InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000), 5)
        rules = [acl(kind, name, ALL, DENY) for kind, name in DENIED]
        rules.append(acl(*authorizer.CLUSTER, authorizer.CLUSTER_ACTION, ALLOW))  # without a rule all else is denied
        answer = asked(port, CreateAclsRequest(creations=rules), 3)
        assert {each.error_code for each in answer.results} == {0}
        yield port


@pytest.fixture(scope="module")
def ours():
    with cluster_with_topics(OFFSETS) as running:
        rule(running, denied)
        yield running


def asked(port: int, request: Any, version: int) -> Any:
    """A broker's answer over TCP; what it did instead if it didn't answer."""
    with closing(RawClient(HOST, port)) as client:
        client.send_frame(b"".join(frames.encode_request(request, version, 1, "test"))[LENGTH_BYTES:])
        answer = client.receive()
    if isinstance(answer, Silence):
        return answer
    kind = frames.response_class(request.API_KEY)
    return decode(kind, version, answer, frames.decode_response_header(request.API_KEY, version, answer)[1])


def until_there(port: int, request: Any, version: int) -> None:
    """Have Kafka make what it makes at the first question."""
    not_yet = {COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOADS}
    name = type(request).__name__
    wait_until(lambda: not_yet.isdisjoint(codes_in(asked(port, request, version))), what=name)


def plain(value: Any) -> Any:
    """What is compared: lists as they come, but for their order, where Kafka shuffles them."""
    if isinstance(value, Struct):
        return {name: plain(getattr(value, name)) for name in type(value).fields() if name not in LEFT_OUT}
    if isinstance(value, list):
        return sorted((plain(each) for each in value), key=repr)
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_is_answered_as_kafka_does(kafka_port: int, ours: Any, case: str) -> None:
    request, version = CASES[case]
    theirs = asked(kafka_port, request, version)
    assert plain(asked_with(ours, request, version)) == plain(theirs)
