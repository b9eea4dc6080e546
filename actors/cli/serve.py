"""``kstore serve``: some brokers in this process, for any Kafka client, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING

from actors.cli.brokers import add_brokers, prepared, running, settle_memory
from actors.cli.parsers import new_parser

if TYPE_CHECKING:
    from actors.cli.parsers import Verbs

DESCRIPTION = """
Runs brokers in this process, for any Kafka client, and prints one line with their addresses when they are ready.
Without --data-dir everything is kept in memory. SIGTERM and Ctrl-C shut it down cleanly; after a SIGKILL the next
start recovers what is in the folder. Before it is ready, SIGTERM and Ctrl-C end it at once, which does no harm.
"""

EXAMPLES = """
kstore serve --brokers 3
kstore serve --listen 127.0.0.1:9092 --data-dir ./data --set num.partitions=4
"""


def add_to(verbs: Verbs) -> None:
    """Add the verb to the command's parser."""
    verb = new_parser(verbs, "serve", "run brokers that any Kafka client can connect to", DESCRIPTION, EXAMPLES)
    add_brokers(verb, listen="127.0.0.1:9092")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop. 0: stopped as told; 2: it could not be started as asked."""
    on_stop_signal(lambda: os._exit(0))  # a start may be busy for long, and may be cut off as by SIGKILL
    stop: SimpleQueue[None] = SimpleQueue()  # an event has a lock, which a handler may find taken by what it interrupts
    cluster = prepared(options)
    with running(cluster):
        settle_memory()
        on_stop_signal(lambda: stop.put(None))
        print(ready_line(len(cluster.node_ids), cluster.bootstrap_servers), flush=True)
        stop.get()
    return 0


def on_stop_signal(action: Callable[[], None]) -> None:
    """What SIGTERM and Ctrl-C do from now on."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: action())


def ready_line(brokers: int, bootstrap_servers: str) -> str:
    """The one line that a server prints."""
    return f"kstore: {brokers} {'broker' if brokers == 1 else 'brokers'} ready on {bootstrap_servers}"
