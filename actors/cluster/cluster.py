"""A cluster of brokers, as its user has it: ready when made, stopped in order when its ``with`` block ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar
from weakref import ref

from actors.cluster import looking
from actors.cluster.arguments import as_text, check_shape, refuse_unknown
from actors.cluster.brokers import ClusterBrokers
from actors.cluster.faults import Faults
from actors.cluster.frozen import Frozen
from actors.cluster.nodes import Nodes
from actors.cluster.topics import create_topic
from actors.cluster.waiting import wait_until
from actors.runtime.rows import note_end
from actors.runtime.signals import in_one_piece, signals_held
from kstore.errors.config import ConfigError

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import Unpack

    from actors.clients.admin import Admin
    from actors.clients.consumer import Consumer
    from actors.clients.face import Face
    from actors.clients.home import ClusterHome
    from actors.clients.keywords import AdminKeywords, ConsumerKeywords, ProducerKeywords
    from actors.clients.producer import Producer
    from actors.clients.records import ConsumerRecord
    from actors.clients.structs import TopicPartition
    from actors.cluster.arguments import Settings
    from actors.runtime.hub import Spawned
    from actors.trace import Trace

T = TypeVar("T")
F = TypeVar("F", bound="Face")

TRACE_ROWS = 65536


class Cluster(Nodes):
    """Some brokers in this process, ready when the constructor returns; ``close``, or a ``with``, stops them.

    ``data_dir``: a folder with a Kafka log directory a node, or None to keep everything in memory. ``listen``:
    ``"host:port"`` of the first broker, the others follow on consecutive ports (port 0: any free ports). ``seed``: run
    on virtual time, in an order drawn from it. ``config``: Apache Kafka's broker keys. ``name``: what it is called in
    messages. ``trace_rows``: how much of the trace is kept. ``trace_file``: a ``.ktrace`` file that gets all of it; one
    that is there is renamed, one that is being written raises ``TraceFileError``.
    ``wire``: encode and decode every message between nodes.

    Raises ``ConfigError`` for a wrong key or keyword, ``FolderError`` for a folder that can't be used, ``ListenError``
    for an address that can't be had, ``StartError`` when the nodes aren't ready in a minute.

    >>> with Cluster(brokers=3) as cluster:
    ...     cluster.image().controller_id
    1
    """

    def __init__(
        self,
        brokers: int = 1,
        *,
        data_dir: str | None = None,
        listen: str | None = None,
        seed: int | None = None,
        config: Settings | None = None,
        name: str | None = None,
        trace_rows: int = TRACE_ROWS,
        trace_file: str | PathLike[str] | None = None,
        wire: bool = False,
        **unknown: Never,
    ) -> None:
        try:
            with signals_held:
                self._prepare(brokers, data_dir, listen, seed, config, name, trace_rows, trace_file, wire, unknown)
                self.start()
        except BaseException:
            if not self.closed:
                self._abandon()
            raise

    @classmethod
    @in_one_piece
    def unstarted(
        cls,
        brokers: int = 1,
        *,
        data_dir: str | None = None,
        listen: str | None = None,
        seed: int | None = None,
        config: Settings | None = None,
        name: str | None = None,
        trace_rows: int = TRACE_ROWS,
        trace_file: str | PathLike[str] | None = None,
        wire: bool = False,
        **unknown: Never,
    ) -> Self:
        """A cluster whose folders are claimed and whose ports are bound, but no node runs before ``start()``."""
        cluster = cls.__new__(cls)
        cluster._prepare(brokers, data_dir, listen, seed, config, name, trace_rows, trace_file, wire, unknown)
        return cluster

    def _prepare(
        self,
        brokers: int,
        data_dir: str | None,
        listen: str | None,
        seed: int | None,
        config: Settings | None,
        name: str | None,
        trace_rows: int,
        trace_file: str | PathLike[str] | None,
        wire: bool,
        unknown: Mapping[str, Never],
    ) -> None:
        refuse_unknown(unknown)
        check_shape(brokers, listen, seed)
        self.name = name or "cluster"
        super().__init__(
            brokers,
            data_dir=data_dir,
            listen=listen,
            seed=seed,
            config=as_text(config),
            trace_rows=trace_rows,
            trace_file=trace_file,
            wire=wire,
        )
        self.brokers = ClusterBrokers(self)
        self.faults = Faults(self)
        self._trace: Trace | None = None
        self._clients: dict[int, ref[Face]] = {}

    # -- topics and clients ---------------------------------------------------------------------------------------

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        replication_factor: int | None = None,
        config: Settings | None = None,
        *,
        timeout: float = 30,
    ) -> None:
        """Make a topic, and wait until it can be used.

        ``replication_factor`` None takes the cluster's default: the lesser of 3 and the brokers. ``config`` has Apache
        Kafka's topic keys. Raises what the controller refuses it with, such as ``TopicAlreadyExists``.
        """
        usable = create_topic(self, name, partitions, replication_factor, as_text(config), timeout)
        self.wait_for(usable, timeout)

    def producer(self, **keywords: Unpack[ProducerKeywords]) -> Producer:
        """A producer in the process: ``kstore.Producer`` with these keywords, on the cluster's own clock and links."""
        from actors.clients.producer import Producer

        return self._client("producer", lambda home: Producer(home=home, **keywords))

    def consumer(self, *topics: str, **keywords: Unpack[ConsumerKeywords]) -> Consumer:
        """A consumer in the process, subscribed to these topics: ``kstore.Consumer`` with these keywords."""
        from actors.clients.consumer import Consumer

        return self._client("consumer", lambda home: Consumer(*topics, home=home, **keywords))

    def admin(self, **keywords: Unpack[AdminKeywords]) -> Admin:
        """An admin client in the process: ``kstore.Admin`` with these keywords."""
        from actors.clients.admin import Admin

        return self._client("admin", lambda home: Admin(home=home, **keywords))

    @in_one_piece
    def _client(self, kind: str, make: Callable[[ClusterHome], F]) -> F:
        from actors.clients.errors import ClientClosed
        from actors.clients.home import ClusterHome

        home = self.world.driver.call(ClusterHome, self.net, self.node_ids, kind)
        try:
            client = make(home)
        except BaseException as error:
            if isinstance(error, AssertionError) and not home.node.alive:
                raise ClientClosed(f"the cluster was reset while this {kind} was made") from None
            home.leave()
            raise
        self._clients[home.number] = ref(client)
        return client

    @property
    def bootstrap_servers(self) -> str:
        """What a Kafka client connects to: ``host:port`` of each broker, with commas."""
        if self.ports is None:
            raise ValueError('this cluster has no listener: give it listen="127.0.0.1:0"')
        return str(self.ports.addresses_text())

    # -- looking -------------------------------------------------------------------------------------------------

    def leader(self, topic: str, partition: int = 0) -> int:
        """The id of the broker that leads a partition, -1 while there is none. Raises UnknownTopicOrPartition."""
        return self._look(looking.partition_of, topic, partition).leader

    def isr(self, topic: str, partition: int = 0) -> tuple[int, ...]:
        """The ids of a partition's in-sync replicas. Raises UnknownTopicOrPartition."""
        return self._look(looking.partition_of, topic, partition).isr

    def records(
        self, topic: str, n: int | None = None, partition: int | None = None, timeout: float = 10
    ) -> list[ConsumerRecord]:
        """What is committed in a topic, or in one partition of it, read from the leaders' logs without a consumer.

        With ``n`` it waits until there are so many, and still returns all that are there, so that one too many shows.
        In the order of timestamps; those of one partition in the order of their offsets. Raises ``TimeoutError`` after
        ``timeout`` seconds, with what was there; UnknownTopicOrPartition.
        """
        found: list[ConsumerRecord] | None = None

        def look() -> None:
            nonlocal found
            found = looking.committed_records(self, topic, partition)

        def is_there() -> bool:
            if looking.offsets_in(self, topic, partition) >= (n or 0):  # no more records than that: else why read
                look()
            return found is not None and len(found) >= (n or 0)

        if partition is not None:
            self._look(looking.partition_of, topic, partition)
        if not self.world.driver.drive(is_there, timeout):
            self.world.driver.call(look)
            what = "a partition has no leader" if found is None else f"there are {len(found)} records: {found!r}"
            wanted = f"{topic} could not be read" if n is None else f"not {n} records in {topic}"
            raise TimeoutError(f"{wanted} after {timeout:g} seconds: {what}")
        assert found is not None, "it was there"
        return found

    def committed(self, group: str, timeout: float = 10) -> dict[TopicPartition, int]:
        """The offsets that a group has committed, by partition; empty if there are none.

        Waits while the group's coordinator is loading or moves; raises ``TimeoutError`` after ``timeout`` seconds.
        """
        found: dict[TopicPartition, int] | None = None

        def is_there() -> bool:
            nonlocal found
            found = looking.committed_offsets(self, group)
            return found is not None

        if not self.world.driver.drive(is_there, timeout):
            raise TimeoutError(f"group {group} has had no coordinator for {timeout} seconds")
        assert found is not None, "it was there"
        return found

    def lag(self, group: str, timeout: float = 10) -> dict[TopicPartition, int]:
        """How many records a group hasn't committed yet, for each partition that it has committed anything of.

        Counted in offsets, up to the high watermark. A partition without a leader isn't in it.
        """
        offsets = self.committed(group, timeout)
        ends = {partition: self._look(looking.high_watermark, partition) for partition in offsets}
        return {partition: end - offsets[partition] for partition, end in ends.items() if end is not None}

    def _look(self, function: Callable[..., T], *args: Any) -> T:
        return self.world.driver.call(function, self, *args)

    @property
    def trace(self) -> Trace:
        """Questions to the flight recorder: the life of a record, why a group rebalanced, why a broker leads."""
        if self._trace is None:
            from actors.trace import Trace

            self._trace = Trace.of(self.world)
        return self._trace

    # -- emptying ------------------------------------------------------------------------------------------------

    @in_one_piece
    def reset(self) -> None:
        """Make the cluster empty, as if it had just been made: topics, groups, producers, faults, all gone.

        Every broker lives and answers when it returns. Clients made before are lost with what they had under way:
        whoever uses one gets ``ClientClosed``; connections over TCP break. Takes a millisecond or two in memory.
        """
        self.world.driver.call(self._lose_clients, "reset")
        super().reset()

    def _end(self) -> None:
        try:  # programs that were spawned don't meet it, they end where they wait
            self.world.driver.call(self._lose_clients, "closed")
            self.world.call_back()
        finally:
            super()._end()

    def _lose_clients(self, how: str) -> None:
        """Tell the clients in the process, whose futures would stay open otherwise."""
        clients, self._clients = self._clients, {}
        for reference in clients.values():
            client = reference()
            if client is not None:
                client.lost(how)

    @property
    def seed(self) -> int | None:
        """The seed that it runs on; None in real time."""
        return self.world.seed

    # -- waiting -------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The cluster's clock, in seconds since 1970; virtual time begins in 2020."""
        return self.world.clock.now_ms() / 1000

    def freeze(self) -> Frozen:
        """Stop the cluster's time, as for a debugger: no session ends, no request times out, nothing becomes due.

        Until ``.thaw()``, or as a context manager: ``with cluster.freeze(): breakpoint()``. What is sent still arrives,
        and a wait with a time limit waits on. Virtual time stands still by itself while nobody waits.
        """
        return Frozen(self.world)

    def wait_for(self, predicate: Callable[[], object], timeout: float = 30) -> None:
        """Let the cluster run until ``predicate()`` holds; raises ``TimeoutError`` after ``timeout`` seconds.

        The predicate is called by the caller's own thread whenever something has happened, and every 50 ms of real
        time; it may use the cluster and its clients: ``cluster.wait_for(lambda: consumer.poll(0))``.
        """
        if not wait_until(self.world, predicate, timeout):
            raise TimeoutError(f"not so after {timeout:g} seconds: {_name_of(predicate)}")

    def wait_for_group(
        self, group: str, members: int | None = None, state: str = "Stable", timeout: float = 30
    ) -> None:
        """Wait until a group is in a state ("Stable", "Empty", "PreparingRebalance", …), with so many members.

        Raises ``TimeoutError`` after ``timeout`` seconds; ``ConfigError`` for a state that Kafka doesn't have.
        """
        looking.check_state(state)
        seen = "there is no such group"

        def is_so() -> bool:
            nonlocal seen
            found = looking.group_of(self, group)
            if found is not None:
                seen = f"it is {found.state.value} with {len(found.members)} members"
            return found is not None and found.state.value == state and members in (None, len(found.members))

        if not self.world.driver.drive(is_so, timeout):
            wanted = state if members is None else f"{state} with {members} members"
            raise TimeoutError(f"group {group} is not {wanted} after {timeout:g} seconds: {seen}")

    def run_for(self, seconds: float) -> None:
        """Let so much time pass. On virtual time that returns as soon as everything in it has happened."""
        self.world.driver.drive(_never, seconds)

    def run_until(self, predicate: Callable[[], object], timeout: float = 300) -> None:
        """As ``wait_for``, with the patience that virtual time allows: ``cluster.run_until(future.done)``."""
        self.wait_for(predicate, timeout)

    def spawn(self, function: Callable[..., Any], *args: Any) -> Spawned:
        """Run ``function(*args)`` beside the caller on virtual time: another synchronous program with its clients.

        It begins when the caller next waits, and the programs change places only where one waits, in an order drawn
        from the seed. ``.join()`` gives its value; what it raises is raised there, or where the main program waits.
        """
        if not self.world.virtual:
            raise ConfigError("spawn is for clusters with a seed; in real time threads do it: threading.Thread")
        return self.world.driver.spawn(function, *args)  # type: ignore[attr-defined, no-any-return]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it. An exception stays that one; one that the cluster may have led to gets the end of the trace."""
        if error is None:
            self.close()
            return
        note_end(error, self.world.recorder)
        try:
            self.close()
        except Exception as second:  # noqa: BLE001 - told beside the one that came first
            error.add_note(f"and closing the cluster raised {second!r}")

    def __repr__(self) -> str:
        return f"<Cluster {self.name}: {list(self.brokers.values())}{' closed' if self.closed else ''}>"


def _never() -> bool:
    return False


def _name_of(predicate: Callable[[], object]) -> str:
    return getattr(predicate, "__qualname__", repr(predicate))
