"""Links between nodes behave as TCP connections: order, cuts, clogs, heals, breaks and time-outs."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from runtime.acting import TIMEOUT_S
from waiting import let_pass

from actors.network.channel_messages import ChannelClosed, Requested
from actors.network.link import REQUEST_TIMEOUT_MS, Disconnected, Link
from actors.network.network import DELAY_US_MAX, Network
from actors.runtime import Actor, Node, Ref, receives
from actors.runtime.protocols import Channel
from actors.runtime.world import World, real_world, virtual_world
from kstore.errors import UnsupportedVersion
from kstore.named import NamedTuple
from kstore.schema.messages.heartbeat import HeartbeatRequest, HeartbeatResponse


class Answering(Actor):
    """A node's end of a session: answers each request with its number, unless the request is to be kept."""

    def __init__(self, node: Node, name: str, channel: Channel, listener: str, host: str) -> None:
        super().__init__(node, name)
        self.channel = channel
        self.opened_by = (listener, host)
        self.seen: list[str] = []
        self.closed = False

    @receives(Requested)
    def requested(self, message: Requested) -> None:
        request: Any = message.request
        group = request.group_id
        self.seen.append(group)
        if group == "hang up":
            self.channel.abort()
        elif group != "keep":
            self.channel.respond(message.correlation_id, HeartbeatResponse(error_code=int(group)), message.version)

    @receives(ChannelClosed)
    def channel_closed(self, message: ChannelClosed) -> None:
        self.closed = True
        self.stop()


class Send(NamedTuple):
    group: str
    timeout_ms: float = REQUEST_TIMEOUT_MS


class Asking(Actor):
    """A client of one link: remembers what came back."""

    def __init__(self, node: Node, name: str, server: int) -> None:
        super().__init__(node, name)
        self.link = self.connect(server, "client")
        self.outcomes: list[Any] = []

    @receives(Send)
    def send(self, message: Send) -> None:
        request = HeartbeatRequest(group_id=message.group, generation_id=1, member_id="m")
        self.link.send(request, self.reply_here(self.answered), timeout_ms=message.timeout_ms)

    def answered(self, outcome: Any) -> None:
        self.outcomes.append(outcome if isinstance(outcome, Disconnected) else outcome.error_code)


class Pair:
    """A server node and a client node in one world."""

    def __init__(self, world: World, *, wire: bool = False) -> None:
        self.world = world
        self.net = Network(world, wire=wire)
        self.connections: list[Any] = []
        self.server = self.join(1)
        self.client = self.join(2)
        self.asking = Asking.start(self.client, "asking", 1)
        self.outcomes: list[Any] = self.asking.actor_inbox.actor.outcomes

    def join(self, node_id: int, incarnation: int = 1) -> Node:
        node = Node(self.world, node_id, incarnation=incarnation)

        def accept(channel: Channel, listener: str, host: str) -> Ref:
            ref = Answering.start(node, f"connection-{len(self.connections)}", channel, listener, host)
            self.connections.append(ref.actor_inbox.actor)
            return ref

        node.accept = accept
        self.net.join(node)
        return node

    def send(self, *groups: object, timeout_ms: float = REQUEST_TIMEOUT_MS) -> None:
        for group in groups:
            self.asking.tell(Send(str(group), timeout_ms))

    def until(self, condition: Callable[[], object]) -> None:
        assert self.world.driver.drive(condition, TIMEOUT_S), self.outcomes

    def kill_server(self) -> None:
        self.server.kill()
        self.net.node_died(self.server)


@pytest.fixture
def pair() -> Pair:
    return Pair(virtual_world(1))


@pytest.mark.parametrize("world", [virtual_world, lambda _: real_world()], ids=["virtual", "real"])
@pytest.mark.parametrize("wire", [False, True])
def test_requests_and_answers_keep_their_order_on_one_session(world: Callable[[int], World], wire: bool) -> None:
    pair = Pair(world(3), wire=wire)
    pair.send(*range(50))
    pair.until(lambda: len(pair.outcomes) == 50)
    assert pair.outcomes == list(range(50))
    assert len(pair.connections) == 1
    assert pair.connections[0].opened_by == ("client", "broker-2#1")


def test_a_message_takes_the_time_that_the_network_draws(pair: Pair) -> None:
    pair.send(1)
    pair.until(lambda: pair.outcomes)
    assert 0 < pair.world.clock.now_us() <= 2 * DELAY_US_MAX
    before_us = pair.world.clock.now_us()
    pair.net.slow(2, 1, 500)
    pair.send(2)
    pair.until(lambda: len(pair.outcomes) == 2)
    assert pair.world.clock.now_us() - before_us >= 500_000


def test_what_is_sent_into_a_cut_waits_and_arrives_in_order_after_it(pair: Pair) -> None:
    pair.send(1)
    pair.until(lambda: pair.outcomes)
    pair.net.cut([2], [1], both_ways=False)
    pair.send(2, 3, 4)
    let_pass(pair.world, 5)
    assert pair.outcomes == [1]
    pair.net.heal()
    pair.until(lambda: len(pair.outcomes) == 4)
    assert pair.outcomes == [1, 2, 3, 4]


def test_a_cut_one_way_holds_back_answers_of_requests_that_arrived(pair: Pair) -> None:
    pair.net.cut([1], [2], both_ways=False)
    pair.send(1, 2)
    let_pass(pair.world, 5)
    assert pair.connections[0].seen == ["1", "2"]
    assert pair.outcomes == []
    pair.net.heal()
    pair.until(lambda: pair.outcomes == [1, 2])


def test_what_was_on_its_way_when_a_path_was_cut_waits_with_the_rest(pair: Pair) -> None:
    pair.send(1, 2)
    pair.until(lambda: pair.net.messages_carried == 2)
    pair.net.cut([2], [1])
    pair.send(3)
    let_pass(pair.world, 1)
    assert pair.connections[0].seen == []
    pair.net.heal()
    pair.until(lambda: pair.outcomes == [1, 2, 3])


def test_mending_one_path_leaves_the_others_cut(pair: Pair) -> None:
    pair.net.cut([1], [2, 3])
    pair.send(1, 2)
    let_pass(pair.world, 1)
    pair.net.restore([3], [1])
    let_pass(pair.world, 1)
    assert pair.outcomes == []
    pair.net.restore([2], [1])
    pair.until(lambda: pair.outcomes == [1, 2])
    assert not pair.net.cuts


def test_a_request_that_is_not_answered_in_time_breaks_the_session_and_the_next_opens_another(pair: Pair) -> None:
    pair.send("keep", timeout_ms=1000)
    pair.send("keep", timeout_ms=500)
    pair.until(lambda: len(pair.outcomes) == 2)
    assert [type(outcome) for outcome in pair.outcomes] == [Disconnected, Disconnected]
    assert 500_000 <= pair.world.clock.now_us() < 510_000
    pair.until(lambda: pair.connections[0].closed)
    pair.send(7)
    pair.until(lambda: pair.outcomes[2:] == [7])
    assert len(pair.connections) == 2


def test_an_answer_in_time_leaves_no_time_out_behind(pair: Pair) -> None:
    pair.send(1, timeout_ms=1000)
    let_pass(pair.world, 10)
    pair.send(2, timeout_ms=1000)
    let_pass(pair.world, 10)
    assert pair.outcomes == [1, 2]
    assert len(pair.connections) == 1


def test_a_request_given_up_in_a_cut_may_still_arrive_and_its_answer_never(pair: Pair) -> None:
    pair.net.cut([2], [1], both_ways=False)
    pair.send(1, timeout_ms=100)
    pair.until(lambda: pair.outcomes)
    pair.net.heal()
    pair.until(lambda: pair.connections[0].closed)
    assert pair.connections[0].seen == ["1"]
    let_pass(pair.world, 1)
    assert len(pair.outcomes) == 1


def test_a_connection_that_hangs_up_breaks_the_link(pair: Pair) -> None:
    pair.send("hang up")
    pair.until(lambda: pair.outcomes)
    assert isinstance(pair.outcomes[0], Disconnected)
    pair.send(5)
    pair.until(lambda: pair.outcomes[1:] == [5])


def test_the_links_of_a_killed_node_break_at_once(pair: Pair) -> None:
    pair.send("keep", "keep")
    pair.until(lambda: pair.connections and len(pair.connections[0].seen) == 2)
    before_us = pair.world.clock.now_us()
    pair.kill_server()
    pair.until(lambda: len(pair.outcomes) == 2)
    assert pair.world.clock.now_us() - before_us <= 2 * DELAY_US_MAX
    pair.send(1)
    pair.until(lambda: len(pair.outcomes) == 3)
    assert all(isinstance(outcome, Disconnected) for outcome in pair.outcomes)


def test_a_node_that_comes_back_is_reached_by_a_new_session(pair: Pair) -> None:
    pair.send(1)
    pair.until(lambda: pair.outcomes)
    pair.kill_server()
    let_pass(pair.world, 1)
    pair.server = pair.join(1, incarnation=2)
    pair.send(2)
    pair.until(lambda: pair.outcomes == [1, 2])
    assert pair.connections[1].actor_urn.startswith("broker-1#2/")


def test_who_is_cut_off_when_a_node_dies_learns_it_when_a_request_times_out(pair: Pair) -> None:
    pair.send("keep", timeout_ms=2000)
    pair.until(lambda: pair.connections and pair.connections[0].seen)
    pair.net.cut([1], [2])
    pair.kill_server()
    let_pass(pair.world, 1)
    assert pair.outcomes == []
    pair.until(lambda: pair.outcomes)
    assert isinstance(pair.outcomes[0], Disconnected)


def test_a_request_that_reaches_the_place_of_a_dead_node_is_refused_at_once(pair: Pair) -> None:
    pair.send(1)
    pair.until(lambda: pair.outcomes)
    pair.net.cut([1], [2])
    pair.kill_server()
    let_pass(pair.world, 1)
    pair.server = pair.join(1, incarnation=2)
    pair.send(2)
    before_us = pair.world.clock.now_us()
    pair.net.heal()
    pair.until(lambda: len(pair.outcomes) == 2)
    assert isinstance(pair.outcomes[1], Disconnected)
    assert pair.world.clock.now_us() - before_us <= 2 * DELAY_US_MAX
    pair.send(3)
    pair.until(lambda: pair.outcomes[2:] == [3])


def test_the_server_learns_that_its_client_died_and_other_nodes_that_a_neighbour_did(pair: Pair) -> None:
    pair.send(1)
    pair.until(lambda: pair.outcomes)
    lost: list[int] = []
    pair.server.peer_lost = lost.append
    pair.client.kill()
    pair.net.node_died(pair.client)
    pair.until(lambda: pair.connections[0].closed)
    assert lost == [2]
    assert not pair.net.sessions


def test_closing_a_link_ends_its_requests_and_leaves_nothing_behind(pair: Pair) -> None:
    pair.send("keep")
    pair.until(lambda: pair.connections and pair.connections[0].seen)
    link: Link = pair.asking.actor_inbox.actor.link
    pair.world.driver.call(link.close)
    pair.until(lambda: pair.outcomes and pair.connections[0].closed)
    assert not pair.net.sessions
    link.close()


def test_with_wire_a_message_is_what_comes_out_of_its_bytes() -> None:
    pair = Pair(virtual_world(1), wire=True)
    request = HeartbeatRequest(group_id="g", generation_id=3, member_id="m", group_instance_id="i")
    read = pair.net.through_wire(request, 3)
    assert read == request
    assert read is not request
    with pytest.raises(UnsupportedVersion):
        pair.net.through_wire(request, 0)


def test_nodes_speak_the_latest_stable_version_among_themselves(pair: Pair) -> None:
    assert pair.net.version_of(HeartbeatRequest) == HeartbeatRequest.VERSIONS[1]


def test_the_same_seed_carries_everything_at_the_same_times() -> None:
    hashes = []
    for seed in (1, 1, 2):
        pair = Pair(virtual_world(seed))
        pair.send(*range(20))
        pair.until(partial(lambda pair: len(pair.outcomes) == 20, pair))
        hashes.append(pair.world.recorder.trace_hash())
    assert hashes[0] == hashes[1] != hashes[2]
