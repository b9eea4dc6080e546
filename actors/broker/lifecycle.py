"""The broker's membership in the cluster: it registers with the controller, then sends heartbeats.

The registration has the incarnation, the listeners and the log directory; the response has the broker epoch. Heartbeats
say how far the node has replayed the metadata log, so that the controller can unfence it once its own registration is
replayed. They are sent every ``broker.heartbeat.interval.ms``, more often while the broker is fenced. If the controller
doesn't know the epoch any more, the broker registers again. (KIP-631, ``BrokerLifecycleManager``.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.image.features import supported
from actors.runtime import Actor, Ref, receives
from kstore.named import NamedTuple
from kstore.schema.messages.broker_heartbeat import BrokerHeartbeatRequest, BrokerHeartbeatResponse
from kstore.schema.messages.broker_registration import BrokerRegistrationRequest, BrokerRegistrationResponse, Listener

if TYPE_CHECKING:
    from actors.image.image import Endpoint
    from actors.node.node import BrokerNode
    from actors.runtime import Reply, Timer

FENCED_BEAT_MS = 20


class Registered(NamedTuple):
    """To the broker: the node is registered, under this epoch."""

    broker_epoch: int


class MetadataReached(NamedTuple):
    """From the broker: the node has replayed the metadata log up to ``offset``; with whether the image has it as
    fenced.
    """

    offset: int
    fenced: bool
    controller_id: int


class LeaveCluster(NamedTuple):
    """From the broker: ask the controller to move leaderships away; answered when that is done, or can't be
    asked for.
    """


class StandAside(NamedTuple):
    """From the broker: ask to be fenced for now, so that others lead; or no longer."""

    wanted: bool


class _Beat(NamedTuple):
    pass


class _Register(NamedTuple):
    pass


class _AskAgain(NamedTuple):
    pass


class Lifecycle(Actor):
    """One node's registration and heartbeats. ``offset`` is how far the node has read the metadata log by now."""

    node: BrokerNode

    failure_scope = "the node's heartbeats; it registers once more"

    def __init__(
        self,
        node: BrokerNode,
        broker: Ref,
        cluster_id: str,
        directory_id: bytes,
        endpoints: list[Endpoint],
        incarnation: bytes,
        offset: int,
    ) -> None:
        super().__init__(node, "lifecycle")
        self.broker = broker
        self.cluster_id = cluster_id
        self.directory_id = directory_id
        self.endpoints = endpoints
        self.incarnation = incarnation
        self.controller = node.controller_channel.connection(self, _AskAgain())
        self.broker_epoch = -1
        self.offset = offset
        self.fenced = True
        self.leaving: Reply | None = None
        self.stands_aside = False
        self.in_flight = False
        self.timer: Timer | None = None

    def on_start(self) -> None:
        """Register at once."""
        self.register(_Register())

    @receives(_Register)
    def register(self, message: _Register) -> None:
        """Ask to be a member of the cluster."""
        if self.in_flight:
            return
        if self.timer is not None:
            self.timer.cancel()
        request = BrokerRegistrationRequest(
            broker_id=self.node.node_id,
            cluster_id=self.cluster_id,
            incarnation_id=self.incarnation,
            listeners=[
                Listener(name=e.name, host=e.host, port=e.port, security_protocol=e.security_protocol)
                for e in self.endpoints
            ],
            features=supported(),
            rack=None,
            is_migrating_zk_broker=False,
            log_dirs=[self.directory_id],
            previous_broker_epoch=-1,
        )
        self.in_flight = True
        self.controller.send(request, self.registered)

    def registered(self, outcome: BrokerRegistrationResponse | Exception) -> None:
        """Handle the controller's answer, or that it could not be reached."""
        self.in_flight = False
        if not self.controller.is_answered(outcome) or outcome.error_code:
            self.note("RegistrationRefused", "", outcome.error_code if not isinstance(outcome, Exception) else -1)
            self.timer = self.after(self.controller.retry_ms(), _Register())
            return
        self.broker_epoch = outcome.broker_epoch
        self.broker.tell(Registered(self.broker_epoch))
        self.beat(_Beat())

    @receives(MetadataReached)
    def metadata_reached(self, message: MetadataReached) -> None:
        """Note how far the node has replayed, and tell the controller at once while it waits for that."""
        self.offset = message.offset
        was_fenced, self.fenced = self.fenced, message.fenced
        if self.fenced and was_fenced and self.broker_epoch >= 0:
            self.beat(_Beat())

    @receives(_Beat)
    def beat(self, message: _Beat) -> None:
        """Send a heartbeat."""
        if self.in_flight:
            return
        if self.timer is not None:
            self.timer.cancel()
        self.in_flight = True
        request = BrokerHeartbeatRequest(
            broker_id=self.node.node_id,
            broker_epoch=self.broker_epoch,
            current_metadata_offset=self.offset,
            want_fence=self.stands_aside,
            want_shut_down=self.leaving is not None,
        )
        session_ms = self.node.config.integer("broker.session.timeout.ms")
        self.controller.send(request, self.beaten, self.offset, timeout_ms=session_ms / 2)

    def beaten(self, outcome: BrokerHeartbeatResponse | Exception, told_offset: int) -> None:
        """Handle the outcome of a heartbeat."""
        self.in_flight = False
        answer = outcome if self.controller.is_answered(outcome) else None
        if answer is not None and answer.error_code:
            if self.leaving is not None:
                self._left()
                return
            self.broker_epoch = -1
            self.register(_Register())
            return
        if self.leaving is not None and (answer is None or answer.should_shut_down):
            self._left()
            return
        wait_ms = self.node.config.integer("broker.heartbeat.interval.ms")
        if answer is None:
            wait_ms = self.controller.retry_ms()
        elif (answer.is_fenced and not self.stands_aside) or self.leaving is not None:
            wait_ms = 0 if self.offset > told_offset else FENCED_BEAT_MS
        self.timer = self.after(wait_ms, _Beat())

    @receives(_AskAgain)
    def ask_again(self, message: _AskAgain) -> None:
        """Retry at once, as a controller is known now."""
        if self.broker_epoch >= 0:
            self.beat(_Beat())
        else:
            self.register(_Register())

    @receives(StandAside)
    def stand_aside(self, message: StandAside) -> None:
        """Tell the controller at once to fence the node, or to unfence it."""
        self.stands_aside = message.wanted
        if self.broker_epoch >= 0:
            self.beat(_Beat())

    @receives(LeaveCluster)
    def leave(self, message: LeaveCluster) -> None:
        """Leave the cluster in a controlled shutdown: the controller moves leaderships away first."""
        self.leaving = self.defer()
        if self.broker_epoch < 0:
            self._left()
        else:
            self.beat(_Beat())

    def _left(self) -> None:
        leaving, self.leaving = self.leaving, None
        if self.timer is not None:
            self.timer.cancel()
        assert leaving is not None, "the node is to leave"
        leaving.set(None)
