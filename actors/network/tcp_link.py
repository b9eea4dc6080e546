"""A client's link to a broker over TCP.

It connects for the first request, and again after it broke, no sooner than the reconnect backoff allows. Then it asks
for the broker's versions and names the node and cluster that it intends to reach, if it knows them (KIP-1242). Then it
sends requests in the latest version that both know, without waiting for earlier responses. Responses come in the order
of the requests. A request that times out breaks the link, as in Kafka's own client: all pending requests end in
``Disconnected``.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from actors.network.addresses import address_text
from actors.network.framing import BadFrame, Frame, FrameReader
from actors.network.link import Disconnected, Misrouted
from actors.network.link_options import LinkOptions
from actors.network.reply_to import ReplyTo, Then
from actors.network.sockets import READ, WRITE, Sockets
from actors.runtime.timers import Alarm
from kstore.errors import KafkaError, RebootstrapRequired, UnsupportedVersion
from kstore.named import NamedTuple
from kstore.schema import SchemaError, decode, frames
from kstore.schema.messages.api_versions import ApiVersionsRequest

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from actors.runtime.node import Node
    from actors.runtime.queue import Reply
    from kstore.schema.messages.api_versions import ApiVersionsResponse
    from kstore.schema.struct import Message

PRODUCE, API_VERSIONS = 0, 18
ANSWER_BYTES_MAX = 1 << 30
PARTS_A_WRITE = 64
READS_A_TURN = 16
VERSION = "1"
LATEST = 5
"""The version of ApiVersions to ask in."""
UNSUPPORTED = UnsupportedVersion.code.to_bytes(2, "big")


class QueuedRequest(NamedTuple):
    """A request that waits for the link to open."""

    request: Message
    versions: tuple[int, int]
    reply: Reply
    deadline_us: int


class InFlightRequest(NamedTuple):
    """A request that was sent."""

    correlation_id: int
    api_key: int
    version: int
    reply: ReplyTo
    deadline_us: int


class TcpLink:
    """One client's connection to one broker. Used on the driving thread only."""

    def __init__(self, sockets: Sockets, node: Node, host: str, port: int, how: LinkOptions) -> None:
        self.sockets = sockets
        self.node = node
        self.world = node.world
        self.host = host
        self.port = port
        self.text = address_text(host, port)
        self.how = how
        self.sock: socket.socket | None = None
        self.opening = False
        self.connected = False
        self.served: dict[int, tuple[int, int]] | None = None  # the broker's versions, once it has answered
        self.waiting: deque[QueuedRequest] = deque()
        self.under_way: deque[InFlightRequest] = deque()
        self.unsent: deque[Buffer] = deque()
        self.addresses: list[tuple[int, tuple[str | int, ...]]] = []
        self.correlation_id = 0
        self.failures = 0
        self.not_before_us = 0
        self.active_us = 0
        self.alarm = Alarm(self.world.timers, 1, self._time_is_up)
        self.closed = False
        self.blocked = False  # the socket's buffer is full
        self.actor_id = self.world.recorder.intern(f"{node.name}/link/{self.text}")

    def ask(self, request: Message, versions: tuple[int, int], reply: Reply, timeout_ms: float) -> None:
        """Send a request; ``reply`` gets its response, ``Disconnected`` or ``UnsupportedVersion``."""
        if self.closed:
            reply.fail(Disconnected(f"the link to {self.text} was closed"))
            return
        now_us = self.world.clock.now_us()
        deadline_us = now_us + round(timeout_ms * 1000)
        asked = QueuedRequest(request, versions, reply, deadline_us)
        if self.served is not None:
            self._send(asked)
        else:
            self.waiting.append(asked)
            self._open()
        self.alarm.by(deadline_us, now_us)

    def _send(self, asked: QueuedRequest) -> None:
        request, api_key = asked.request, asked.request.API_KEY
        assert self.served is not None
        first, last = self.served.get(api_key, (0, -1))
        version = min(asked.versions[1], last)
        if version < max(asked.versions[0], first):
            asked.reply.fail(
                UnsupportedVersion(
                    f"{self.text} speaks versions {first} to {last} of API key {api_key}, "
                    f"and {asked.versions[0]} to {asked.versions[1]} were asked for"
                    if last >= 0
                    else f"{self.text} doesn't serve API key {api_key}"
                )
            )
            return
        self._write(request, version, asked.reply, asked.deadline_us)

    def _write(self, request: Message, version: int, reply: ReplyTo, deadline_us: int) -> None:
        self.correlation_id = self.correlation_id + 1 & 0x7FFFFFFF
        self.unsent.extend(frames.encode_request(request, version, self.correlation_id, self.how.client_id))
        self.sockets.to_flush(self)
        if request.API_KEY == PRODUCE and getattr(request, "acks", -1) == 0:
            reply.set(None)  # there is no response
        else:
            self.under_way.append(InFlightRequest(self.correlation_id, request.API_KEY, version, reply, deadline_us))

    def _open(self) -> None:
        if self.opening or self.sock is not None:
            return
        self.opening = True
        wait_us = self.not_before_us - self.world.clock.now_us()
        if wait_us > 0:
            self.world.timers.at(self.not_before_us, self._resolve)
        else:
            self._resolve()

    def _resolve(self) -> None:
        if self.closed:
            return
        try:
            found = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            )
        except socket.gaierror:  # a name: looked up off the turn
            host, port = self.host, self.port
            self.world.disk.submit(
                lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), Then(self._resolved), self.node
            )
        except (ValueError, OverflowError) as error:  # the broker's address is invalid
            self._resolved(OSError(0, str(error)))
        else:
            self._resolved(found)

    def _resolved(self, found: Any) -> None:
        if self.closed:
            return
        if isinstance(found, OSError):
            self.opening = False
            self.broke(f"{self.host} is an unknown host name: {found.strerror}")
            return
        self.addresses = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
        self._connect()

    def _connect(self) -> None:
        """Try the next address."""
        family, address = self.addresses.pop(0)
        self.opening = False
        self.active_us = self.world.clock.now_us()
        try:
            sock = self.sock = socket.socket(family, socket.SOCK_STREAM)  # may fail with too many open files
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
        except BlockingIOError:
            self.sockets.watch(sock, WRITE, self._ready)
            self._watch_time()
        except OSError as error:
            self._connect_failed(error)
        else:
            self._made()

    def _connect_failed(self, error: OSError) -> None:
        self._shut()
        if self.addresses:
            self._connect()
        else:
            self.broke(f"{self.text} can't be reached: {error.strerror or error}")

    def _made(self) -> None:
        """Ask for the broker's versions, now that it is connected."""
        assert self.sock is not None
        self.connected = True
        self.frames = FrameReader(self.sockets.read_buffer, ANSWER_BYTES_MAX)
        self.sockets.watch(self.sock, READ, self._ready)
        self._ask_versions(LATEST)

    def _ask_versions(self, version: int) -> None:
        deadline_us = self.world.clock.now_us() + self.how.setup_timeout_us
        request = ApiVersionsRequest(client_software_name="kstore", client_software_version=VERSION)
        cluster_id = self.how.cluster_id() if self.how.node_id >= 0 else None
        if cluster_id is not None and version == LATEST:
            request.cluster_id, request.node_id = cluster_id, self.how.node_id
        self._write(request, version, Then(lambda answer: self._learnt_versions(answer, version)), deadline_us)
        self._watch_time()

    def _learnt_versions(self, answer: ApiVersionsResponse | KafkaError, version: int) -> None:
        if isinstance(answer, KafkaError):
            return  # the link broke, and all requests have ended
        if answer.error_code == UnsupportedVersion.code and version:
            self._ask_versions(0)
            return
        if answer.error_code == RebootstrapRequired.code:
            self.broke(f"{self.text} isn't node {self.how.node_id} of the cluster any more", Misrouted)
            return
        if answer.error_code:
            self.broke(f"{self.text} refused to say its versions: error code {answer.error_code}")
            return
        self.failures = 0
        self.served = {each.api_key: (each.min_version, each.max_version) for each in answer.api_keys}
        while self.waiting:
            self._send(self.waiting.popleft())

    def _ready(self, events: int) -> None:
        sock = self.sock
        if sock is None:
            return
        if not self.connected:
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                import os

                self._connect_failed(OSError(error, os.strerror(error)))
            else:
                self._made()
            return
        if events & WRITE:
            self.flush()
        if events & READ:
            self._read(sock)

    def _read(self, sock: socket.socket) -> None:
        for _ in range(READS_A_TURN):
            try:
                space = self.frames.space()
                room = len(space)
                count = sock.recv_into(space)
                del space
                whole = self.frames.received(count) if count else []
            except BlockingIOError:
                return
            except (OSError, BadFrame) as error:
                self.broke(f"{self.text}: {error}")
                return
            if not count:
                self.broke(f"{self.text} closed the connection")
                return
            if whole:
                self._take(whole)
            if self.sock is not sock or count < room:
                return

    def _take(self, whole: list[Frame]) -> None:
        """Give each response to its request's reply."""
        self.active_us = self.world.clock.now_us()
        queue = self.world.queue
        queue.enter(self.actor_id, "SocketRead")
        try:
            for frame in whole:
                if not self.under_way:
                    raise SchemaError("a response to no request")
                outcome = self._decoded(self.under_way[0], frame)
                self.under_way.popleft().reply.set(outcome)
        except (KafkaError, SchemaError) as error:
            self.broke(f"{self.text} sent a response that can't be read: {error}")
        finally:
            queue.leave()
        if not self.under_way:
            self._watch_time()

    def _decoded(self, asked: InFlightRequest, frame: Frame) -> Message:
        correlation_id, begin = frames.decode_response_header(asked.api_key, asked.version, frame)
        if correlation_id != asked.correlation_id:
            raise SchemaError(f"an answer to request {correlation_id} instead of {asked.correlation_id}")
        version = asked.version
        if asked.api_key == API_VERSIONS and version and frame[begin : begin + 2] == UNSUPPORTED:
            version = 0  # a broker that doesn't know the version answers in version 0
        return decode(frames.response_class(asked.api_key), version, frame, begin)

    def flush(self) -> None:
        """Write what was collected, as much as the socket takes."""
        unsent, sock = self.unsent, self.sock
        if sock is None or not self.connected:
            return
        try:
            while unsent:
                parts = [unsent[index] for index in range(min(len(unsent), PARTS_A_WRITE))]
                sent = sock.sendmsg(parts)
                while unsent and sent >= (size := memoryview(unsent[0]).nbytes):
                    unsent.popleft()
                    sent -= size
                if sent:
                    unsent[0] = memoryview(unsent[0]).cast("B")[sent:]
        except BlockingIOError:
            self.sockets.watch(sock, READ | WRITE, self._ready)
            self.blocked = True
            return
        except OSError as error:
            self.broke(f"{self.text}: {error}")
            return
        if self.blocked:
            self.blocked = False
            self.sockets.watch(sock, READ, self._ready)

    def _shut(self) -> None:
        if self.sock is not None:
            self.sockets.forget(self.sock)
            self.sock.close()
            self.sock = None
        self.connected = self.blocked = False
        self.served = None
        self.unsent.clear()

    def broke(self, why: str, error: type[Disconnected] = Disconnected) -> None:
        """Handle a broken link, or a failed attempt to connect: all requests end, and the next attempt waits longer."""
        self._shut()
        self.alarm.stop()
        under_way, self.under_way = self.under_way, deque()
        waiting, self.waiting = self.waiting, deque()
        now_us = self.world.clock.now_us()
        backoff_ms = min(self.how.backoff_ms * 2 ** min(self.failures, 20), self.how.backoff_ms_max)
        backoff_ms = min(backoff_ms * self.world.random.uniform(0.8, 1.2), self.how.backoff_ms_max)
        self.not_before_us = now_us + round(backoff_ms * 1000)
        self.failures += 1
        for reply in [each.reply for each in under_way] + [each.reply for each in waiting]:
            reply.fail(error(why))

    def close(self) -> None:
        """Close it for good."""
        if not self.closed:
            self.closed = True
            if self.connected:
                self.flush()  # so that the last request, such as LeaveGroup, is sent
            self.broke(f"the link to {self.text} was closed")

    def _watch_time(self) -> None:
        deadline_us = self._next_deadline_us()
        if deadline_us is not None:
            self.alarm.by(deadline_us, self.world.clock.now_us())

    def _next_deadline_us(self) -> int | None:
        found = [each.deadline_us for each in self.under_way] + [each.deadline_us for each in self.waiting]
        if self.sock is not None and not self.connected:
            found.append(self.active_us + self.how.setup_timeout_us)
        if not found and self.sock is not None and self.how.idle_us_max is not None:
            found.append(self.active_us + self.how.idle_us_max)
        return min(found, default=None)

    def _time_is_up(self) -> None:
        self.alarm.rang()
        deadline_us = self._next_deadline_us()
        now_us = self.world.clock.now_us()
        if self.addresses and not self.connected and now_us >= self.active_us + self.how.setup_timeout_us:
            self._connect_failed(TimeoutError())  # the next address may answer
        elif deadline_us is not None and deadline_us <= now_us:
            self.broke(f"{self.text} didn't answer in time")
        else:
            self._watch_time()
