"""The connection: an actor per client connection, on TCP or a link, that takes requests and answers them in order.

Requests of one connection are answered in the order they came. Consecutive Produce requests are handled at the same
time; each replica's inbox keeps their order in its partition. Any other request is handled alone until it is answered,
as in Apache Kafka.

A request that can't be read closes the connection: an unknown API key, a version outside its range (except for
ApiVersions, which answers in version 0), a malformed frame.

If a handler fails, its request is answered UNKNOWN_SERVER_ERROR, as by Apache Kafka (``error_answers``), and the
connection goes on. If no response can be made, or the connection's own turn failed, it is closed.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from types import GeneratorType
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
    """To a client's connection that came before its node was ready: now it is."""


class Connection(Actor):
    """One client's connection to one node."""

    is_alone = True
    failure_scope = "a client's connection"

    node: BrokerNode

    def __init__(self, node: BrokerNode, number: int, channel: Channel, listener: str, client_host: str) -> None:
        super().__init__(node, f"connection/{number}")
        self.number = number
        self.channel = channel
        self.listener = listener
        self.is_broker = listener == "broker"
        self.principal = NODES if self.is_broker else ANONYMOUS
        self.client_host = client_host
        self.client_id: str | None = None  # as written to the trace
        self.waiting: deque[Call] = deque()
        self.under_way: deque[Call] = deque()
        self.bytes_in_flight = 0
        self.paused = False
        self.links: dict[int, Link] = {}
        self.state: dict[str, object] = {}  # what API handlers keep for this connection
        self.closed = False
        self.settling = False
        self.heavy = 0  # heavy questions that wait for room in a turn of the loop
        self.waits_for_node = False

    @receives(FramesReceived)
    def frames_received(self, message: FramesReceived) -> None:
        """Handle requests from a socket."""
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
        """Handle a request from a link."""
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
            version = 0  # the client is newer: the response is in the version that every client can read
        return Call(self, api_key, version, header.correlation_id, header.client_id, request, len(frame))

    def _take(self, call: Call) -> None:
        if self.waiting or not self._may_start(call):
            self.waiting.append(call)
        else:
            self._begin(call)
        if call.size_bytes and not self.paused and self._is_full():  # on links the sender limits itself
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
        if isinstance(outcome, GeneratorType):
            self.run_coroutine(outcome, call.respond, call.failed)
        else:
            call.respond(outcome)

    def call_failed(self, call: Call, error: Exception) -> None:
        """Handle a failed handler: only its request ends. If strict, the exception is raised on."""
        world = self.node.world
        if world.strict:
            raise error
        world.failures.tell(self.actor_urn, f"a request, {type(call.request).__name__}", error)
        self.answer_failed(call)

    def contains(self, error: Exception, about: tuple[object, ...]) -> bool:
        """As ``Actor.contains``: callbacks have the call as their first argument."""
        if not about or not isinstance(about[0], Call) or about[0].response is not None or self.settling:
            return False
        self.call_failed(about[0], error)
        return True

    def answer_failed(self, call: Call) -> None:
        """Answer UNKNOWN_SERVER_ERROR if the request's response can carry it; otherwise close the connection."""
        answer = error_answer(call.request, call.version, UnknownServerError.code)
        if answer is None or call.response is not None:
            self.refuse()
        else:
            call.respond(answer)

    def on_failure(self, *_: object) -> None:
        """Close the connection: its own turn failed, so no response can be sent."""
        self.closed = True
        self.channel.abort()
        self._let_go()
        self.node.connection_numbers.give_back(self.number)

    def _is_faulted(self, call: Call) -> bool:
        """Whether an injected fault replaces the request; a lost response is handled when it is sent."""
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
        elif self.heavy or type(asked) is HeavyAsk:  # heavy questions wait for their turn, and so do later ones
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
        """Start the requests that waited for the client to read."""
        if not self.closed:
            self.go_on()

    @receives(NodeReady)
    def node_ready(self, message: NodeReady) -> None:
        """Start the requests that waited for the node to be ready."""
        self.waits_for_node = False
        if not self.closed:
            self.go_on()

    def go_on(self) -> None:
        """Send the responses that are due, in order, and start the requests that may start."""
        if self.settling:
            return  # a request started below answered at once: the loop goes on with it
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
        """Close the connection, as a response can't be encoded."""
        world = self.node.world
        if isinstance(error, TooLong):  # the response repeats the request's data and adds to it, so it can't be sent
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
        """Close the connection: the only answer to a peer that is wrong or wants no responses."""
        self.note("RequestRefused")
        self.channel.abort()
        self._end()

    @receives(ChannelClosed)
    def channel_closed(self, message: ChannelClosed) -> None:
        """Stop: the client is gone."""
        self._end()

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.waiting.clear()
        self._let_go()
        self.stop()

    def _let_go(self) -> None:
        """Drop the questions that are still open."""
        service = self.node.view.fetch_service
        if service is not None and self.under_way and self.under_way[0].api_key == FETCH:
            service.tell(FetchGivenUp(self.number))
        for link in self.links.values():
            link.close()

    def on_stop(self) -> None:
        """Free the connection's name for another one."""
        self.node.connection_numbers.give_back(self.number)
