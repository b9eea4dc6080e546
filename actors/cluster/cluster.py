"""A cluster of brokers, as its user has it: ready when made, stopped in order when its ``with`` block ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Never, Self

from actors.cluster.arguments import check_shape, refuse_unknown
from actors.cluster.nodes import Nodes

TRACE_ROWS = 65536


class Cluster(Nodes):
    """Some brokers in this process, ready when the constructor returns; ``close``, or a ``with``, stops them.

    ``data_dir``: a folder with a Kafka log directory a node, or None to keep everything in memory. ``listen``:
    ``"host:port"`` of the first broker, the others follow on consecutive ports (port 0: any free ports). ``seed``: run
    on virtual time, in an order drawn from it. ``config``: Apache Kafka's broker keys. ``name``: what it is called in
    messages. ``trace_rows``: how much of the trace is kept. ``wire``: encode and decode every message between nodes.

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
        config: Mapping[str, str] | None = None,
        name: str | None = None,
        trace_rows: int = TRACE_ROWS,
        wire: bool = False,
        **unknown: Never,
    ) -> None:
        self._prepare(brokers, data_dir, listen, seed, config, name, trace_rows, wire, unknown)
        try:
            self.start()
        except BaseException:
            self._abandon()
            raise

    @classmethod
    def unstarted(
        cls,
        brokers: int = 1,
        *,
        data_dir: str | None = None,
        listen: str | None = None,
        seed: int | None = None,
        config: Mapping[str, str] | None = None,
        name: str | None = None,
        trace_rows: int = TRACE_ROWS,
        wire: bool = False,
        **unknown: Never,
    ) -> Self:
        """A cluster whose folders are claimed and whose ports are bound, but no node runs before ``start()``."""
        cluster = cls.__new__(cls)
        cluster._prepare(brokers, data_dir, listen, seed, config, name, trace_rows, wire, unknown)
        return cluster

    def _prepare(
        self,
        brokers: int,
        data_dir: str | None,
        listen: str | None,
        seed: int | None,
        config: Mapping[str, str] | None,
        name: str | None,
        trace_rows: int,
        wire: bool,
        unknown: Mapping[str, Never],
    ) -> None:
        refuse_unknown(unknown)
        check_shape(brokers, listen, seed)
        self.name = name or "cluster"
        super().__init__(
            brokers, data_dir=data_dir, listen=listen, seed=seed, config=config, trace_rows=trace_rows, wire=wire
        )

    @property
    def bootstrap_servers(self) -> str:
        """What a Kafka client connects to: ``host:port`` of each broker, with commas."""
        if self.ports is None:
            raise ValueError('this cluster has no listener: give it listen="127.0.0.1:0"')
        return str(self.ports.addresses_text())

    def wait_for(self, predicate: Callable[[], object], timeout: float = 30) -> None:
        """Let the cluster run until ``predicate()`` holds; raises ``TimeoutError`` after ``timeout`` seconds."""
        if not self.world.driver.drive(predicate, timeout):
            raise TimeoutError(f"not so after {timeout} seconds: {predicate}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
