"""What a case is: a short talk with a cluster about one API key, held once in every version that is advertised.

A case is a function over a ``Talk``, registered by ``case``; its answers go to the transcript under
``<api>/<case>/<step>/v<version>``. What it needs first (a topic, a coordinator) it has from the talk, unrecorded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from matrix.peer import Peer
from matrix.plain import Labels, fitted, plain
from matrix.raw import PATIENCE_S, RawClient, Silence

from actors.broker.registry import CLIENT_APIS
from kstore.errors import CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator
from kstore.named import NamedTuple
from kstore.schema import decode, frames
from kstore.schema.messages.create_topics import (
    CreatableReplicaAssignment,
    CreatableTopic,
    CreatableTopicConfig,
    CreateTopicsRequest,
)
from kstore.schema.messages.describe_cluster import DescribeClusterRequest
from kstore.schema.messages.find_coordinator import FindCoordinatorRequest
from kstore.schema.messages.init_producer_id import InitProducerIdRequest
from kstore.schema.messages.list_offsets import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kstore.schema.messages.metadata import MetadataRequest, MetadataRequestTopic
from kstore.schema.messages.offset_fetch import OffsetFetchRequest, OffsetFetchRequestGroup
from kstore.schema.versions import APIS

Transcript = dict[str, dict[str, Any]]
COORDINATOR = 1
HOST = "127.0.0.1"
CLIENT_ID = "matrix"
UNSETTLED = {CoordinatorLoadInProgress.code, CoordinatorNotAvailable.code, NotCoordinator.code}
SETTLED_WITHIN_S = 30.0


class Case(NamedTuple):
    """One case: ``versions`` narrows the advertised ones, ``last`` puts it behind all others."""

    key: int
    name: str
    play: Callable[[Talk], None]
    versions: Callable[[int], bool]
    last: bool

    @property
    def api(self) -> str:
        return APIS[self.key].name

    def played_versions(self) -> list[int]:
        served = CLIENT_APIS[self.key]
        return [version for version in range(served.first, served.last + 1) if self.versions(version)]


CASES: list[Case] = []


def case(
    key: int, name: str, *, since: int = 0, until: int = 99, last: bool = False
) -> Callable[[Callable[[Talk], None]], Callable[[Talk], None]]:
    """Register a case for the advertised versions of a key between ``since`` and ``until``; none if it isn't served."""

    def register(play: Callable[[Talk], None]) -> Callable[[Talk], None]:
        if key in CLIENT_APIS:
            CASES.append(Case(key, name, play, lambda version: since <= version <= until, last))
        return play

    return register


def every_key(name: str) -> Callable[[Callable[[Talk], None]], Callable[[Talk], None]]:
    """Register a case for all that is advertised."""

    def register(play: Callable[[Talk], None]) -> Callable[[Talk], None]:
        for key in CLIENT_APIS:
            case(key, name)(play)
        return play

    return register


class Topic(NamedTuple):
    """A topic that is there."""

    name: str
    id: bytes


class Cluster:
    """What the cases of a run share: the cluster, and which of its nodes live."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.living = sorted(peer.ports)
        self.topics: dict[str, Topic] = {}
        self.cluster_id = ""

    def end(self, node: int) -> None:
        self.peer.end(node)
        self.living.remove(node)


class Talk:
    """One case in one version, with connections of its own."""

    def __init__(self, cluster: Cluster, played: Case, version: int) -> None:
        self.cluster = cluster
        self.case = played
        self.version = version
        self.transcript: Transcript = {}
        self.labels = Labels(
            prefix_of(played, version),
            {port: f"node {n}" for n, port in cluster.peer.ports.items()},
            cluster.cluster_id,
        )
        for topic in cluster.topics.values():
            self.labels.topic_ids[topic.id] = topic.name
        self._clients: dict[tuple[str, int], RawClient] = {}
        self._sent: dict[tuple[str, int], list[tuple[int, int, str]]] = {}
        self._steps = 0

    def ask(
        self,
        request: Any,
        step: str,
        *,
        node: int = 1,
        via: str = "a",
        version: int | None = None,
        patience_s: float = PATIENCE_S,
    ) -> Any:
        """Send a request and note the answer; the response, or a ``Silence``."""
        self.send(request, step, node=node, via=via, version=version)
        return self.receive(node=node, via=via, patience_s=patience_s)

    def send(self, request: Any, step: str, *, node: int = 1, via: str = "a", version: int | None = None) -> None:
        """Send ahead of reading."""
        version = self._version(request, version)
        self._steps += 1
        self._sent.setdefault((via, node), []).append((request.API_KEY, version, step))
        self._client(via, node).send(encoded(fitted(request, version), version, self._steps))

    def receive(self, *, node: int = 1, via: str = "a", patience_s: float = PATIENCE_S) -> Any:
        """Note the next answer of a connection."""
        api_key, version, step = self._sent[via, node].pop(0)
        response = self._read(via, node, api_key, version, patience_s)
        self.note(step, response, version)
        return response

    def note(self, step: str, response: Any, version: int) -> None:
        """Put an answer, or what came instead, into the transcript."""
        name = f"{self.case.api}/{self.case.name}/{step}/v{self.version}"
        assert name not in self.transcript, f"two steps are called {name}"
        told = {"outcome": response.value} if isinstance(response, Silence) else plain(self.labels, response, version)
        self.transcript[name] = told

    @staticmethod
    def encoded(request: Any, version: int) -> bytes:
        """A request as it goes over a socket."""
        return encoded(fitted(request, version), version, 1)

    @staticmethod
    def response_of(api_key: int, version: int, frame: bytes) -> Any:
        """An answer without its header."""
        return response_of(api_key, version, frame)

    def _version(self, request: Any, version: int | None) -> int:
        if version is not None:
            return version
        return self.version if self.case.key == request.API_KEY else latest(request)

    def quietly(self, request: Any, *, node: int = 1, version: int | None = None) -> Any:
        """Send a request that isn't a part of the comparison."""
        version = latest(request) if version is None else version
        client = self._client("quietly", node)
        client.send(encoded(fitted(request, version), version, 1))
        response = self._read("quietly", node, request.API_KEY, version)
        assert not isinstance(response, Silence), f"{self.cluster.peer.name}, {self.case}: {response} to {request}"
        return response

    def send_quietly(self, request: Any, *, version: int, node: int = 1) -> None:
        """Send what will be answered too late for anybody to read it."""
        self._client("unread", node).send(encoded(fitted(request, version), version, 1))

    def settle(self, request: Any, is_settled: Callable[[Any], object], *, node: int = 1) -> Any:
        """Ask until the answer is what the case can go on with."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while time.monotonic() < deadline:
            response = self.quietly(request, node=node)
            if is_settled(response):
                return response
        raise TimeoutError(f"{self.cluster.peer.name}, {self.case}: still {response}")

    def fresh(self, name: str) -> str:
        """A name that no other case or version uses; the same on both clusters."""
        return self.labels.prefix + name

    def is_own(self, name: str) -> bool:
        """Whether a name is one that ``fresh`` has given to this case and version."""
        return name.startswith(self.labels.prefix)

    def topic(self, name: str, *leaders: int, replicas: Iterable[list[int]] = (), **configs: str) -> Topic:
        """A topic with a partition for each leader, or each list of replicas; made if it isn't there."""
        known = self.cluster.topics.get(name)
        if known is None:
            placed = list(replicas) or [[leader] for leader in leaders or (1,)]
            assignments = [CreatableReplicaAssignment(partition_index=n, broker_ids=r) for n, r in enumerate(placed)]
            settings = [CreatableTopicConfig(name=key.replace("_", "."), value=text) for key, text in configs.items()]
            wanted = CreatableTopic(
                name=name, num_partitions=-1, replication_factor=-1, assignments=assignments, configs=settings
            )
            made = self.quietly(CreateTopicsRequest(topics=[wanted], timeout_ms=10_000)).topics[0]
            assert made.error_code in (0, 36), made
            known = self.cluster.topics[name] = self.known_everywhere(name)
        self.labels.topic_ids[known.id] = name
        return known

    def known_everywhere(self, name: str) -> Topic:
        """Wait until every living node knows a topic and its leaders lead."""
        request = MetadataRequest(topics=[MetadataRequestTopic(name=name)], allow_auto_topic_creation=False)

        def is_settled(answer: Any) -> bool:
            topic = answer.topics[0]
            return topic.error_code == 0 and all(part.error_code == 0 for part in topic.partitions)

        for node in self.cluster.living:
            found = self.settle(request, is_settled, node=node).topics[0]
        for part in found.partitions:
            index = ListOffsetsPartition(partition_index=part.partition_index, timestamp=-1)
            ends = ListOffsetsRequest(replica_id=-1, topics=[ListOffsetsTopic(name=name, partitions=[index])])
            self.settle(ends, lambda answer: not answer.topics[0].partitions[0].error_code, node=part.leader_id)
        return Topic(name, bytes(found.topic_id))

    def _client(self, via: str, node: int) -> RawClient:
        client = self._clients.get((via, node))
        if client is None:
            client = self._clients[via, node] = self.new_client(node)
        return client

    def new_client(self, node: int = 1) -> RawClient:
        """A connection that nobody else uses; the caller closes it."""
        return RawClient(HOST, self.cluster.peer.ports[node])

    def _read(self, via: str, node: int, api_key: int, version: int, patience_s: float = PATIENCE_S) -> Any:
        frame = self._clients[via, node].receive(patience_s)
        if isinstance(frame, Silence):
            self._clients.pop((via, node)).close()
            return frame
        return response_of(api_key, version, frame)

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


def prefix_of(played: Case, version: int) -> str:
    """What the names of a talk's topics and groups begin with."""
    return re.sub("[^a-z0-9]+", "-", f"{played.api}-{played.name}-{version}-".lower())


def latest(request: Any) -> int:
    """The last version that is advertised, of keys that are; else the last that is defined."""
    served = CLIENT_APIS.get(request.API_KEY)
    return int(request.VERSIONS[1] if served is None else served.last)


def encoded(request: Any, version: int, correlation_id: int) -> bytes:
    """A request as it goes over a socket."""
    return b"".join(bytes(part) for part in frames.encode_request(request, version, correlation_id, CLIENT_ID))


def response_of(api_key: int, version: int, frame: bytes) -> Any:
    """An answer without its header."""
    _, body = frames.decode_response_header(api_key, version, frame)
    return decode(frames.response_class(api_key), version, frame, body)


def play(peer: Peer, cases: Iterable[Case], watch: Callable[[Case, int], None] = lambda *_: None) -> Transcript:
    """Hold every talk with a cluster; what it answered. ``watch`` is called before each."""
    cluster = Cluster(peer)
    found: Transcript = {}
    for played in sorted(cases, key=lambda each: each.last):
        for version in played.played_versions():
            watch(played, version)
            found.update(_held(cluster, played, version))
    return found


def _held(cluster: Cluster, played: Case, version: int) -> Transcript:
    talk = Talk(cluster, played, version)
    try:
        if not cluster.cluster_id:
            prepare(talk)
            talk.labels.cluster_id = cluster.cluster_id
        played.play(talk)
    except Exception as error:
        error.add_note(f"{cluster.peer.name}: {played.api} v{version}, {played.name}")
        raise
    finally:
        talk.close()
    return talk.transcript


def prepare(talk: Talk) -> None:
    """Wait until the cluster is whole, and give groups and transactions a coordinator on the first node."""
    nodes = len(talk.cluster.living)
    for node in talk.cluster.living:
        talk.settle(DescribeClusterRequest(), lambda answer: len(answer.brokers) == nodes, node=node)
    talk.cluster.cluster_id = talk.quietly(DescribeClusterRequest()).cluster_id
    talk.topic("__consumer_offsets", COORDINATOR)
    talk.topic("__transaction_state", COORDINATOR)
    transaction = InitProducerIdRequest(transactional_id="any", transaction_timeout_ms=1000)
    talk.settle(transaction, lambda answer: answer.error_code not in UNSETTLED, node=COORDINATOR)
    find = FindCoordinatorRequest(coordinator_keys=["any"])
    for node in talk.cluster.living:
        talk.settle(find, lambda answer: answer.coordinators[0].error_code == 0, node=node)
    fetch = OffsetFetchRequest(groups=[OffsetFetchRequestGroup(group_id="any", topics=None)])
    talk.settle(fetch, lambda answer: answer.groups[0].error_code == 0, node=COORDINATOR)


def steps(answers: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """The API, the case with its step, and the version of every answer, by its name in a transcript."""
    for name in answers:
        api, _, rest = name.partition("/")
        what, _, version = rest.rpartition("/v")
        yield api, what, int(version)
