"""Where the clusters of a test session listen: free ports, or those that ``--kstore-listen`` names.

Of the processes of pytest-xdist each has ``PORTS_A_WORKER`` ports of its own: gw0 from the port that was given on, gw1
ten ports further, and so on.

>>> for_worker("localhost:9092", "gw0"), for_worker("localhost:9092", "gw2"), for_worker("localhost:0", "gw2")
('localhost:9092', 'localhost:9112', 'localhost:0')
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from actors.network.addresses import PORT_MAX, address_text
from actors.network.ports import ListenError, parse_address

OPTION = "--kstore-listen"
FREE_PORTS = "127.0.0.1:0"
PORTS_A_WORKER = 10
HOLDERS = {
    "session": ("kstore_session_cluster", "kstore_session_bootstrap"),
    "test": ("kstore_bootstrap", "kstore_bootstrap"),
}
"""By scope: which fixture has the ports, and which gives their addresses."""


def for_worker(listen: str, worker: str | None) -> str:
    """The address of the first broker in a worker of pytest-xdist, such as "gw2"; None: in the only process.

    Raises ``ListenError`` for what is no address, and where there is no such port.
    """
    with as_option():
        host, port = parse_address(listen)
        number = re.search(r"\d*$", worker or "0")
        if worker is None or port == 0:
            return listen
        if not number or not number[0]:
            raise ListenError(f"the ports of a worker are counted by its number, and {worker} has none")
        port += int(number[0]) * PORTS_A_WORKER
        if port > PORT_MAX:
            raise ListenError(
                f"{worker} would listen on port {port}, and the last is {PORT_MAX}: "
                f"choose another --listen, or port 0 for any free ports"
            )
        return address_text(host, port)


def check_brokers(listen: str, worker: str | None, brokers: int) -> None:
    """Raise ``ListenError`` for more brokers than a worker has ports."""
    if worker is not None and not is_free(listen) and brokers > PORTS_A_WORKER:
        raise ListenError(
            f"with {OPTION} a worker of pytest-xdist has {PORTS_A_WORKER} ports, too few for {brokers} brokers: "
            f"run these tests without -n, or leave {OPTION} out"
        )


def is_free(listen: str) -> bool:
    """Whether this is an address on any free port, which two clusters can have at once."""
    return parse_address(listen)[1] == 0


def taken(listen: str, scope: str) -> ListenError:
    """What is raised when a cluster is to listen where that of another scope does, "session" or "test"."""
    cluster, address = HOLDERS[scope]
    return ListenError(
        f"{cluster} has {listen}, which {OPTION} names, until the {scope} ends: "
        f"take {address} here as well, or leave {OPTION} out"
    )


@contextmanager
def as_option() -> Iterator[None]:
    """Speak of pytest's option in errors about addresses, which speak of that of ``kstore serve``."""
    try:
        yield
    except ListenError as error:
        raise ListenError(re.sub(r"(?<!\S)--listen\b", OPTION, str(error))) from None
