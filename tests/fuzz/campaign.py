"""A campaign of the fuzzer against one server, with a good client beside it.

    python tests/fuzz/campaign.py --inputs 1000000 [--seed N] [--connections 16]

It starts ``kstore serve`` with three brokers on disk in a process of its own, and sends the inputs over raw sockets. A
good client writes with acks=all all the while, in another process. In the end every record that was acknowledged must
be there once and in order, and the server must have met no unexpected error. Prints what it saw, and exits with 1 when
something of that doesn't hold. To have one input again: ``Inputs(seed).input(number)``.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

from fuzz.inputs import Inputs  # noqa: E402
from processes import Server  # noqa: E402

QUIET_S_MAX = 0.002
BEHIND_BYTES_MAX = 1 << 20


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no memory")


class Lines:
    """Connections that inputs are sent over, each until the server closes it."""

    def __init__(self, addresses: list[tuple[str, int]], count: int) -> None:
        self.addresses = addresses
        self.selector = selectors.DefaultSelector()
        self.sockets: list[socket.socket | None] = [None] * count
        self.opened = 0
        self.answered_bytes = 0

    def send(self, number: int, data: bytes) -> None:
        """Send one input; what the server doesn't take at once is dropped with the connection."""
        place = number % len(self.sockets)
        sock = self.sockets[place] or self._open(place)
        try:
            sent = sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(place)
            return
        if sent < len(data):
            self._close(place)
        if number % len(self.sockets) == 0:
            self.drain(0)

    def drain(self, timeout_s: float) -> None:
        """Read what has been answered."""
        for key, _ in self.selector.select(timeout_s):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            try:
                data = sock.recv(1 << 16)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            self.answered_bytes += len(data)
            if not data:
                self._close(key.data)

    def _open(self, place: int) -> socket.socket:
        sock = socket.create_connection(self.addresses[place % len(self.addresses)], timeout=60)
        sock.setblocking(False)
        self.sockets[place] = sock
        self.selector.register(sock, selectors.EVENT_READ, place)
        self.opened += 1
        return sock

    def _close(self, place: int) -> None:
        sock = self.sockets[place]
        if sock is not None:
            self.selector.unregister(sock)
            sock.close()
            self.sockets[place] = None

    def close(self) -> None:
        """Close them all."""
        for place in range(len(self.sockets)):
            self._close(place)


def run(inputs: int, seed: int, connections: int, *, first: int = 0, told: bool = False) -> dict[str, object]:
    """Send inputs ``first`` to ``first + inputs``; what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--brokers", "3", "--listen", "127.0.0.1:0", "--data-dir", folder]
        server = Server(*options, "--set", "group.initial.rebalance.delay.ms=0")
        try:
            return _against(server, inputs, seed, connections, first, told=told)
        finally:
            server.kill()


def _against(server: Server, inputs: int, seed: int, lines: int, first: int, *, told: bool) -> dict[str, object]:
    addresses = [(host, int(port)) for host, _, port in (a.rpartition(":") for a in server.bootstrap.split(","))]
    good = subprocess.Popen(
        [sys.executable, str(HERE / "good_client.py"), server.bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert good.stdout is not None
    alone = json.loads(good.stdout.readline())
    drawn, out = Inputs(seed), Lines(addresses, lines)
    memory = [resident_mb(server.process.pid)]
    begun = time.monotonic()
    for number in range(first, first + inputs):
        out.send(number, drawn.input(number))
        if server.process.poll() is not None:
            break
        if (number - first) % max(1, inputs // 10) == 0:
            memory.append(resident_mb(server.process.pid))
            if told:
                print(f"{number - first} inputs, {memory[-1]:.0f} MB, {time.monotonic() - begun:.0f} s", flush=True)
    out.drain(0.5)
    out.close()
    took_s = time.monotonic() - begun
    ended = server.process.poll() is not None
    seen: dict[str, object] = {"inputs": inputs, "seconds": round(took_s, 1), "ended": ended, "alone": alone}
    if not ended:
        output, _ = good.communicate(b"stop\n", timeout=300)
        seen["good client"] = json.loads(output.splitlines()[-1])
        memory.append(resident_mb(server.process.pid))
    else:
        good.kill()
        good.wait()
    seen["connections"] = out.opened
    seen["answered MB"] = round(out.answered_bytes / 1e6, 1)
    seen["memory MB"] = [round(each) for each in memory]
    seen["failures"] = [line for line in server.errors if "kstore.failures" in line]
    return seen


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    seen = run(options.inputs, options.seed, options.connections, first=options.first, told=True)
    print(json.dumps(seen, indent=2))
    good = seen.get("good client")
    is_well = isinstance(good, dict) and not good["wrong"] and not seen["failures"]
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
