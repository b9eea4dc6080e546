"""The brokers that ``kstore serve`` and ``kstore run`` start in a process: their options, and the cluster of these."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.cli.arguments import UsageError, at_least

if TYPE_CHECKING:
    from actors.cluster import Cluster

LEVELS = ("debug", "info", "warning", "error", "critical")


def add_brokers(verb: argparse.ArgumentParser, *, listen: str) -> None:
    """Add the options of the brokers; ``listen`` is their default address."""
    verb.add_argument(
        "--brokers",
        type=at_least(1),
        metavar="N",
        help="how many brokers (default: as many as --node-ids names or --data-dir has, else 1)",
    )
    verb.add_argument(
        "--node-ids",
        metavar="ID,ID,...",
        help="the brokers' ids; the first is the controller (default: those that --data-dir has, else 1, 2, 3, ...)",
    )
    verb.add_argument(
        "--listen",
        action="append",
        metavar="HOST:PORT",
        help="the first broker's address, the others follow on the next ports; port 0: any free ports; repeatable, for "
        f"several listeners (default: {listen})",
    )
    verb.add_argument(
        "--advertise",
        action="append",
        metavar="HOST:PORT,...",
        help="what clients are told to connect to, such as kafka:9092: the first broker's address, the others follow "
        "on the next ports, or one for each, with commas; a host alone: on the ports listened on; the second is for "
        "the second --listen (default: what --listen says; localhost for 0.0.0.0)",
    )
    verb.set_defaults(default_listen=listen)
    verb.add_argument("--data-dir", metavar="DIR", help="keep the data here, in Apache Kafka's own format")
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a broker config of Apache Kafka's; repeatable"
    )
    verb.add_argument(
        "--trace-file",
        metavar="FILE",
        help="write the whole trace to this file, for kstore trace; an existing file is renamed FILE.1, FILE.2, ...",
    )
    verb.add_argument(
        "--log-level",
        choices=LEVELS,
        default="warning",
        metavar="LEVEL",
        help=f"log to stderr from this level on: {', '.join(LEVELS)} (default: warning)",
    )


def prepared(options: argparse.Namespace) -> Cluster:
    """The cluster of these options, not started yet; warnings about its folders are on stderr.

    Raises ``UsageError`` when there can't be one.
    """
    from actors.cluster import Cluster
    from actors.cluster.node_ids import NodeIdsError, parse_node_ids
    from actors.config import ConfigError, parse_settings
    from actors.config.effect import line
    from actors.network.ports import ListenError
    from actors.node.folder import FolderError
    from actors.runtime.logs import logger
    from kstore.fs.descriptors import raise_limit

    log_to_stderr(options.log_level)
    raise_limit()
    try:
        cluster = Cluster.unstarted(
            options.brokers,
            node_ids=None if options.node_ids is None else parse_node_ids(options.node_ids),
            data_dir=options.data_dir,
            listen=options.listen or options.default_listen,
            advertise=options.advertise,
            config=parse_settings(options.set),
            trace_file=options.trace_file,
        )
    except (FolderError, ListenError, NodeIdsError) as error:
        raise UsageError(str(error)) from None
    except ConfigError as error:
        raise UsageError(f"{error}: leave it out or fix it; kstore help configs lists all keys") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    for warning in cluster.warnings:
        print(f"kstore: {warning}", file=sys.stderr, flush=True)
    for name, text in cluster.config.without_effect():
        logger("configs").warning("%s", line(name, text))
    cluster.world.failures.on_failure = None  # the log has it
    return cluster


@contextmanager
def running(cluster: Cluster) -> Iterator[None]:
    """Run a prepared cluster, and stop it cleanly. Raises ``UsageError`` if it doesn't start."""
    from actors.cluster import StartError
    from actors.node.folder import FolderError

    try:
        with cluster:
            cluster.start()
            yield
    except (StartError, FolderError) as error:
        raise UsageError(str(error)) from None


def log_to_stderr(level: str) -> None:
    """Log to stderr, by Python's ``logging``."""
    import logging

    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)


def settle_memory() -> None:
    """Tune the garbage collector: freeze the existing objects, and collect less often."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
