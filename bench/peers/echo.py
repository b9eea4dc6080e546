"""A process that sends back what it gets, over one connection: what a round trip takes without a server's work.

``python -m bench.peers.echo`` prints its port, and ends with the connection. It waits in the kernel for each read, as
nothing quicker is known that doesn't keep a processor busy.
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

from bench.peers.processes import HOST

READ_BYTES = 1 << 16
PATIENCE_S = 60


def main() -> int:
    with socket.create_server((HOST, 0)) as listening:
        print(listening.getsockname()[1], flush=True)
        listening.settimeout(PATIENCE_S)
        client, _ = listening.accept()
    with client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := client.recv(READ_BYTES):
            client.sendall(data)
    return 0


@contextlib.contextmanager
def echo() -> Iterator[tuple[str, int]]:
    """Such a process; gives its address. Close the connection before the block ends."""
    with subprocess.Popen([sys.executable, "-m", "bench.peers.echo"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield HOST, int(process.stdout.readline())


if __name__ == "__main__":
    sys.exit(main())
