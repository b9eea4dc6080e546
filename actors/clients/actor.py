"""The actor behind every client: its links to brokers, what it knows of the cluster, and its conversations.

What all clients need of the cluster is here as talks, to be used with ``yield from``: fresh metadata, the leader of a
partition, the coordinator of a group, a broker that answers. They go on until they succeed or the conversation they are
part of is cancelled, which is how a deadline ends them; between attempts they wait as long as KIP-580 has clients wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, TypeVar

from actors.clients.metadata import HOPELESS, MetadataRequests
from actors.clients.talk import Talk, To, Wait
from actors.clients.versions import CLIENT_VERSIONS
from actors.clients.view import BrokerAddress, View
from actors.network.link import Disconnected, Misrouted
from actors.runtime import Actor, Timer, receives
from actors.runtime.conversation import Pause, Task
from kstore.errors import KafkaError, for_code
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.clients.home import ClientLink, Home
    from actors.clients.keywords.config import ClientConfig
    from actors.runtime import Node
    from kstore.schema.struct import Message

T = TypeVar("T")
GROUP = 0  # FindCoordinator's key type
JITTER = 0.2


class FreshenView(NamedTuple):
    """To itself: what it knows of the cluster is ``metadata_max_age_ms`` old."""


class ClientActor(Actor):
    """A client of a cluster. Subclasses add what it does; ``config`` has the keywords that all clients share."""

    blast_radius = "a client; its user is told"
    creates_topics = False
    """Whether asking for a topic's metadata may create it, where the broker allows that."""

    def __init__(self, node: Node, name: str, home: Home, config: ClientConfig) -> None:
        super().__init__(node, name)
        self.home = home
        self.config = config
        self.view = View()
        self.links: dict[BrokerAddress, ClientLink] = {}
        self.bootstrap = {address.id: address for address in home.bootstrap()}
        self.interest: dict[str, None] = {}  # topics whose metadata is kept fresh; in order
        self.all_topics = False
        self.coordinators: dict[str, int] = {}
        self._failing: dict[int, int] = {}  # broker that hasn't answered since: when it failed, us
        self.metadata = MetadataRequests(self)
        self._freshen: Timer | None = None

    def begin(self, talk: Talk[T], done: Callable[[T | None, KafkaError | None], object] | None = None) -> Task:
        """Begin a conversation of the actor's own, or of a user's call; ``talk_failed`` gets its error if ``done``
        isn't given."""
        task = self.task(talk, done or self._talk_over)
        task.step()
        return task

    def task(self, talk: Talk[T], done: Callable[[T | None, KafkaError | None], object]) -> Task:
        """A conversation that hasn't begun."""
        return Task(self, talk, lambda value: done(value, None), lambda error: done(None, error), KafkaError)

    def _talk_over(self, value: object, error: KafkaError | None) -> None:
        if error is not None:
            self.talk_failed(error)

    def talk_failed(self, error: KafkaError) -> None:
        """A conversation of the actor's own ended with an error; a defect unless a subclass expects some."""
        raise AssertionError(f"{self.actor_urn}: nobody expected {error!r}") from error

    def ask_for(self, asked: object, then: Callable[..., None], *args: object) -> None:
        """As ``Actor.ask_for``, for ``To`` and ``Wait``."""
        if isinstance(asked, To):
            self.send_to(asked.node_id, asked.request, then, *args, timeout_ms=asked.timeout_ms)
        elif isinstance(asked, Wait):
            asked.gate.add(self.reply_here(then, *args).set)
        else:
            super().ask_for(asked, then, *args)

    def backoff(self, attempt: int) -> Pause:
        """How long to wait before trying again: doubling from ``retry_backoff_ms`` on, a fifth more or less so that not
        all clients come back at once, and never more than ``retry_backoff_max_ms`` (KIP-580, Java's
        ``ExponentialBackoff``). ``attempt`` counts from 0."""
        most_ms = self.config.retry_backoff_max_ms
        base_ms = min(self.config.retry_backoff_ms * 2 ** min(attempt, 30), most_ms)
        return Pause(min(base_ms * self.random.uniform(1 - JITTER, 1 + JITTER), most_ms))

    def send_to(
        self, node_id: int, request: Message, then: Callable[..., None], *args: object, timeout_ms: float | None = None
    ) -> None:
        """Send a request to a broker; ``then(outcome, *args)`` gets its response or a ``KafkaError`` instance."""
        link = self.link_to(node_id)
        reply = self.reply_here(self._answered, node_id, then, args)
        if link is None:
            reply.fail(Disconnected(f"broker {node_id} isn't known"))
        else:
            link.ask(request, CLIENT_VERSIONS[request.API_KEY], reply, timeout_ms or self.config.request_timeout_ms)

    def _answered(self, outcome: object, node_id: int, then: Callable[..., None], args: tuple[object, ...]) -> None:
        if isinstance(outcome, Misrouted):
            self.begin_anew()
        if isinstance(outcome, Disconnected):
            self._failing[node_id] = self.now_us()
            self.broker_lost(node_id)
        elif self._failing:
            self._failing.pop(node_id, None)
        then(outcome, *args)

    def cluster_id(self) -> str | None:
        """The id of the cluster, once it is known."""
        return self.view.cluster_id

    def begin_anew(self) -> None:
        """Forget the brokers, which aren't where they were: the bootstrap servers are asked next."""
        self.note("BootstrappedAnew")
        self._failing.clear()
        self.take_view(self.view._replace(brokers={}, controller_id=-1, cluster_id=None), ())
        for address in [each for each in self.links if each.id >= 0]:
            self.links.pop(address).close()

    def broker_lost(self, node_id: int) -> None:
        """A broker could not be reached, or its link broke: what it coordinated may be elsewhere."""
        for group in [group for group, at in self.coordinators.items() if at == node_id]:
            del self.coordinators[group]

    def link_to(self, node_id: int) -> ClientLink | None:
        """The link to a broker, made when it is first asked for; None for one that isn't known."""
        address = self.view.brokers.get(node_id) or self.bootstrap.get(node_id)
        if address is None:
            return None
        link = self.links.get(address)
        if link is None:
            link = self.links[address] = self.home.link(address, self.config, self.cluster_id)
        return link

    def on_failure(self, *_: object) -> None:
        """The client is of no more use: its connections are closed."""
        for link in self.links.values():
            link.close()

    def on_stop(self) -> None:
        """Close every link, and wait for nothing."""
        if self._freshen is not None:
            self._freshen.cancel()
            self._freshen = None
        for link in self.links.values():
            link.close()

    def any_node(self) -> int:
        """A broker to ask: drawn from those that have answered since they failed. If nobody has, the one that failed
        first, bootstrap servers among them, so as to begin anew (KIP-899)."""
        known = list(self.view.brokers) or list(self.bootstrap)
        willing = [each for each in known if each not in self._failing]
        if willing:
            return int(self.random.choice(willing))
        return min([*known, *self.bootstrap], key=lambda each: self._failing.get(each, 0))

    def refresh(self, names: Iterable[str] | None = ()) -> Talk[View]:
        """Ask for metadata of topics, beside those that are of interest; None: of all topics."""
        return self.metadata.refresh(None if names is None else list(names))

    def learn(self, names: Iterable[str]) -> Talk[View]:
        """Ask for metadata of these topics alone; what else is known stays."""
        return self.metadata.learn(names)

    def take_view(self, view: View, changed: Collection[str] | None = None) -> None:
        """Know more of the cluster than before: of the topics that ``changed`` names, of any if it is None."""
        old, self.view = self.view, view
        if view.brokers != old.brokers:
            moved = [each for each in self.links if each.id >= 0 and view.brokers.get(each.id) not in (None, each)]
            for address in moved:
                self.links.pop(address).close()
        if self._freshen is None:
            self.keep_fresh()
        self.on_view(old, view, changed)

    def on_view(self, old: View, new: View, changed: Collection[str] | None) -> None:
        """What it knows of the cluster has changed; subclasses look for what matters to them."""

    def keep_fresh(self) -> None:
        """All of interest was heard of: ask anew when that is ``metadata_max_age_ms`` old."""
        if self._freshen is not None:
            self._freshen.cancel()
        self._freshen = self.after(self.config.metadata_max_age_ms, FreshenView())

    @receives(FreshenView)
    def freshen_view(self, message: FreshenView) -> None:
        """Ask anew, as nobody has for so long."""
        self._freshen = None
        self.forget_unused()
        self.begin(self.refresh())

    def forget_unused(self) -> None:
        """Lose interest in topics that nobody has used for long; subclasses know which."""

    def mistrust_view(self) -> None:
        """Something that was known turned out wrong: ask anew, unless somebody does already."""
        if not self.metadata.wholes_wanted:
            self.begin(self.refresh())

    def leader(self, topic: str, partition: int) -> Talk[int]:
        """The broker that leads a partition; asks until there is one. Raises the topic's error if it isn't one that
        passes."""
        attempt = 0
        while True:
            found = self.view.partition(topic, partition)
            if found is not None and found.leader >= 0:
                return found.leader
            if attempt:
                yield self.backoff(attempt - 1)
            view = yield from self.learn([topic])
            known = view.topics.get(topic)
            if known is not None and known.error_code and not for_code(known.error_code).retriable:
                raise for_code(known.error_code, topic)
            attempt += 1

    def coordinator(self, group: str) -> Talk[int]:
        """The broker that coordinates a group; asks until there is one. Raises the error of a group that has none."""
        attempt = 0
        while True:
            known = self.coordinators.get(group)
            if known is not None:
                return known
            if attempt:
                yield self.backoff(attempt - 1)
            yield from self._find_coordinator(group)
            attempt += 1

    def _find_coordinator(self, group: str) -> Talk[None]:
        from kstore.schema.messages.find_coordinator import FindCoordinatorRequest

        answer = yield To(self.any_node(), FindCoordinatorRequest(coordinator_keys=[group], key_type=GROUP))
        if isinstance(answer, KafkaError):
            if isinstance(answer, HOPELESS):
                raise answer
            return
        found = answer.coordinators[0]
        if found.error_code == 0:
            if found.node_id not in self.view.brokers:
                yield from self.refresh()
            self.coordinators[group] = found.node_id
        elif not (error := for_code(found.error_code, found.error_message)).retriable:
            raise error

    def forget_coordinator(self, group: str) -> None:
        """It has moved, or nobody knows: ask anew when it is needed."""
        self.coordinators.pop(group, None)

    def controller(self) -> Talk[int]:
        """The broker to send administration to: any that answers passes it on, so the one that metadata names."""
        view = self.view if self.view.version else (yield from self.refresh())
        return view.controller_id if view.controller_id in view.brokers else self.any_node()
