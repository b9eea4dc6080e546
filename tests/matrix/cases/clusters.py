"""Cases of Metadata, DescribeTopicPartitions, DescribeCluster, ApiVersions and FindCoordinator."""

from __future__ import annotations

from matrix.case import Talk, case

from kstore.schema.messages.api_versions import ApiVersionsRequest
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.describe_topic_partitions import (
    DescribeTopicPartitionsRequest,
    DescribeTopicPartitionsRequestCursor,
    TopicRequest,
)
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic

METADATA, FIND_COORDINATOR, API_VERSIONS, DESCRIBE_CLUSTER, DESCRIBE_TOPIC_PARTITIONS = 3, 10, 18, 60, 75


def named(*names: str, create: bool = False, **fields: bool) -> MetadataRequest:
    topics = [MetadataRequestTopic(name=name) for name in names]
    return MetadataRequest(topics=topics, allow_auto_topic_creation=create, **fields)


@case(METADATA, "topics by name")
def _(talk: Talk) -> None:
    topic = talk.topic("metadata-placed", replicas=[[1, 2], [2, 1]])
    talk.ask(named(topic.name), "one")
    talk.ask(named(topic.name), "one, by the other node", node=2)
    talk.ask(named(topic.name, topic.name), "one twice")
    talk.ask(named("__consumer_offsets"), "the cluster's own")
    if talk.version >= 4:  # before, asking makes what isn't there
        talk.ask(named("nowhere"), "one that isn't there")
        talk.ask(named(topic.name, "nowhere", "a b"), "one of three is there")
    for name in ("a b", "", "x" * 250, "."):
        talk.ask(named(name), f"named {name[:10]!r}", via="odd")


@case(METADATA, "no topics, all topics")
def _(talk: Talk) -> None:
    if talk.version >= 1:
        talk.ask(MetadataRequest(topics=[]), "none")
    if talk.version >= 8:
        talk.ask(
            MetadataRequest(
                topics=[],
                include_cluster_authorized_operations=True,
                include_topic_authorized_operations=True,
            ),
            "what may be done to the cluster",
        )
        talk.ask(named("__consumer_offsets", include_topic_authorized_operations=True), "what may be done to a topic")


@case(METADATA, "made on first use")
def _(talk: Talk) -> None:
    talk.ask(named(talk.fresh("t"), create=True), "asked for")
    talk.known_everywhere(talk.fresh("t"))


@case(METADATA, "topics by id", since=10)
def _(talk: Talk) -> None:
    topic = talk.topic("metadata-placed", replicas=[[1, 2], [2, 1]])

    def of(*ids: bytes, name: str | None = None) -> MetadataRequest:
        return MetadataRequest(topics=[MetadataRequestTopic(topic_id=each, name=name) for each in ids])

    talk.ask(of(topic.id), "one", via="one")
    talk.ask(of(b"nowhere-at-all-!"), "one that isn't there", via="nowhere")
    talk.ask(of(topic.id, topic.id), "one twice", via="twice")
    talk.ask(of(topic.id, name=topic.name), "with its name", via="named")
    talk.ask(of(bytes(16)), "neither id nor name", via="nothing")
    if talk.version >= 12:
        both = of(topic.id, b"nowhere-at-all-!")
        talk.ask(both, "one of two is there", via="both")
        mixed = MetadataRequest(
            topics=[MetadataRequestTopic(topic_id=topic.id, name=None), MetadataRequestTopic(name=topic.name)]
        )
        talk.ask(mixed, "one by id, one by name", via="mixed")


def topics_described(*names: str, limit: int = 2000, cursor: tuple[str, int] | None = None) -> object:
    return DescribeTopicPartitionsRequest(
        topics=[TopicRequest(name=name) for name in names],
        response_partition_limit=limit,
        cursor=None
        if cursor is None
        else DescribeTopicPartitionsRequestCursor(topic_name=cursor[0], partition_index=cursor[1]),
    )


@case(DESCRIBE_TOPIC_PARTITIONS, "topics")
def _(talk: Talk) -> None:
    topic = talk.topic("metadata-placed", replicas=[[1, 2], [2, 1]])
    other = talk.topic("metadata-another", 1, 1)
    talk.ask(topics_described(topic.name), "one")
    talk.ask(topics_described(topic.name, other.name), "two")
    talk.ask(topics_described(topic.name, topic.name), "one twice")
    talk.ask(topics_described("nowhere", other.name), "one of two is there")
    talk.ask(topics_described("a b"), "no possible topic")
    talk.ask(topics_described(topic.name, other.name, limit=2), "two partitions at most")
    talk.ask(topics_described(topic.name, other.name, limit=2, cursor=(topic.name, 1)), "going on")
    talk.ask(topics_described(topic.name, other.name, cursor=(topic.name, 7)), "going on beyond its partitions")
    talk.ask(topics_described(other.name, cursor=("nowhere", 0)), "going on with one that isn't there")
    talk.ask(topics_described(topic.name, cursor=(topic.name, -1)), "a negative partition", via="negative")
    talk.ask(topics_described(topic.name, limit=0), "a limit of 0", via="0")
    talk.ask(topics_described(topic.name, limit=-1), "a limit of -1", via="-1")


@case(DESCRIBE_CLUSTER, "the cluster")
def _(talk: Talk) -> None:
    talk.ask(DescribeClusterRequest(), "as it is")
    talk.ask(DescribeClusterRequest(include_cluster_authorized_operations=True), "with what may be done", node=2)
    if talk.version >= 1:
        for kind in (2, 9, -1):
            talk.ask(DescribeClusterRequest(endpoint_type=kind), f"endpoints of type {kind}")
    if talk.version >= 2:
        talk.ask(DescribeClusterRequest(include_fenced_brokers=True), "with fenced brokers")


@case(API_VERSIONS, "asked")
def _(talk: Talk) -> None:
    request = ApiVersionsRequest(client_software_name="matrix", client_software_version="1.0")
    talk.ask(request, "soundly")
    if talk.version >= 3:
        for name, version in (("", ""), ("a b", "1"), ("matrix", ""), ("-x", "1"), ("matrix", "1.0\n")):
            request = ApiVersionsRequest(client_software_name=name, client_software_version=version)
            talk.ask(request, f"as {name!r} {version!r}", via=f"{name} {version}")


@case(API_VERSIONS, "asked of a node that is meant", since=5)
def _(talk: Talk) -> None:
    def meant(cluster_id: str | None, node_id: int, version: str = "1.0") -> ApiVersionsRequest:
        return ApiVersionsRequest(
            client_software_name="matrix", client_software_version=version, cluster_id=cluster_id, node_id=node_id
        )

    own = talk.cluster.cluster_id
    talk.ask(meant(own, 1), "this one")
    talk.ask(meant(own, 2), "the other one, by itself", node=2)
    talk.ask(meant(own, 2), "the other one", via="other")
    talk.ask(meant(own, 7), "one that isn't there", via="7")
    talk.ask(meant(own, -2), "a negative one", via="-2")
    talk.ask(meant("another", 1), "of another cluster", via="another")
    talk.ask(meant("", 1), "of a cluster without a name", via="empty")
    talk.ask(meant(own, -1), "any node of this cluster", via="any")
    talk.ask(meant(None, 1), "of any cluster", via="any cluster")
    talk.ask(meant("another", 7, version=""), "wrong in two ways", via="two")
    talk.ask(meant(own, 1), "this one, after an error", via="two")


@case(FIND_COORDINATOR, "of a group", until=3)
def _(talk: Talk) -> None:
    talk.ask(FindCoordinatorRequest(key="group"), "of a group")
    talk.ask(FindCoordinatorRequest(key="group"), "by the other node", node=2)
    talk.ask(FindCoordinatorRequest(key=""), "of no group", via="empty")
    if talk.version >= 1:
        for kind in (2, 9, -1):
            talk.ask(FindCoordinatorRequest(key="key", key_type=kind), f"of type {kind}", via=str(kind))


@case(FIND_COORDINATOR, "of several groups", since=4)
def _(talk: Talk) -> None:
    talk.ask(FindCoordinatorRequest(coordinator_keys=["group"]), "of one group")
    talk.ask(FindCoordinatorRequest(coordinator_keys=["b", "a"]), "of two", node=2)
    talk.ask(FindCoordinatorRequest(coordinator_keys=["b", "b"]), "of one twice")
    talk.ask(FindCoordinatorRequest(coordinator_keys=[]), "of none")
    talk.ask(FindCoordinatorRequest(coordinator_keys=[""]), "of a group without a name", via="empty")
    for kind in (2, 9, -1):
        talk.ask(FindCoordinatorRequest(coordinator_keys=["key"], key_type=kind), f"of type {kind}", via=str(kind))


@case(FIND_COORDINATOR, "of a transaction", since=1)
def _(talk: Talk) -> None:
    talk.ask(FindCoordinatorRequest(key="tx", coordinator_keys=["tx"], key_type=1), "of a transaction")
    talk.ask(FindCoordinatorRequest(key="", coordinator_keys=[""], key_type=1), "of an empty id", node=2)
