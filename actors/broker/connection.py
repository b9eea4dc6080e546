"""The connection: an actor per client connection, on TCP or a link, that takes requests and answers them in order.

Requests of one connection are answered in the order they came. Produce requests are worked on side by side, as long
as nothing else is under way, which keeps their order in each partition because each replica's inbox keeps it; any
other request has the connection for itself until it is answered, as in Apache Kafka.

What can't be read is the peer's fault and closes the connection: an API key that isn't served, a version outside its
range (but for ApiVersions, which answers in version 0), a frame whose fields don't add up.

A handler that fails ends its request: it is answered UNKNOWN_SERVER_ERROR, as by Apache Kafka (``error_answers``), and
the connection goes on. Where no answer can be made, or the connection's own turn failed, it is closed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.broker import registry, unserved
from actors.broker.call import LOST_ANSWER, LOST_REQUEST, Call, Remote
from actors.broker.error_answers import error_answer
from actors.network.channel_messages import AnswersTaken, ChannelClosed, FramesReceived, Requested
from actors.node.authorizer import ANONYMOUS, NODES
from actors.partition.fetch.requests import FetchGivenUp
from actors.runtime import Actor, Ask, receives
from actors.runtime.heavy_work import HeavyAsk
from actors.runtime.limits import (
    CONNECTION_BYTES_IN_FLIGHT_MAX,
    CONNECTION_REQUESTS_IN_FLIGHT_MAX,
    REQUEST_ELEMENTS_MAX,
)
from actors.runtime.logs import logger
from kstore.errors import KafkaError, UnknownServerError
from kstore.named import NamedTuple
from kstore.schema import decode, frames
from kstore.schema.errors import TooLong
from kstore.schema.struct import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.network.framing import Frame
    from actors.node.node import BrokerNode
    from actors.runtime.protocols import Channel, Link

PRODUCE, FETCH = 0, 1
API_VERSIONS = 18
TRACED_NAME_LENGTH_MAX = 200


class RequestRefused(KafkaError):
    """The request can't be answered in the protocol: the connection is closed."""


class NodeReady(NamedTuple):
    """To a client's connection that came before its node could answer: now it can."""


class Connection(Actor):
    """One client's connection to one node."""

    is_alone = True
    blast_radius = "a client's connection"

    node: BrokerNode

    def __init__(self, node: BrokerNode, number: int, channel: Channel, listener: str, client_host: str) -> None:
        super().__init__(node, f"connection/{number}")
        self.number = number
        self.channel = channel
        self.listener = listener
        self.is_broker = listener == "broker"
        self.principal = NODES if self.is_broker else ANONYMOUS
        self.client_host = client_host
        self.client_id: str | None = None  # as the trace was told it
        self.waiting: deque[Call] = deque()
        self.under_way: deque[Call] = deque()
        self.bytes_in_flight = 0
        self.paused = False
        self.links: dict[int, Link] = {}
        self.state: dict[str, object] = {}  # what API handlers keep for the life of the connection
        self.closed = False
        self.settling = False
        self.heavy = 0  # questions of it that wait for room in a turn of the loop
        self.waits_for_node = False

    @receives(FramesReceived)
    def frames_received(self, message: FramesReceived) -> None:
        """Requests from a socket."""
        for frame in message.frames:
            if self.closed:
                return
            try:
                call = self._read(frame)
            except KafkaError:
                self.refuse()
                return
            self.bytes_in_flight += call.size_bytes
            self._take(call)

    @receives(Requested)
    def requested(self, message: Requested) -> None:
        """A request from a link."""
        if self.closed:
            return
        request = message.request
        if registry.served(request.API_KEY, to_node=self.is_broker) is None:
            self.client_id = message.client_id
            unserved.key_unserved(self, request.API_KEY)
            self.refuse()
            return
        correlation_id, client_id = message.correlation_id, message.client_id
        self._take(Call(self, request.API_KEY, message.version, correlation_id, client_id, request, 0))

    def _read(self, frame: Frame) -> Call:
        header, body = frames.decode_request_header(frame)
        api_key, version = header.request_api_key, header.request_api_version
        if header.client_id != self.client_id:
            self.client_id = header.client_id
            self.note("ClientNamed", self.client_host, subject=(header.client_id or "")[:TRACED_NAME_LENGTH_MAX])
        served = registry.served(api_key, to_node=self.is_broker)
        if served is None:
            unserved.key_unserved(self, api_key)
            raise RequestRefused(f"API key {api_key} is not served")
        request: Message | None = None
        if served.first <= version <= served.last:
            request = decode(frames.request_class(api_key), version, frame, body, REQUEST_ELEMENTS_MAX)
        elif api_key != API_VERSIONS:
            of = f"{served.first} to {served.last}"
            unserved.version_unserved(self, api_key, version, of)
            raise RequestRefused(f"version {version} of API key {api_key} is not served")
        else:
            version = 0  # the client is newer: it is told so in the version that everybody reads
        return Call(self, api_key, version, header.correlation_id, header.client_id, request, len(frame))

    def _take(self, call: Call) -> None:
        if self.waiting or not self._may_start(call):
            self.waiting.append(call)
        else:
            self._begin(call)
        if call.size_bytes and not self.paused and self._is_full():  # links have their bounds at the sender
            self.paused = True
            self.channel.pause_reading()

    def _is_full(self) -> bool:
        return (
            self.bytes_in_flight > CONNECTION_BYTES_IN_FLIGHT_MAX
            or len(self.waiting) + len(self.under_way) > CONNECTION_REQUESTS_IN_FLIGHT_MAX
        )

    def _may_start(self, call: Call) -> bool:
        under_way = self.under_way
        if under_way and not (call.api_key == PRODUCE == under_way[-1].api_key and not under_way[-1].is_in_slices):
            return False
        if self.channel.is_backed_up:
            self.channel.tell_when_taken()
            return False
        return not self.waits_for_node

    def _begin(self, call: Call) -> None:
        self.under_way.append(call)
        if self.node.request_faults is not None and not self.is_broker and self._is_faulted(call):
            return
        try:
            outcome = registry.handler(call.api_key).handle(call)
        except KafkaError:
            self.refuse()
            return
        except Exception as error:  # noqa: BLE001 - a defect: contained, or raised again
            self.call_failed(call, error)
            return
        if outcome is None:
            return
        if isinstance(outcome, Generator):
            self.converse(outcome, call.respond, call.failed)
        else:
            call.respond(outcome)

    def call_failed(self, call: Call, error: Exception) -> None:
        """A request's handler has failed: that is the end of this request alone. If strict, it is raised on."""
        world = self.node.world
        if world.strict:
            raise error
        world.failures.tell(self.actor_urn, f"a request, {type(call.request).__name__}", error)
        self.answer_failed(call)

    def contains(self, error: Exception, about: tuple[object, ...]) -> bool:
        """As ``Actor.contains``: the callback of an answer has the call as its first argument."""
        if not about or not isinstance(about[0], Call) or about[0].response is not None or self.settling:
            return False
        self.call_failed(about[0], error)
        return True

    def answer_failed(self, call: Call) -> None:
        """Answer UNKNOWN_SERVER_ERROR where a request can be answered so; otherwise close the connection."""
        answer = error_answer(call.request, call.version, UnknownServerError.code)
        if answer is None or call.response is not None:
            self.refuse()
        else:
            call.respond(answer)

    def on_failure(self, *_: object) -> None:
        """Its own turn failed: nothing can be said to the client any more."""
        self.closed = True
        self.channel.abort()
        self._let_go()
        self.node.connection_numbers.give_back(self.number)

    def _is_faulted(self, call: Call) -> bool:
        """Whether a fault has taken the request's place; one that only takes its answer does so when it goes out."""
        faults = self.node.request_faults
        assert faults is not None, "a fault was asked for"
        outcome = faults(call)
        if outcome is LOST_REQUEST:
            self.refuse()
        elif outcome is LOST_ANSWER:
            call.is_answer_lost = True
            return False
        elif outcome is not None:
            assert isinstance(outcome, Message), "a fault answers, or loses something"
            call.respond(outcome)
        return outcome is not None

    def ask_for(self, asked: Any, then: Callable[..., None], *args: object) -> None:
        """As ``Actor.ask_for``, with ``Remote`` for other nodes."""
        if isinstance(asked, Remote):
            link = self.links.get(asked.node_id)
            if link is None:
                link = self.links[asked.node_id] = self.connect(asked.node_id)
            link.send(asked.request, self.reply_here(then, *args), version=asked.version)
        elif self.heavy or type(asked) is HeavyAsk:  # what is heavy waits its turn, and what comes behind it
            self.heavy += 1
            size_bytes = asked.size_bytes if type(asked) is HeavyAsk else 0
            self.node.world.heavy.start(size_bytes, partial(self._ask_heavy, asked, then, args))
        else:
            super().ask_for(asked, then, *args)

    def _ask_heavy(self, asked: Ask, then: Callable[..., None], args: tuple[object, ...]) -> None:
        self.heavy -= 1
        if not self.closed:
            super().ask_for(asked, then, *args)

    @receives(AnswersTaken)
    def answers_taken(self, message: AnswersTaken) -> None:
        """The client reads again: what waited for that begins."""
        if not self.closed:
            self.go_on()

    @receives(NodeReady)
    def node_ready(self, message: NodeReady) -> None:
        """What has waited for the node to know its cluster begins."""
        self.waits_for_node = False
        if not self.closed:
            self.go_on()

    def go_on(self) -> None:
        """A handler has answered, or something begins that waited: send what is due, in order, and begin what may."""
        if self.settling:
            return  # a request that was begun below answered at once: the loop goes on with it
        self.settling = True
        under_way, waiting = self.under_way, self.waiting
        while True:
            while under_way and under_way[0].response is not None:
                done = under_way.popleft()
                if done.size_bytes:
                    self.bytes_in_flight -= done.size_bytes
                    self.channel.request_done(done.size_bytes)
                if done.is_answer_lost and not self.closed:
                    self.refuse()
                if isinstance(done.response, Message) and not self.closed:
                    try:
                        self.channel.respond(done.correlation_id, done.response, done.version)
                    except Exception as error:  # noqa: BLE001 - a defect: contained, or raised again
                        self._unencodable(done, error)
            if not waiting or not self._may_start(waiting[0]):
                break
            self._begin(waiting.popleft())
        self.settling = False
        if self.paused and not self._is_full():
            self.paused = False
            self.channel.resume_reading()

    def _unencodable(self, call: Call, error: Exception) -> None:
        """An answer can't be made into bytes: that ends the connection."""
        world = self.node.world
        if isinstance(error, TooLong):  # it repeats what the client sent, and adds to it: the client can't be told
            logger("requests").warning(
                "An answer to %s of API key %d can't be encoded (%s): its connection is closed.",
                self.client_host,
                call.api_key,
                error,
            )
        elif world.strict:
            raise error
        else:
            world.failures.tell(self.actor_urn, f"a connection, whose {type(call.request).__name__} it answered", error)
        self.refuse()

    def refuse(self) -> None:
        """Close the connection, which is all that can be said to a peer that is wrong or wants no answers."""
        self.note("RequestRefused")
        self.channel.abort()
        self._end()

    @receives(ChannelClosed)
    def channel_closed(self, message: ChannelClosed) -> None:
        """The client is gone: nothing more can be answered."""
        self._end()

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.waiting.clear()
        self._let_go()
        self.stop()

    def _let_go(self) -> None:
        """Nobody waits any more for what others were asked for."""
        desk = self.node.view.fetch_desk
        if desk is not None and self.under_way and self.under_way[0].api_key == FETCH:
            desk.tell(FetchGivenUp(self.number))
        for link in self.links.values():
            link.close()

    def on_stop(self) -> None:
        """The name may be another connection's now."""
        self.node.connection_numbers.give_back(self.number)
