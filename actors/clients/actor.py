"""The actor behind every client: its links to brokers, what it knows of the cluster, and its coroutines.

What all clients need of the cluster is here, as coroutines to be called with ``yield from``: the leader of a partition,
the coordinator of a group, a broker that answers. ``metadata`` keeps the metadata fresh. They run until they succeed,
or until the coroutine that called them is cancelled, as a deadline does. Between attempts they wait as KIP-580 says.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeVar

from actors.clients.coroutine import SendTo, Wait
from actors.clients.metadata import HOPELESS, Metadata
from actors.clients.versions import CLIENT_VERSIONS
from actors.network.link import Disconnected, Misrouted
from actors.runtime import Actor, Timer, receives
from actors.runtime.coroutine import Eventually, Pause, Task
from kstore.errors import KafkaError, for_code
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.keywords.table import ClientConfig
    from actors.clients.transport import ClientLink, Transport
    from actors.clients.view import BrokerAddress, View
    from actors.runtime import Alarm, Node
    from kstore.schema.struct import Message

T = TypeVar("T")
GROUP, TRANSACTION = 0, 1  # FindCoordinator's key types
JITTER = 0.2


class FreshenView(NamedTuple):
    """To itself: what it knows of the cluster is ``metadata_max_age_ms`` old."""


class AlarmRang(NamedTuple):
    """To itself: a time has come."""

    action: Callable[[], None]


class Result:
    """How a user's call ends: with a value or an error; ``over`` says whether it has ended."""

    __slots__ = ("cancelled", "coroutine", "error", "over", "value")

    def __init__(self) -> None:
        self.over = False
        self.cancelled = False
        self.value: Any = None
        self.error: KafkaError | None = None
        self.coroutine: Task | None = None

    def done(self, value: object, error: KafkaError | None) -> None:
        """The coroutine has ended so."""
        self.value, self.error, self.over = value, error, True

    def cancel(self) -> None:
        """Nobody waits any longer."""
        self.cancelled = True
        if self.coroutine is not None:
            self.coroutine.cancel()


class Called(NamedTuple):
    """To a client's actor: a user's call that is a coroutine, and where its result goes."""

    coroutine: Callable[..., Eventually[object]]
    args: tuple[object, ...]
    result: Result


class ClientActor(Actor):
    """A client of a cluster; subclasses add what it does. ``config`` has the keywords that all clients share.

    ``links`` are kept by purpose and broker. ``unreached`` has the error of each broker that couldn't be reached and
    hasn't answered since.
    """

    failure_scope = "a client; its user is told"

    def __init__(self, node: Node, name: str, transport: Transport, config: ClientConfig) -> None:
        super().__init__(node, name)
        self.transport = transport
        self.config = config
        self.links: dict[tuple[str, BrokerAddress], ClientLink] = {}
        self.bootstrap = {address.id: address for address in transport.bootstrap()}
        self.coordinators: dict[tuple[int, str], int] = {}
        self.unreached: dict[int, str] = {}
        self._failing: dict[int, int] = {}  # broker that hasn't answered since: when it failed, us
        self.metadata = Metadata(self.any_node, self.backoff, self._view_changed, self.keep_fresh)
        self.metadata_offset = transport.metadata_offset()
        self._freshen: Timer | None = None
        self._refreshes_soon = False

    @property
    def view(self) -> View:
        """What it knows of the cluster."""
        return self.metadata.view

    @property
    def last_failure(self) -> str:
        """Why a broker couldn't be reached: the last such error of a broker that hasn't answered since."""
        return next(reversed(self.unreached.values()), "")

    @receives(Called)
    def called(self, message: Called) -> None:
        """Begin what the user's call is made of."""
        result = message.result
        if not result.cancelled:
            result.coroutine = self.begin(message.coroutine(*message.args), result.done)

    def begin(
        self, coroutine: Eventually[T], done: Callable[[T | None, KafkaError | None], object] | None = None
    ) -> Task:
        """Begin a coroutine of the actor's own, or of a user's call. Its error is as in ``fail`` if ``done``
        isn't given.
        """
        task = self.task(coroutine, done or self._coroutine_over)
        task.step()
        return task

    def task(self, coroutine: Eventually[T], done: Callable[[T | None, KafkaError | None], object]) -> Task:
        """A coroutine that hasn't begun."""
        return Task(self, coroutine, lambda value: done(value, None), lambda error: done(None, error), KafkaError)

    def _coroutine_over(self, value: object, error: KafkaError | None) -> None:
        if error is not None:
            self.fail(error)

    def fail(self, error: KafkaError) -> None:
        """Handle an error of something that isn't a user's call: a defect, unless a subclass tells its user."""
        raise AssertionError(f"{self.actor_urn}: nobody expected {error!r}") from error

    def ask_for(self, asked: object, then: Callable[..., None], *args: object) -> None:
        """As ``Actor.ask_for``, for ``SendTo`` and ``Wait``."""
        if isinstance(asked, SendTo):
            self.send_to(
                asked.node_id,
                asked.request,
                then,
                *args,
                timeout_ms=asked.timeout_ms,
                purpose=asked.purpose,
                versions=asked.versions,
            )
        elif isinstance(asked, Wait):
            asked.gate.add(self.reply_here(then, *args).set)
        else:
            super().ask_for(asked, then, *args)

    def alarm_for(self, action: Callable[[], None]) -> Alarm:
        """An alarm that has ``action()`` called in a turn of this actor; its times are in microseconds."""
        return self.alarm(AlarmRang(action), tick_us=1)

    @receives(AlarmRang)
    def alarm_rang(self, message: AlarmRang) -> None:
        """Do what the time has come for."""
        message.action()

    def backoff(self, attempt: int) -> Pause:
        """How long to wait before trying again: doubling from ``retry_backoff_ms`` on, a fifth more or less so that not
        all clients come back at once, and never more than ``retry_backoff_max_ms`` (KIP-580, Java's
        ``ExponentialBackoff``). ``attempt`` counts from 0.
        """
        most_ms = self.config.retry_backoff_max_ms
        base_ms = min(self.config.retry_backoff_ms * 2 ** min(attempt, 30), most_ms)
        return Pause(min(base_ms * self.random.uniform(1 - JITTER, 1 + JITTER), most_ms))

    def send_to(
        self,
        node_id: int,
        request: Message,
        then: Callable[..., None],
        *args: object,
        timeout_ms: float | None = None,
        purpose: str = "",
        versions: tuple[int, int] | None = None,
    ) -> None:
        """As ``SendTo``; ``then(outcome, *args)`` gets the response or a ``KafkaError`` instance."""
        address = self.view.brokers.get(node_id)
        if address is None:
            purpose, address = "", self.bootstrap.get(node_id)
        if address is None:
            reply = self.reply_here(self._answered, node_id, then, args)
            reply.fail(Disconnected(f"broker {node_id} isn't known"))
            return
        key = purpose, address
        link = self.links.get(key)
        if link is None:
            link = self.links[key] = self.transport.link(address, self.config, self.cluster_id)
        if purpose:
            reply = self.reply_here(self._answered_for, key, link, then, args)
        else:
            reply = self.reply_here(self._answered, node_id, then, args)
        versions = versions or CLIENT_VERSIONS[request.API_KEY]
        link.ask(request, versions, reply, timeout_ms or self.config.request_timeout_ms)

    def _answered_for(
        self,
        outcome: object,
        key: tuple[str, BrokerAddress],
        link: ClientLink,
        then: Callable[..., None],
        args: tuple[object, ...],
    ) -> None:
        if self.links.get(key) is link:
            self._answered(outcome, key[1].id, then, args)
        else:
            then(outcome, *args)  # it was hung up: that says nothing of the broker

    def _answered(self, outcome: object, node_id: int, then: Callable[..., None], args: tuple[object, ...]) -> None:
        if isinstance(outcome, Misrouted):
            self.begin_anew()
        if isinstance(outcome, Disconnected):
            self.unreached.pop(node_id, None)
            self.unreached[node_id] = outcome.message
            self._failing[node_id] = self.now_us()
            self.broker_lost(node_id)
        elif self.unreached:
            self.unreached.pop(node_id, None)
            self._failing.pop(node_id, None)
        then(outcome, *args)

    def hang_up(self, purpose: str, node_id: int | None = None) -> None:
        """Close the links for a purpose, to all brokers or to one; requests under way there end."""
        for key in [each for each in self.links if each[0] == purpose and node_id in (None, each[1].id)]:
            self.links.pop(key).close()

    def cluster_id(self) -> str | None:
        """The id of the cluster, once it is known."""
        return self.view.cluster_id

    def begin_anew(self) -> None:
        """Forget the brokers, as they have moved: the bootstrap servers are asked next."""
        self.note("BootstrappedAnew")
        self._failing.clear()
        self.metadata.take(self.view._replace(brokers={}, controller_id=-1, cluster_id=None), ())
        for key in [each for each in self.links if each[1].id >= 0]:
            self.links.pop(key).close()

    def broker_lost(self, node_id: int) -> None:
        """Note that a broker couldn't be reached, or its link broke: what it coordinated may have moved."""
        for key in [key for key, at in self.coordinators.items() if at == node_id]:
            del self.coordinators[key]

    def on_failure(self, *_: object) -> None:
        """Close the client's connections: it can't be used any more."""
        for link in self.links.values():
            link.close()

    def on_stop(self) -> None:
        """Close every link, and wait for nothing."""
        if self._freshen is not None:
            self._freshen.cancel()
            self._freshen = None
        for _, link in sorted(self.links.items(), key=lambda each: not each[0][0]):  # those for a purpose first
            link.close()

    def any_node(self) -> int:
        """A broker to ask, drawn from those that have answered since they last failed. If there is none: the broker or
        bootstrap server that failed first (KIP-899).
        """
        known = list(self.view.brokers) or list(self.bootstrap)
        willing = [each for each in known if each not in self._failing]
        if willing:
            return int(self.random.choice(willing))
        return min([*known, *self.bootstrap], key=lambda each: self._failing.get(each, 0))

    def _view_changed(self, old: View, new: View, changed: Collection[str] | None) -> None:
        if new.brokers != old.brokers:
            moved = [key for key in self.links if key[1].id >= 0 and new.brokers.get(key[1].id) not in (None, key[1])]
            for key in moved:
                self.links.pop(key).close()
        if self._freshen is None:
            self.keep_fresh()
        self.on_view(old, new, changed)

    def on_view(self, old: View, new: View, changed: Collection[str] | None) -> None:
        """Handle a changed view of the cluster; subclasses look for what matters to them."""

    def keep_fresh(self) -> None:
        """Note that all topics of interest were answered: ask again after ``metadata_max_age_ms``."""
        if self._freshen is not None:
            self._freshen.cancel()
        self._freshen = self.after(self.config.metadata_max_age_ms, FreshenView())

    @receives(FreshenView)
    def freshen_view(self, message: FreshenView) -> None:
        """Ask anew, as nobody has for so long."""
        self._freshen = None
        self.forget_unused()
        self.begin(self.metadata.refresh())

    def refresh_soon(self) -> None:
        """Ask for metadata after a backoff, unless that is under way."""
        if not self._refreshes_soon:
            self._refreshes_soon = True
            self.begin(self._refresh_after_backoff())

    def _refresh_after_backoff(self) -> Eventually[None]:
        yield self.backoff(0)
        self._refreshes_soon = False
        yield from self.metadata.refresh()

    def check_metadata_offset(self) -> None:
        """Ask for metadata if it can be seen that it has changed (``Transport.metadata_offset``)."""
        offset = self.transport.metadata_offset()
        if offset != self.metadata_offset:
            self.metadata_offset = offset
            self.begin(self.metadata.refresh())

    def forget_unused(self) -> None:
        """Forget topics that haven't been used for long; subclasses know which."""

    def mistrust_view(self) -> None:
        """Ask for metadata again, unless that is under way already: something in the view was wrong."""
        if not self.metadata.wholes_wanted:
            self.begin(self.metadata.refresh())

    def leader(self, topic: str, partition: int) -> Eventually[int]:
        """The broker that leads a partition; asks until there is one. Raises the topic's error unless that is
        transient.
        """
        attempt = 0
        while True:
            found = self.view.partition(topic, partition)
            if found is not None and found.leader >= 0:
                return found.leader
            if attempt:
                yield self.backoff(attempt - 1)
            view = yield from self.metadata.learn([topic])
            known = view.topics.get(topic)
            if known is not None and known.error_code and not for_code(known.error_code).retriable:
                raise for_code(known.error_code, topic)
            attempt += 1

    def coordinator(self, name: str, kind: int = GROUP) -> Eventually[int]:
        """The broker that coordinates a group or a transactional id; asks until there is one. Raises an error that
        isn't transient.
        """
        attempt = 0
        while True:
            known = self.coordinators.get((kind, name))
            if known is not None:
                return known
            if attempt:
                yield self.backoff(attempt - 1)
            yield from self._find_coordinator(name, kind)
            attempt += 1

    def _find_coordinator(self, name: str, kind: int) -> Eventually[None]:
        from kstore.schema.messages.find_coordinator import FindCoordinatorRequest

        answer = yield SendTo(self.any_node(), FindCoordinatorRequest(coordinator_keys=[name], key_type=kind))
        if isinstance(answer, KafkaError):
            if isinstance(answer, HOPELESS):
                raise answer
            return
        found = answer.coordinators[0]
        if found.error_code == 0:
            if found.node_id not in self.view.brokers:
                yield from self.metadata.refresh()
            self.coordinators[kind, name] = found.node_id
        elif not (error := for_code(found.error_code, found.error_message)).retriable:
            raise error

    def forget_coordinator(self, name: str, kind: int = GROUP) -> None:
        """Forget a coordinator that has moved, or may have; it is looked up when it is needed."""
        self.coordinators.pop((kind, name), None)

    def controller(self) -> Eventually[int]:
        """The broker to send administrative requests to. Any broker passes them on; this is the one that metadata
        names.
        """
        view = self.view if self.view.version else (yield from self.metadata.refresh())
        return view.controller_id if view.controller_id in view.brokers else self.any_node()
