"""The ``Cluster`` class: brokers in this process, ready when made, stopped cleanly when its ``with`` block ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Never, Self, TypeVar
from weakref import ref

from actors.cluster.arguments import (
    addresses,
    as_config,
    as_none_or,
    as_text,
    check_shape,
    refuse_unknown,
    rows,
    taking_what,
)
from actors.cluster.brokers import ClusterBrokers
from actors.cluster.config_warnings import warn_without_effect
from actors.cluster.faults import Faults
from actors.cluster.freeze import Frozen
from actors.cluster.node_ids import node_ids_of
from actors.cluster.questions import Questions
from actors.cluster.topics import creatable, create_topic
from actors.config.resource_type import ResourceType
from actors.runtime.signals import in_one_piece, signals_held
from actors.runtime.trace_rows import note_end
from kstore.errors.arguments import function as called
from kstore.errors.arguments import path, plain_whole, text, truth
from kstore.errors.arguments import seconds as check_seconds
from kstore.errors.config import ConfigError

if TYPE_CHECKING:
    from os import PathLike
    from types import TracebackType
    from typing import Unpack

    from actors.clients.admin import Admin
    from actors.clients.client import Client
    from actors.clients.consumer.consumer import Consumer
    from actors.clients.keywords.typed_dicts import AdminKeywords, ConsumerKeywords, ProducerKeywords
    from actors.clients.producer.producer import Producer
    from actors.clients.transport import InProcessTransport
    from actors.cluster.arguments import Settings
    from actors.runtime.hub import Spawned
    from actors.trace import Trace

F = TypeVar("F", bound="Client")

TRACE_ROWS = 65536


class Cluster(Questions):
    """Some brokers in this process, ready when the constructor returns; ``close``, or a ``with``, stops them.

    ``brokers``: how many, with the ids 1, 2, 3, ...; ``node_ids``: their ids instead, such as ``(0, 1, 2)``. The first
    is the controller. Without both it has the brokers of ``data_dir``, or one. ``data_dir``: a folder with a Kafka log
    directory a node, or None to keep everything in memory. ``listen``: ``"host:port"`` of the first broker, the others
    follow on consecutive ports (port 0: any free ports); with several such texts every broker has several listeners.
    ``advertise``: what clients are told instead, ``"host:port"`` of the first broker or of each, with commas, or a host
    alone, on the ports that are listened on; a text for each listener. ``seed``: run on virtual time, in an order drawn
    from it. ``config``: Apache Kafka's broker keys; a ``NoEffectWarning`` tells of those that have no effect yet.
    ``name``: what it is called in messages. ``trace_rows``: how much of the trace is kept. ``trace_file``: a
    ``.ktrace`` file that gets all of it; one that is there is renamed, one that is being written raises
    ``TraceFileError``. ``wire``: encode and decode every message between nodes.

    Raises ``ConfigError`` for a wrong key or keyword, ``FolderError`` for a folder that can't be used, ``ListenError``
    for an address that can't be had, ``StartError`` when the nodes aren't ready in a minute.

    >>> with Cluster(brokers=3) as cluster:
    ...     cluster.image().controller_id
    1
    """

    _starts = True

    def __init__(
        self,
        /,
        brokers: int | None = None,
        *,
        node_ids: Iterable[int] | None = None,
        data_dir: str | PathLike[str] | None = None,
        listen: str | Sequence[str] | None = None,
        advertise: str | Sequence[str] | None = None,
        seed: int | None = None,
        config: Settings | None = None,
        name: str | None = None,
        trace_rows: int = TRACE_ROWS,
        trace_file: str | PathLike[str] | None = None,
        wire: bool = False,
        **unknown: Never,
    ) -> None:
        given = locals()  # only this signature says which keywords there are
        try:
            with signals_held:
                self._prepare(given)
                if self._starts:
                    if config:
                        warn_without_effect(self.config, ResourceType.BROKER, as_text(config))
                    self.start()
        except BaseException:
            if not self.closed:
                self._abandon()
            raise

    @classmethod
    @taking_what(__init__)
    def unstarted(cls, *given: Any, **keywords: Any) -> Self:
        """A cluster whose folders are claimed and whose ports are bound, but no node runs before ``start()``. Takes
        what ``Cluster`` takes.
        """
        cluster = cls.__new__(cls)
        cluster._starts = False
        cls.__init__(cluster, *given, **keywords)
        return cluster

    def _prepare(self, given: Mapping[str, Any]) -> None:
        refuse_unknown(given["unknown"], sorted(given.keys() - {"self", "unknown"}))
        listen, advertise = addresses("listen", given["listen"]), addresses("advertise", given["advertise"])
        seed = given["seed"]
        check_shape(listen, advertise, seed)
        self.name = as_none_or(text, "name", given["name"]) or "cluster"
        folder = as_none_or(path, "data_dir", given["data_dir"])
        super().__init__(
            node_ids_of(given["brokers"], given["node_ids"], folder),
            data_dir=folder,
            listen=listen,
            advertise=advertise,
            seed=None if seed is None else as_config(plain_whole, "seed", seed),
            config=as_text(given["config"]),
            trace_rows=as_config(rows, "trace_rows", given["trace_rows"]),
            trace_file=as_none_or(path, "trace_file", given["trace_file"]),
            wire=as_config(truth, "wire", given["wire"]),
        )
        self.brokers = ClusterBrokers(self)
        self.faults = Faults(self)
        self._trace: Trace | None = None
        self._clients: dict[int, ref[Client]] = {}

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
        Kafka's topic keys; those that have no effect yet are kept, and a ``NoEffectWarning`` says so once. Raises what
        the controller refuses it with, such as ``TopicAlreadyExists``.
        """
        settings = as_text(config)
        topic = creatable(name, partitions, replication_factor, settings)
        seconds = check_seconds("timeout", timeout)
        said = warn_without_effect(self.config, ResourceType.TOPIC, settings, f"topic {name}") if settings else set()
        try:
            create_topic(self, topic, seconds)
        except BaseException:
            self.config.said -= said  # for a topic that wasn't made
            raise

    def expire(self, topic: str, *, timeout: float = 10) -> int:
        """Remove what a topic's ``retention.ms`` and ``retention.bytes`` don't keep now, without waiting for the next
        check (``log.retention.check.interval.ms``); returns how many offsets the leaders' logs lost at their start.

        Whole segments go, none beyond the high watermark. Raises UnknownTopicOrPartition, ``TimeoutError``.

        >>> with Cluster(seed=1) as cluster:
        ...     cluster.create_topic("orders", config={"retention.ms": "60000"})
        ...     with cluster.producer() as producer:
        ...         _ = producer.send("orders", b"old")
        ...     cluster.run_for(seconds=61)
        ...     cluster.expire("orders")
        1
        """
        from actors.cluster.on_demand import expire

        return expire(self, text("topic", topic), check_seconds("timeout", timeout))

    def compact(self, topic: str, *, timeout: float = 60) -> int:
        """Compact a topic's logs now, whatever their dirty ratio is; returns how many records the leaders' logs lost.

        The segments that are being written to are closed first, and cleaned with the others. What isn't committed yet,
        or is younger than ``min.compaction.lag.ms``, stays as it is. Raises UnknownTopicOrPartition, ``ConfigError``
        for a topic without ``compact`` in its ``cleanup.policy``, KafkaStorageError when a disk refuses, and
        ``TimeoutError``.

        >>> with Cluster(seed=1) as cluster:
        ...     cluster.create_topic("prices", config={"cleanup.policy": "compact"})
        ...     with cluster.producer() as producer:
        ...         for price in (b"1", b"2", b"3"):
        ...             _ = producer.send("prices", price, key=b"apple")
        ...     cluster.compact("prices"), [record.value for record in cluster.records("prices")]
        (2, [b'3'])
        """
        from actors.cluster.on_demand import compact

        return compact(self, text("topic", topic), check_seconds("timeout", timeout))

    def scrub(self, topic: str, *, timeout: float = 60) -> list[str]:
        """Check all files of a topic's logs against each other now, on the disks of all living brokers; returns a line
        for each range of bytes that isn't as it was written, with its node.

        What was found is repaired: indexes at once, batches from another replica. With ``log.scrub.bytes.per.second``
        brokers do all this by themselves. Raises UnknownTopicOrPartition, ``TimeoutError``.

        >>> with Cluster(seed=1) as cluster:
        ...     cluster.create_topic("orders")
        ...     cluster.scrub("orders")
        []
        """
        from actors.cluster.on_demand import scrub

        return scrub(self, text("topic", topic), check_seconds("timeout", timeout))

    def producer(self, **keywords: Unpack[ProducerKeywords]) -> Producer:
        """A producer in the process: ``kstore.Producer`` with these keywords, on the cluster's own clock and links."""
        from actors.clients.producer.producer import Producer

        return self._client("producer", lambda transport: Producer(transport=transport, **keywords))

    def consumer(self, *topics: str, **keywords: Unpack[ConsumerKeywords]) -> Consumer:
        """A consumer in the process, subscribed to these topics: ``kstore.Consumer`` with these keywords."""
        from actors.clients.consumer.consumer import Consumer

        return self._client("consumer", lambda transport: Consumer(*topics, transport=transport, **keywords))

    def admin(self, **keywords: Unpack[AdminKeywords]) -> Admin:
        """An admin client in the process: ``kstore.Admin`` with these keywords."""
        from actors.clients.admin import Admin

        return self._client("admin", lambda transport: Admin(transport=transport, **keywords))

    @in_one_piece
    def _client(self, kind: str, make: Callable[[InProcessTransport], F]) -> F:
        from actors.clients.errors import ClientClosed
        from actors.clients.transport import InProcessTransport

        transport = self.world.driver.call(InProcessTransport, self.net, self.node_ids, kind)
        try:
            client = make(transport)
        except BaseException as error:
            if isinstance(error, AssertionError) and not transport.node.alive:
                raise ClientClosed(f"the cluster was reset while this {kind} was made") from None
            transport.close()
            raise
        self._clients[transport.number] = ref(client)
        return client

    @property
    def bootstrap_servers(self) -> str:
        """What a Kafka client connects to, as it is told: ``host:port`` of each broker, with commas; of the first
        listener, if there are several.
        """
        if self.ports is None:
            raise ValueError('this cluster has no listener: give it listen="127.0.0.1:0"')
        return str(self.ports.addresses_text())

    @property
    def trace(self) -> Trace:
        """Questions to the flight recorder: the life of a record, why a group rebalanced, why a broker leads."""
        if self._trace is None:
            from actors.trace import Trace

            self._trace = Trace.of(self.world)
        return self._trace

    @in_one_piece
    def reset(self) -> None:
        """Make the cluster empty, as if it had just been made: topics, groups, producers, faults, all gone.

        When it returns, every broker is running and answers. Clients made before, and their pending work, are lost:
        using one raises ``ClientClosed``; connections over TCP break. Takes a millisecond or two in memory.
        """
        self.world.driver.call(self._lose_clients, "reset")
        super().reset()

    def _end(self) -> None:
        try:  # spawned programs don't get this error, they end where they wait
            self.world.driver.call(self._lose_clients, "closed")
            self.world.call_back()
        finally:
            super()._end()

    def _lose_clients(self, how: str) -> None:
        """End the clients in the process, whose futures would stay open otherwise."""
        clients, self._clients = self._clients, {}
        for reference in clients.values():
            client = reference()
            if client is not None:
                client.lost(how)

    @property
    def seed(self) -> int | None:
        """The seed that it runs on; None in real time."""
        return self.world.seed

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

    def run_for(self, seconds: float) -> None:
        """Let so much time pass. On virtual time that returns as soon as everything in it has happened."""
        self.world.driver.drive(_never, check_seconds("seconds", seconds))

    def run_until(self, predicate: Callable[[], object], timeout: float = 300) -> None:
        """As ``wait_for``, with the patience that virtual time allows: ``cluster.run_until(future.done)``."""
        self.wait_for(predicate, timeout)

    def spawn(self, function: Callable[..., object], *args: object) -> Spawned:
        """Run ``function(*args)`` beside the caller on virtual time: another synchronous program with its clients.

        It begins when the caller next waits, and the programs change places only where one waits, in an order drawn
        from the seed. ``.join()`` gives its value; what it raises is raised there, or where the main program waits.
        """
        called("function", function)
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
