"""The nodes of a cluster, with their world, folders and sockets: making, starting, killing and stopping them.

Three worlds: on virtual time with a ``seed``; on an event loop's thread with ``listen``, where every broker also
speaks the Kafka protocol on TCP; otherwise in real time on the calling threads. The first of the nodes is the
controller. With ``data_dir`` each node keeps a log directory of Apache Kafka's own format in ``node-N``, N being its
id, otherwise its files are in memory and outlive a kill as a disk does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

from pykka import ActorDeadError

from actors.broker.broker import Broker, StopNode
from actors.cluster.arguments import known_id
from actors.cluster.at_exit import ends_with_program, was_closed
from actors.cluster.node_recovery import NodeRecovery
from actors.cluster.reset import empty
from actors.config import BrokerConfig
from actors.controller.controller import Controller
from actors.image.image import ClusterImage, Endpoint
from actors.network.addresses import in_process
from actors.network.monkey_patching import refuse_patched
from actors.network.network import Network
from actors.node.folder import (
    Folder,
    FolderError,
    check_known,
    check_place,
    check_room,
    claim_folder,
    claim_folder_at,
    unusable,
    warn_left_out,
)
from actors.node.node import BrokerNode
from actors.runtime.driver import ForkedError, raise_crashes
from actors.runtime.future import Future, ask
from actors.runtime.signals import in_one_piece, is_interrupt, take_signals
from actors.runtime.world import World, loop_world, real_world, virtual_world
from kstore.errors.arguments import function as called
from kstore.errors.arguments import truth
from kstore.fs import MemoryFileSystem
from kstore.log.checkpoints import MetaProperties
from kstore.schema.uuids import to_string

if TYPE_CHECKING:
    from os import PathLike

    from actors.broker.request_faults import RequestFaults
    from actors.network.ports import Ports
    from actors.runtime import Ref
    from actors.runtime.failures import Failure
    from actors.trace.spool import Spool
    from kstore.fs import FileSystem

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60


class StartError(TimeoutError):
    """Not all nodes were ready in time, or the wait was given up."""


class Nodes:
    """The nodes of one cluster. ``start`` boots them; calls from outside go through the driver.

    Making, starting and closing hold signals except where they take long; what is left half done is abandoned.
    """

    closed = True  # until there is something to close

    contains_failures = True
    """Whether a defect is contained. On virtual time it isn't: it stops everything, and the run can be repeated."""

    def __init__(
        self,
        node_ids: tuple[int, ...],
        *,
        data_dir: str | None,
        listen: tuple[str, ...],
        advertise: tuple[str, ...],
        seed: int | None,
        config: Mapping[str, str] | None,
        trace_rows: int,
        trace_file: str | PathLike[str] | None,
        wire: bool,
    ) -> None:
        self.config = BrokerConfig(config, brokers=len(node_ids), listening=bool(listen))
        self.node_ids = node_ids
        self.voters = (node_ids[0],)
        self.world = self._make_world(listen, seed, trace_rows)
        self.net = Network(self.world, wire=wire)
        self.nodes: dict[int, BrokerNode] = {}
        self.broker_refs: dict[int, Ref] = {}
        self.incarnations = dict.fromkeys(self.node_ids, 0)
        self.memories: dict[int, FileSystem] = {n: MemoryFileSystem() for n in self.node_ids if data_dir is None}
        self.folders: dict[int, Folder] = {}
        self.warnings: list[str] = []  # what was wrong in the folders: repaired or lost
        self.data_dir = data_dir
        self.request_faults: RequestFaults | None = None  # set by the first fault that fails clients' requests
        self.ports: Ports | None = None
        self.started = False
        self.stops: dict[int, Future] = {}  # of nodes that are stopping
        self.spool: Spool | None = None  # what writes the trace to a file
        self.closed = False
        self.world.owner = self  # a client of this world keeps the cluster alive
        self.node_recovery = NodeRecovery(self)
        ends_with_program(self)
        try:
            if trace_file is not None:
                from actors.trace.spool import Spool

                self.spool = Spool(self.world, trace_file)
                if self.spool.kept_as:
                    self.warnings.append(f"the trace file was there already and is now called {self.spool.kept_as}")
            self._open(listen, advertise)
        except BaseException:
            self._abandon()
            raise

    def _make_world(self, listen: tuple[str, ...], seed: int | None, trace_rows: int) -> World:
        if seed is not None:
            return virtual_world(seed, trace_rows=trace_rows)
        if listen:
            refuse_patched("a cluster that listens")
        make = loop_world if listen else real_world
        return make(trace_rows=trace_rows, strict=not self.contains_failures)

    def _open(self, listen: tuple[str, ...], advertise: tuple[str, ...]) -> None:
        if listen:
            from actors.network.ports import Ports

            self.ports = Ports(self.world, listen, advertise, self.node_ids)
            self.warnings += self.ports.warnings
        try:
            found = self._claim_all()
        except FolderError:
            for folder in self.folders.values():
                folder.withdraw()
            raise
        if self.data_dir is not None:
            self._rescue(self.data_dir, found)

    def _claim_all(self) -> ClusterImage:
        """Claim the folders, and return the cluster image in them. When a check fails, they are left as they are."""
        found = ClusterImage()
        if self.data_dir is not None:
            check_place(self.data_dir, self.node_ids)
        for node_id in self.node_ids:
            self.folders[node_id] = self.claim(node_id)
            self.warnings += self.folders[node_id].warnings
            take_signals()
        self._settle_identity()
        if self.data_dir is not None:
            self.warnings += warn_left_out(self.data_dir, self.node_ids)
            from actors.broker.folder_check import check_folders  # not loaded for folders in memory: these are new

            found = check_folders(self.folders, self.voters[0])
            take_signals()
        for folder in self.folders.values():
            check_room(folder)
        return found

    def _rescue(self, data_dir: str, found: ClusterImage) -> None:
        from actors.broker.rescue import rescue

        try:
            self.warnings += rescue(self.folders, found, self.world.uuid)
        except OSError as error:
            raise unusable(data_dir, error) from None

    def claim(self, node_id: int) -> Folder:
        """Take a node's folder for this process."""
        if self.data_dir is None:
            return claim_folder(self.memories[node_id], f"node-{node_id}")
        return claim_folder_at(f"{self.data_dir}/node-{node_id}")

    def _settle_identity(self) -> None:
        """Check that the folders belong to the same cluster; if all are new, it is a new cluster."""
        check_known(self.folders)
        known = {folder.meta.cluster_id for folder in self.folders.values() if folder.meta is not None}
        cluster_id = min(known) if known else to_string(self.world.uuid())
        for node_id, folder in self.folders.items():
            folder.check_belongs(MetaProperties(cluster_id, node_id, b""))
        self.cluster_id = cluster_id

    @in_one_piece
    def start(self, *, thread: bool = True, given_up: Callable[[], object] = bool) -> Self:
        """Boot every node, if not done yet; with ``thread`` and a listener, the loop runs in a thread of its own.

        Returns itself. Raises ``StartError`` when the nodes aren't ready in time, or as soon as ``given_up()`` holds
        before they are.
        """
        threaded = truth("thread", thread)
        called("given_up", given_up)
        if self.started:
            return self
        self.started = True
        if self.ports is not None and threaded:
            self.world.driver.start()  # type: ignore[attr-defined]
        self.world.driver.call(self.boot)
        if self.ports is None or threaded:
            self._await_readiness(given_up)
        return self

    def _await_readiness(self, given_up: Callable[[], object] = bool) -> None:
        self.world.driver.drive(lambda: self.is_ready() or given_up(), START_SECONDS_MAX)
        if not self.world.driver.call(self.is_ready):
            cause = "the start was given up" if given_up() else f"not ready after {START_SECONDS_MAX} seconds"
            raise StartError(f"{cause}: {self.world.driver.call(self._late)}")

    def _late(self) -> str:
        """The nodes that aren't ready."""
        image = self.image()
        late = [str(node.node_id) for node in self.nodes.values() if not self._is_active(image, node)]
        if late:
            return f"node {', '.join(late)} not registered and unfenced yet"
        return "not every node knows all the others yet"

    def boot(self) -> None:
        """Boot every node, on the driving thread, without waiting for them."""
        for node_id in self.node_ids:
            self._boot(node_id)

    def _boot(self, node_id: int) -> None:
        self.incarnations[node_id] += 1
        folder = self.folders[node_id]
        try:
            folder.begin(MetaProperties(self.cluster_id, node_id, self.world.uuid()))
        except OSError as error:
            raise unusable(folder.name, error) from None
        life, fs = self.incarnations[node_id], folder.fs
        node = BrokerNode(self.world, node_id, life, fs=fs, config=self.config, voters=self.voters)
        node.request_faults = self.request_faults
        self.nodes[node_id] = node
        self.net.join(node)
        try:
            inside = [Endpoint("PLAINTEXT", *in_process(node_id))]
            endpoints = inside if self.ports is None else self.ports.open(node)
            self.broker_refs[node_id] = Broker.start(node, folder, self.cluster_id, endpoints)
        except BaseException:
            self.end(node)
            raise

    def image(self, node_id: int | None = None) -> ClusterImage:
        """The cluster image of a node; by default the newest one, the controller's if no broker lives."""
        if node_id is not None:
            return self.nodes[known_id(self.node_ids, "node_id", node_id)].view.image
        known = [self.image(node.node_id) for node in self.living()]
        if not known and (controller := self.controller_ref()) is not None:
            return controller.actor_as(Controller).machine.image
        return max(known, key=lambda image: image.offset, default=ClusterImage())

    def living(self) -> list[BrokerNode]:
        """The nodes whose brokers live."""
        return [node for node in self.nodes.values() if node.alive and not node.controller_alone]

    def controller_ref(self) -> Ref | None:
        """The controller's ref, if its node lives."""
        return next((n.view.controller for n in self.nodes.values() if n.alive and n.view.controller), None)

    def is_ready(self) -> bool:
        """Whether every living node knows every living broker, in its current incarnation, as unfenced."""
        living = self.living()
        return all(self._is_active(node.view.image, other) for node in living for other in living)

    @staticmethod
    def _is_active(image: ClusterImage, node: BrokerNode) -> bool:
        broker = image.brokers.get(node.node_id)
        return broker is not None and broker.active and broker.epoch == node.view.broker_epoch

    def as_fault(self, kind: str, about: str, action: Callable[[], None]) -> None:
        """Do something as a fault: the trace has it as the cause of its consequences."""
        queue = self.world.queue
        queue.enter(0, kind, 0, about)
        try:
            action()
        finally:
            queue.leave()

    def kill_node(self, node_id: int) -> None:
        """End a node at once, as a killed process ends: nothing is flushed, its links and sockets break."""
        self.world.driver.call(self._kill_node, known_id(self.node_ids, "node_id", node_id))

    def _kill_node(self, node_id: int) -> None:
        node = self.nodes[node_id]
        if node.alive:
            self.as_fault("NodeKilled", node.name, partial(self.end, node))

    def end(self, node: BrokerNode) -> None:
        """End a living node, as the driving thread."""
        node.kill()
        self.leave(node)
        self.net.node_died(node)

    def leave(self, node: BrokerNode) -> None:
        """Clean up after a dead node: its sockets break, and its folder is released."""
        if self.ports is not None:
            self.ports.close(node.node_id, abruptly=True)
        self.folders[node.node_id].release()

    def restart_node(self, node_id: int) -> None:
        """Bring a dead node back on the folder that it left."""
        self.world.driver.call(self._restart_node, known_id(self.node_ids, "node_id", node_id))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Defects of kstore itself that were met and contained, the latest ``KEPT`` of them: each says where it was
        met, what it ended, and has the error and its traceback.
        """
        return tuple(self.world.failures.kept)

    def _restart_node(self, node_id: int) -> None:
        if self.nodes[node_id].alive:
            raise ValueError(f"node {node_id} is alive")
        self.as_fault("NodeRestarted", f"broker-{node_id}", partial(self.boot_again, node_id))

    def boot_again(self, node_id: int) -> None:
        """Claim the folder of a dead node and boot it; if that fails, the folder is released."""
        self.folders[node_id] = self.claim(node_id)
        try:
            self._boot(node_id)
        except BaseException:
            self.folders[node_id].release()
            raise

    def reset(self) -> None:
        """Empty every node's folder and boot the nodes anew; ready when it returns."""
        self.world.driver.call(self.as_fault, "ClusterReset", "", partial(empty, self))
        self._await_readiness()

    @in_one_piece
    def close(self) -> None:
        """Stop every node cleanly: sockets first, then brokers, the controller's node last; does nothing if closed.

        Raises ``NodeCrashed`` after a defect: then nothing is stopped cleanly, and no folder marked clean. In a forked
        child it does nothing: the cluster is the parent's. If a signal handler raises meanwhile, the cluster stays half
        stopped; another ``close``, or the end of the program, goes on.
        """
        if self.closed:
            return
        try:
            self.world.driver.call(self._calm_down)
        except ForkedError:
            self.closed = True
            return
        try:
            if not self.world.crashes:
                self._stop_nodes()
        except BaseException as error:
            if not is_interrupt(error):
                self._end()
            raise
        self._end()
        raise_crashes(self.world)

    def _calm_down(self) -> None:
        """Undo the faults that would prevent a clean stop."""
        self.request_faults = None
        for node in self.nodes.values():
            node.resume()
        self.net.heal()

    def _stop_nodes(self) -> None:
        if self.ports is not None:
            self.world.driver.call(self.ports.stop_accepting)
        for node in sorted(self.living(), key=lambda node: (node.node_id in self.voters, -node.node_id)):
            if node.node_id not in self.stops:
                self.stops[node.node_id] = ask(self.world, self.broker_refs[node.node_id], StopNode())
            with suppress(ActorDeadError):  # its broker failed while it stopped: ``failures`` has it
                self.stops[node.node_id].get(timeout=STOP_SECONDS_MAX)

    def _end(self) -> None:
        """Do the last step of a clean stop."""
        self._abandon()

    @in_one_piece
    def _abandon(self) -> None:
        """Release everything outside the world."""
        self.closed = True
        was_closed(self)
        for node in list(self.net.nodes.values()):
            if node.alive:
                node.kill()
        if self.ports is not None:
            self.ports.close_all()
        self.world.finish_work()
        try:
            self.world.driver.close()
        finally:  # even if a signal ends the wait for a callback
            if self.spool is not None:
                self.spool.close()
            for folder in self.folders.values():
                folder.release()
