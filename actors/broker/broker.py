"""The broker: boots a node's actors and keeps them in step with the cluster image.

It isn't part of the data path. When the metadata log changes it publishes a new ``View``, starts or stops replicas,
sends them their roles, and starts or stops the coordinators whose partitions are led here. A clean stop ends the parts
in reverse order, and marks the folder clean last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from actors.broker import registry
from actors.broker.coordinators import Coordinators
from actors.broker.lifecycle import Lifecycle, MetadataReached, Registered, StandAside
from actors.broker.network_access import (
    PeerLost,
    attach_to_network,
    start_answering_clients,
    stop_accepting_connections,
)
from actors.broker.replicas import Replicas
from actors.broker.supervision import RestartActor, Supervision
from actors.config.resource_type import ResourceType
from actors.controller.controller import Controller
from actors.controller.messages import CloseMetadataLog, ImageAdvanced, MetadataHalted, NodeLost
from actors.controller.observer import Observer
from actors.image.image import ClusterImage, Endpoint, ImageDelta
from actors.node.folder import Folder
from actors.node.messages import CheckFiles
from actors.node.topic_descriptions import TopicDescriptions
from actors.node.view import View
from actors.partition.fetch.service import FetchService
from actors.partition.to_controller.producer_ids import ProducerIds
from actors.runtime import Actor, receives
from actors.runtime.failures import Failed
from actors.runtime.logs import logger
from kstore.named import NamedTuple

if TYPE_CHECKING:
    from actors.node.node import BrokerNode
    from actors.runtime import Ref, Reply

for _key in registry.NEEDED_BY_ALL:
    registry.handler(_key)


class Change(NamedTuple):
    """A change for the broker to apply: a newer image (None: the current one), and the reply to answer when
    it is done.
    """

    image: ClusterImage | None
    delta: ImageDelta
    reply: Reply | None


OVER = object()


class StopNode(NamedTuple):
    """Stop the node cleanly; answered when its folder is marked clean."""


class CheckRetention(NamedTuple):
    """To itself: ``log.retention.check.interval.ms`` is over."""


class FolderGone(NamedTuple):
    """To itself: the node's folder doesn't exist any more."""


class Broker(Actor):
    """The one broker actor of a node, which ends with it."""

    node: BrokerNode

    def __init__(self, node: BrokerNode, folder: Folder, cluster_id: str, endpoints: list[Endpoint]) -> None:
        super().__init__(node, "broker")
        self.folder = folder
        self.cluster_id = cluster_id
        self.endpoints = endpoints
        self.coordinators = Coordinators(self)
        self.static_config = node.config
        self.controller: Ref | None = None
        self.metadata: Ref
        self.lifecycle: Ref
        self.replicas: Replicas
        self.changes: deque[Change] = deque()  # the first is being applied
        self.stopping: Reply | None = None
        self.joined = False  # the image has this incarnation of the node, no longer an earlier one
        self.incarnation = self.uuid()
        self.supervision = Supervision(self)
        node.supervisor = self.ref
        self.was_unfenced = False  # since this incarnation joined: from then on clients are served
        node.view = View(ClusterImage(cluster_id=cluster_id), node.config)

    def on_start(self) -> None:
        """Start the node: the actors that replicas need, then the metadata log, then the registration in
        the cluster.
        """
        node, folder = self.node, self.folder
        folder.on_gone = partial(self.actor_ref.tell, FolderGone())
        self.replicas = Replicas(self, folder)
        self._make_metadata()
        self._make_lifecycle()
        self._make_fetch_service()
        self._make_producer_ids()
        node.view = node.view._replace(replicas=MappingProxyType(self.replicas.refs), descriptions=TopicDescriptions())
        attach_to_network(node, self.actor_ref)
        self.after(node.config.integer("log.initial.task.delay.ms"), CheckRetention())

    def _make_metadata(self) -> None:
        """Start the controller or the observer, which replays the metadata log and publishes the whole image again."""
        again = self.node.view.metadata is not None
        if self.node.node_id in self.node.controller_channel.voters:
            self.controller = self.metadata = self.spawn(Controller, self.actor_ref, self.folder, again=again)
        else:
            self.metadata = self.spawn(Observer, self.actor_ref, self.folder)
        self.supervision.keep(self.metadata, self._make_metadata)
        if again:
            self.lifecycle.tell(StandAside(False))
        self.node.view = self.node.view._replace(controller=self.controller, metadata=self.metadata)

    def _make_lifecycle(self) -> None:
        """Start the lifecycle. After a failure the new one registers the same incarnation, which keeps its epoch and
        its leaderships.
        """
        meta = self.folder.meta
        assert meta is not None, "a folder belongs to a cluster before its node starts"
        self.lifecycle = self.spawn(
            Lifecycle,
            self.actor_ref,
            self.cluster_id,
            meta.directory_id,
            self.endpoints,
            self.incarnation,
            self.node.view.image.offset,
        )
        self.supervision.keep(self.lifecycle, self._make_lifecycle)
        self.node.view = self.node.view._replace(directory_id=meta.directory_id)

    def _make_fetch_service(self) -> None:
        """Start the fetch service. After a failure the fetch sessions are lost: clients begin new ones, as after an
        eviction.
        """
        service = self.supervision.keep(self.spawn(FetchService), self._make_fetch_service)
        self.node.view = self.node.view._replace(fetch_service=service)

    def _make_producer_ids(self) -> None:
        """Start the producer ids. After a failure the rest of the block is lost, as when a broker restarts."""
        producer_ids = self.supervision.keep(self.spawn(ProducerIds), self._make_producer_ids)
        self.node.view = self.node.view._replace(producer_ids=producer_ids)

    @receives(Failed)
    def actor_failed(self, message: Failed) -> None:
        """Handle an actor of this node that has failed."""
        self.supervision.failed(message)

    @receives(RestartActor)
    def restart_actor(self, message: RestartActor) -> None:
        """Start again what has failed more than once, as its wait is over."""
        self.supervision.restart_actor(message)

    @receives(PeerLost)
    def tell_controller(self, message: PeerLost) -> None:
        """Tell the controller, if it is here, so that it fences the dead node at once."""
        if self.controller is not None:
            self.controller.tell(NodeLost(message.node_id))

    @receives(FolderGone)
    def folder_gone(self, message: FolderGone) -> None:
        """Handle that the folder was deleted: the logs in it are offline, and are fetched again into a new one."""
        try:
            self.folder.make_anew()
        except OSError as error:
            self.note("FolderNotMade", self.folder.name, error.errno or -1)  # the checkpoints find out too, and retry
        self.replicas.check_files()
        self.metadata.tell(CheckFiles())

    @receives(CheckRetention)
    def check_retention(self, message: CheckRetention) -> None:
        """Have all logs checked for segments that are to go, and again after the interval."""
        self._check_logs(None, self.replicas.enforce_retention())

    def _check_logs(self, _: None, steps: Iterator[None]) -> None:
        if next(steps, OVER) is OVER:
            self.after(self.node.config.integer("log.retention.check.interval.ms"), CheckRetention())
        else:
            self.go_on_later(self._check_logs, steps)

    @receives(MetadataHalted)
    def metadata_halted(self, message: MetadataHalted) -> None:
        """Stop leading: a node that can't follow the metadata log must not lead."""
        self.lifecycle.tell(StandAside(message.halted))

    @receives(Registered)
    def registered(self, message: Registered) -> None:
        """Note that the node is registered, with a new epoch."""
        node = self.node
        node.view = node.view._replace(broker_epoch=message.broker_epoch)
        self._take(Change(None, ImageDelta(), None))

    @receives(ImageAdvanced)
    def image_advanced(self, message: ImageAdvanced) -> None:
        """Apply a newer image to the node's actors; answered when that is done."""
        self._take(Change(message.image, message.delta, self.defer()))

    def _take(self, change: Change) -> None:
        """Queue a change; they are applied one after the other, a large one in several turns."""
        self.changes.append(change)
        if len(self.changes) == 1:
            self._begin()

    def _begin(self) -> None:
        change = self.changes[0]
        if change.image is not None:
            self._publish(change.image, change.delta)
        image = self.node.view.image
        delta = self._joined_delta(image, change.delta)
        if delta is None:
            self._done(None)
        else:
            self._go_on(None, delta, self.replicas.follow(image, delta))

    def _go_on(self, _: None, delta: ImageDelta, steps: Iterator[None]) -> None:
        """Apply as much of the change as fits into a turn."""
        if self.stopping is not None:
            self.changes.clear()
            return
        if next(steps, OVER) is OVER:
            self._done(delta)
        else:
            self.go_on_later(self._go_on, delta, steps)

    def _done(self, delta: ImageDelta | None) -> None:
        """Finish a change, and answer its reply."""
        change = self.changes.popleft()
        image = self.node.view.image
        if delta is not None:
            if delta.removed_topics and self.node.view.descriptions is not None:
                self.node.view.descriptions.forget(tuple(topic.name for topic in delta.removed_topics))
            self.coordinators.follow(image, delta)
        if change.image is not None:
            me = image.brokers.get(self.node.node_id)
            fenced = me is None or me.fenced or me.epoch != self.node.view.broker_epoch
            if not fenced and not self.was_unfenced:
                self.was_unfenced = True
                logger("cluster").info("%s has been unfenced. Transitioning from RECOVERY to RUNNING.", self.node.name)
                start_answering_clients(self.node)
            self.lifecycle.tell(MetadataReached(image.offset, fenced, image.controller_id))
        if change.reply is not None:
            change.reply.set(None)
        if self.changes:
            self._begin()

    def _publish(self, image: ClusterImage, delta: ImageDelta) -> None:
        """Publish an image to the node's actors."""
        node = self.node
        node.controller_channel.learned(image.controller_id, image.epoch)
        if any(resource[0] == ResourceType.BROKER for resource in delta.changed_configs):
            defaults = image.config(ResourceType.BROKER, "")
            own = image.config(ResourceType.BROKER, str(node.node_id))
            node.config = self.static_config.with_dynamic(defaults, own)
        node.view = node.view._replace(image=image, config=node.config)

    def _joined_delta(self, image: ClusterImage, delta: ImageDelta) -> ImageDelta | None:
        """What replicas and coordinators must apply, once the image has this incarnation of the node: at first all of
        it. None: nothing yet.

        Before that, the image is about the incarnation that died: what it led, in epochs that this one must not lead
        in.
        """
        node = self.node
        if self.stopping is not None:
            return None
        if not self.joined:
            me = image.brokers.get(node.node_id)
            self.joined = me is not None and me.epoch == node.view.broker_epoch
            if not self.joined:
                return None
            self.replicas.sweep(image)
            delta = image.whole()
        return delta

    def replica_came(self, topic: str, number: int) -> None:
        """Go on: a replica has got its folder's place, which until now belonged to a deleted topic's replica."""
        self.coordinators.follow(self.node.view.image, ImageDelta(changed_topics={topic: frozenset((number,))}))

    @receives(StopNode)
    def stop_node(self, message: StopNode) -> None:
        """Stop, in this order: new clients, coordinators, replicas, checkpoints, the metadata log; then write the clean
        mark.
        """
        self.stopping = self.defer()
        stop_accepting_connections(self.node)
        self.coordinators.resign()
        self.replicas.stop(self.replicas_stopped)

    def replicas_stopped(self) -> None:
        """Close the metadata log, as every partition's log is closed."""
        self.request(self.metadata, CloseMetadataLog(), self._metadata_closed)

    def _metadata_closed(self, outcome: object) -> None:
        if isinstance(outcome, Exception):
            self._not_clean(outcome)
        elif self.replicas.all_closed and (
            self.joined or self.folder.clean
        ):  # else logs of a crash may not be recovered yet
            try:
                self.folder.mark_clean(self.node.view.broker_epoch)
            except OSError as error:
                self._not_clean(error)
        stopping, self.stopping = self.stopping, None
        assert stopping is not None, "the stop was asked for"
        stopping.set(None)
        self.node.kill()
        self.node.world.net.node_died(self.node)

    def _not_clean(self, error: Exception) -> None:
        what = "node %d: %s isn't marked as cleanly stopped, its logs are recovered at the next start: %s"
        logger("storage").warning(what, self.node.node_id, self.folder.name, error)
