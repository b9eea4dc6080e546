"""``kstore serve``: some brokers in this process, for any Kafka client, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

LEVELS = ("debug", "info", "warning", "error", "critical")

EXAMPLE = """\
example:
  kstore serve --brokers 3 --listen 127.0.0.1:9092 --data-dir ./kafka-data --set num.partitions=4

Prints one line when it is ready, with the brokers' addresses. Without --data-dir everything is kept in memory.
SIGTERM and Ctrl-C stop it in order; after a SIGKILL the next start recovers what is in the folder. Before it is
ready they end it at once, which is no worse.
"""


def add_to(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    verb = verbs.add_parser(
        "serve",
        help="run brokers that any Kafka client can connect to",
        description=(__doc__ or "").replace("``", ""),
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument(
        "--brokers",
        type=int,
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
        default="127.0.0.1:9092",
        metavar="HOST:PORT",
        help="the first broker's address, the others follow on the next ports; port 0: any free ports "
        "(default: 127.0.0.1:9092)",
    )
    verb.add_argument("--data-dir", metavar="DIR", help="keep the data here, in Apache Kafka's own format")
    verb.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a broker config of Apache Kafka's; repeatable"
    )
    verb.add_argument(
        "--trace-file",
        metavar="FILE",
        help="keep all of the trace in this file, for kstore trace; one that is there is renamed FILE.1, FILE.2, ...",
    )
    verb.add_argument(
        "--log-level",
        choices=LEVELS,
        default="warning",
        metavar="LEVEL",
        help=f"log to stderr from this level on: {', '.join(LEVELS)} (default: warning)",
    )
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop. 0: stopped as told; 2: it could not be started as asked."""
    on_stop_signal(lambda: os._exit(0))  # a start may be in the midst of long work, and may be cut off as by SIGKILL
    from actors.broker.config import ConfigError, parse_settings
    from actors.broker.folder import FolderError
    from actors.cluster import Cluster, StartError
    from actors.cluster.node_ids import parse_node_ids
    from actors.network.ports import ListenError
    from kstore.fs.descriptors import raise_limit

    log_to_stderr(options.log_level)
    stop: SimpleQueue[None] = SimpleQueue()  # an event has a lock, which a handler may find taken by what it interrupts
    raise_limit()
    try:
        cluster = Cluster.unstarted(
            options.brokers,
            node_ids=None if options.node_ids is None else parse_node_ids(options.node_ids),
            data_dir=options.data_dir,
            listen=options.listen,
            config=parse_settings(options.set),
            trace_file=options.trace_file,
        )
    except (FolderError, ListenError) as error:
        print(f"kstore: {error}", file=sys.stderr)
        return 2
    except ConfigError as error:
        print(f"kstore: {error}: leave it out or mend it; docs/configs.md lists the keys that work", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"kstore: {error}", file=sys.stderr)
        return 2
    for warning in cluster.warnings:
        print(f"kstore: {warning}", file=sys.stderr, flush=True)
    cluster.world.failures.on_failure = None  # the log has it
    try:
        with cluster:
            cluster.start()
            settle_memory()
            on_stop_signal(lambda: stop.put(None))
            print(ready_line(len(cluster.node_ids), cluster.bootstrap_servers), flush=True)
            stop.get()
    except (StartError, FolderError) as error:
        print(f"kstore: {error}", file=sys.stderr)
        return 2
    return 0


def log_to_stderr(level: str) -> None:
    """A line for each thing that is worth one, as Python's ``logging`` has them."""
    import logging

    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr, force=True
    )
    logging.captureWarnings(True)


def on_stop_signal(action: Callable[[], None]) -> None:
    """What SIGTERM and Ctrl-C do from now on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: action())


def ready_line(brokers: int, bootstrap_servers: str) -> str:
    """The one line that a server prints."""
    return f"kstore: {brokers} {'broker' if brokers == 1 else 'brokers'} ready on {bootstrap_servers}"


def settle_memory() -> None:
    """Tell the collector that what exists now stays, and to look less often for what doesn't."""
    import gc

    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
