"""The actors around the metadata log: nothing is told or answered before it is durable, nodes hold the same bytes,
and a controller that returns goes on where the log ends.
"""

from collections.abc import Callable
from typing import Any

import pytest
from present import present
from waiting import let_pass

from actors.cluster import Cluster
from actors.config import BrokerConfig
from actors.controller import fetching
from actors.controller.controller import Controller
from actors.controller.messages import METADATA_LOG, METADATA_TOPIC_ID, AwaitTopics, Decide, ImageAdvanced
from actors.controller.metadata_log import encode_batch, read_quorum_state
from actors.image.features import supported
from actors.network.network import Network
from actors.node.folder import claim_folder
from actors.node.node import BrokerNode
from actors.runtime import Actor, Node, Ref, Reply, receives
from actors.runtime.future import Future, ask
from actors.runtime.world import World, virtual_world
from kstore import errors
from kstore.errors import StaleBrokerEpoch
from kstore.fs import MemoryFileSystem
from kstore.log import Log, LogConfig
from kstore.log.checkpoints import MetaProperties, read_partition_metadata
from kstore.records import parse_batches
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest, Listener
from kstore.schema.messages.create_topics import CreatableTopic, CreateTopicsRequest
from kstore.schema.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from kstore.schema.messages.metadata_records import NoOpRecord

LOG_FILE = f"{METADATA_LOG}/00000000000000000000.log"


class HeldDisk:
    """Does disk work only when the test lets it."""

    def __init__(self) -> None:
        self.held: list[tuple[Callable[[], object], Reply]] = []

    def submit(self, work: Callable[[], object], reply: Reply, node: Node) -> None:
        self.held.append((work, reply))

    def release(self) -> None:
        held, self.held = self.held, []
        for work, reply in held:
            reply.set(work())

    def close(self) -> None:
        """Nothing to end."""


class Listening(Actor):
    """Stands for the node's broker: keeps what it is told."""

    def __init__(self, node: Node, name: str) -> None:
        super().__init__(node, name)
        self.told: list[ImageAdvanced] = []

    @receives(ImageAdvanced)
    def advanced(self, message: ImageAdvanced) -> None:
        self.told.append(message)


class Alone:
    """A controller on its node, without a broker."""

    def __init__(self, fs: MemoryFileSystem, incarnation: int = 1) -> None:
        self.world: World = virtual_world(1)
        self.disk = HeldDisk()
        self.world.disk = self.disk  # type: ignore[assignment]
        Network(self.world)
        folder = claim_folder(fs, "node-1")
        folder.begin(MetaProperties("a-cluster", 1, b"d" * 16))
        self.folder = folder
        self.node = BrokerNode(self.world, 1, incarnation=incarnation, fs=fs, config=BrokerConfig(), voters=(1,))
        self.listener = Listening.start(self.node, "listening")
        self.controller: Ref = Controller.start(self.node, self.listener, folder)
        self.settle()

    @property
    def told(self) -> list[ImageAdvanced]:
        told: list[ImageAdvanced] = self.listener.actor_inbox.actor.told
        return told

    def settle(self) -> None:
        """Give all turns there are at this moment."""
        while self.world.queue.has_ready():
            self.world.queue.run()
        assert not self.world.crashes, self.world.crashes

    def sync(self) -> None:
        """Let the disk do its work until there is none."""
        while self.disk.held:
            self.disk.release()
            self.settle()

    def ask(self, message: object) -> Future:
        future = ask(self.world, self.controller, message)
        self.settle()
        return future

    def register(self) -> Future:
        request = BrokerRegistrationRequest(
            broker_id=1,
            cluster_id="a-cluster",
            incarnation_id=b"i" * 16,
            listeners=[Listener(name="PLAINTEXT", host="localhost", port=9092)],
            features=supported(),
        )
        return self.ask(Decide(request, 4))

    def crash(self) -> None:
        self.node.kill()
        self.folder.release()


def test_nothing_is_told_or_answered_before_it_is_on_the_disk() -> None:
    alone = Alone(MemoryFileSystem())
    assert not alone.told
    registered = alone.register()
    assert not registered.done
    alone.disk.release()  # the flush that was under way when the registration came doesn't cover it
    alone.settle()
    assert [told.image.offset for told in alone.told] == [3]
    assert not registered.done
    alone.sync()
    assert registered.get().broker_epoch == 4
    assert [told.image.offset for told in alone.told] == [3, 4]
    assert list(alone.told[-1].image.brokers) == [1]
    assert alone.told[-1].delta.changed_brokers == {1}


def test_an_answer_without_records_waits_for_what_it_was_based_on() -> None:
    alone = Alone(MemoryFileSystem())
    alone.register()
    beat = alone.ask(Decide(BrokerHeartbeatRequest(broker_id=1, broker_epoch=4, current_metadata_offset=0), 1))
    assert not beat.done
    alone.sync()
    assert beat.get().is_fenced


def test_a_refused_request_is_answered_with_its_error() -> None:
    alone = Alone(MemoryFileSystem())
    alone.register()
    alone.sync()
    with pytest.raises(StaleBrokerEpoch):
        alone.ask(Decide(BrokerHeartbeatRequest(broker_id=1, broker_epoch=99), 1)).get()


def test_a_controller_that_was_killed_goes_on_where_the_log_ends() -> None:
    fs = MemoryFileSystem()
    first = Alone(fs)
    first.register()
    first.sync()
    image = first.told[-1].image
    first.crash()
    second = Alone(fs, incarnation=2)
    second.sync()
    (told,) = second.told
    assert (told.image.offset, told.image.epoch, told.image.controller_id) == (image.offset + 1, 2, 1)
    assert told.image.brokers == image.brokers
    assert told.delta == told.image.whole()
    assert read_quorum_state(fs, METADATA_LOG).leader_epoch == 2


def test_the_folder_says_which_log_it_is_and_who_leads() -> None:
    fs = MemoryFileSystem()
    Alone(fs).sync()
    assert read_partition_metadata(fs, METADATA_LOG) == METADATA_TOPIC_ID
    assert fs.read_bytes(f"{METADATA_LOG}/quorum-state") == (
        b'{"clusterId":"","leaderId":1,"leaderEpoch":1,"votedId":-1,"appliedOffset":0,'
        b'"currentVoters":[{"voterId":1}],"data_version":0}'
    )


def test_who_waits_for_a_topic_that_nobody_makes_is_told_so_in_time() -> None:
    alone = Alone(MemoryFileSystem())
    alone.sync()
    waiting = alone.ask(AwaitTopics(("orders",), 100))
    assert not waiting.done
    assert waiting.get(timeout=1) is False


@pytest.fixture
def log() -> Log:
    """Epoch 1 at offsets 0 to 4, epoch 3 at 5 to 9, of which 0 to 7 are committed."""
    log = Log.open(MemoryFileSystem(), METADATA_LOG, LogConfig(), now_ms=0)
    for epoch in (1, 1, 1, 1, 1, 3, 3, 3, 3, 3):
        batches = parse_batches(encode_batch([NoOpRecord()], log.end_offset, epoch, 0))
        log.append_as_leader([batches], epoch, 0, from_client=False)
    log.advance_high_watermark(8)
    return log


def fetch(log: Log, offset: int, last_epoch: int, leader_epoch: int = 3) -> Any:
    partition = FetchPartition(
        fetch_offset=offset,
        last_fetched_epoch=last_epoch,
        current_leader_epoch=leader_epoch,
        partition_max_bytes=10_000,
    )
    request = FetchRequest(topics=[FetchTopic(topic_id=METADATA_TOPIC_ID, partitions=[partition])])
    response = fetching.serve(log, request, 1, 3)
    return None if response is None else response.responses[0].partitions[0]


def test_an_observer_gets_what_is_committed_and_no_more(log: Log) -> None:
    answer = fetch(log, 2, 1)
    batches = parse_batches(fetching.joined(answer.records))
    assert [batch.base_offset for batch in batches] == [2, 3, 4, 5, 6, 7]
    assert (answer.high_watermark, answer.current_leader.leader_id, answer.current_leader.leader_epoch) == (8, 1, 3)
    assert fetch(log, 8, 3) is None


def test_an_observer_of_another_epoch_is_told_the_epoch(log: Log) -> None:
    assert fetch(log, 2, 1, leader_epoch=1).error_code == errors.FencedLeaderEpoch.code
    ahead = fetch(log, 2, 1, leader_epoch=4)
    assert (ahead.error_code, ahead.current_leader.leader_epoch) == (errors.UnknownLeaderEpoch.code, 3)


@pytest.mark.parametrize(
    ("offset", "last_epoch", "diverging"), [(7, 1, (1, 5)), (7, 2, (1, 5)), (12, 3, (3, 10)), (5, 1, None)]
)
def test_an_observer_whose_log_diverges_is_told_where(
    log: Log, offset: int, last_epoch: int, diverging: tuple[int, int] | None
) -> None:
    answer = fetch(log, offset, last_epoch)
    if diverging is None:
        assert answer.records
    else:
        assert (answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset) == diverging
        assert not answer.records


def make(cluster: Cluster, name: str, partitions: int = 3) -> None:
    topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=-1)
    controller = present(cluster.nodes[1].view.controller)
    ask(cluster.world, controller, Decide(CreateTopicsRequest(topics=[topic]), 7)).get(timeout=10)


def settled(cluster: Cluster, *topics: str) -> bool:
    """All living nodes know these topics, and know and hold the same."""
    images = [cluster.image(node) for node, found in cluster.nodes.items() if found.alive]
    logs = {bytes(cluster.memories[node].read_bytes(LOG_FILE)) for node, found in cluster.nodes.items() if found.alive}
    return all(set(image.topics) == set(topics) for image in images) and (
        len({image.offset for image in images}) == len(logs) == 1
    )


@pytest.mark.parametrize("wire", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_nodes_hold_the_same_log_and_know_the_same_cluster(seed: int, wire: bool) -> None:
    with Cluster(brokers=3, seed=seed, wire=wire) as cluster:
        make(cluster, "orders")
        cluster.wait_for(lambda: settled(cluster, "orders"))
        images = [cluster.image(node) for node in cluster.nodes]
        assert images[0].topics == images[1].topics == images[2].topics
        assert images[0].brokers == images[1].brokers == images[2].brokers


def test_a_dead_broker_is_fenced_at_once_and_a_returning_one_catches_up() -> None:
    with Cluster(brokers=3, seed=4) as cluster:
        make(cluster, "orders")
        cluster.wait_for(lambda: settled(cluster, "orders"))
        cluster.kill_node(3)
        before_us = cluster.world.clock.now_us()
        cluster.wait_for(lambda: cluster.image(1).brokers[3].fenced)
        assert cluster.world.clock.now_us() - before_us < 1_000_000
        make(cluster, "users")
        cluster.wait_for(lambda: settled(cluster, "orders", "users"))
        led = [p.leader for topic in cluster.image(1).topics.values() for p in topic.partitions.values()]
        assert set(led) <= {1, 2}
        cluster.restart_node(3)
        cluster.wait_for(lambda: cluster.is_ready() and settled(cluster, "orders", "users"))


def test_a_broker_that_cannot_be_reached_is_fenced_when_its_session_ends() -> None:
    with Cluster(brokers=3, seed=5) as cluster:
        before_us = cluster.world.clock.now_us()
        cluster.net.cut([1], [2])
        cluster.wait_for(lambda: cluster.image(1).brokers[2].fenced)
        assert 6_000_000 < cluster.world.clock.now_us() - before_us < 10_000_000
        assert not cluster.image(1).brokers[3].fenced
        cluster.net.heal()
        cluster.wait_for(lambda: cluster.is_ready() and settled(cluster))


def test_the_other_nodes_follow_a_controller_that_returns() -> None:
    with Cluster(brokers=3, seed=6) as cluster:
        make(cluster, "orders")
        cluster.wait_for(lambda: settled(cluster, "orders"))
        cluster.kill_node(1)
        cluster.restart_node(1)
        cluster.wait_for(lambda: cluster.is_ready() and settled(cluster, "orders"))
        make(cluster, "users")
        cluster.wait_for(lambda: settled(cluster, "orders", "users"))
        assert cluster.image(2).epoch == 2


def test_nobody_is_fenced_because_a_clock_is_set() -> None:
    with Cluster(brokers=3, seed=7) as cluster:
        cluster.nodes[1].clock_skew_ms = 3_600_000
        offset = cluster.image(1).offset
        let_pass(cluster.world, 20)
        cluster.nodes[1].clock_skew_ms = -3_600_000
        let_pass(cluster.world, 20)
        assert cluster.image(1).offset == offset
        assert cluster.is_ready()
