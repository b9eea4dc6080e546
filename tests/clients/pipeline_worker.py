"""A worker of the pipeline as a process: ``python pipeline_worker.py BOOTSTRAP RECIPE MESSAGE RECORD``.

It follows the recipe until it kills itself by SIGKILL: right after its ``MESSAGE``-th message to or from a broker, or
when it has its ``RECORD``-th order in hand (0: never). A message is a write or a read of a socket, and these are all
that a broker can ever know of a process: so the moments between them are all that there are. It prints how many
there were, for each order that it has in hand.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

from clients.pipeline import consumer_of, producer_of, work
from clients.targets import OverTcp


class Kill:
    """Counts messages and orders, and kills the process at the one that it is told."""

    def __init__(self, message: int, record: int) -> None:
        self.message = message
        self.record = record
        self.messages = 0
        self.records = count(1)

    def watch(self, name: str) -> None:
        """Count each call of a method of sockets that has moved bytes."""
        method: Callable[..., Any] = getattr(socket.socket, name)

        def counted(sock: socket.socket, *args: Any) -> Any:
            moved = method(sock, *args)
            if moved:
                self.messages += 1
                if self.messages == self.message:
                    die()
            return moved

        setattr(socket.socket, name, counted)

    def handled(self) -> None:
        """An order is in hand."""
        number = next(self.records)
        print(f"order {number} after {self.messages} messages", flush=True)
        if number == self.record:
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(bootstrap: str, recipe: str, message: str, record: str) -> None:
    kill = Kill(int(message), int(record))
    for name in ("sendmsg", "recv_into"):
        kill.watch(name)
    target = OverTcp("serve", bootstrap, brokers=3)
    work(recipe, consumer_of(target), producer_of(target, recipe, 1), kill.handled)


if __name__ == "__main__":
    main(*sys.argv[1:])
