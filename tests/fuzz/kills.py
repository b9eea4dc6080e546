"""A server that is killed again and again under load.

    python tests/fuzz/kills.py --cycles 300 [--seed N]

``kstore serve`` with three brokers on one folder gets SIGKILL at a moment drawn from the seed, and starts again on the
same port and folder; a producer with acks=all, in a process of its own, writes numbered records through all of it. In
the end each record that was acknowledged must be there once, in the order of its sending. Prints what it saw, and
exits with 1 when something is lost, twice or out of order.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

from processes import Server  # noqa: E402

from kstore import Admin, Consumer, NewTopic, Producer, TopicPartition  # noqa: E402

TOPIC = "kept"
IN_FLIGHT = 50


def free_ports(count: int) -> int:
    """The first of some ports in a row that nobody has."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            first: int = sock.getsockname()[1]
        try:
            for port in range(first, first + count):
                with socket.socket() as sock:
                    sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def write(bootstrap: str) -> None:
    """The writer's process: sends until a line comes on its standard input; says how many were acknowledged."""
    goes_on = threading.Event()
    goes_on.set()

    def stop_at_a_line() -> None:
        sys.stdin.readline()
        goes_on.clear()

    threading.Thread(target=stop_at_a_line, daemon=True).start()
    number = 0
    failed: list[Any] = []
    waiting: list[Any] = []
    with Producer(bootstrap_servers=bootstrap, acks="all", delivery_timeout_ms=600_000) as producer:
        while goes_on.is_set() or waiting:
            while goes_on.is_set() and len(waiting) < IN_FLIGHT:
                waiting.append((number, producer.send(TOPIC, str(number).encode(), partition=0)))
                number += 1
            first, future = waiting.pop(0)
            try:
                future.get(timeout=600)
            except Exception as error:  # noqa: BLE001 - whatever it is, the record isn't acknowledged
                failed.append((first, repr(error)))
    print(json.dumps({"sent": number, "failed": failed[:20], "not acknowledged": len(failed)}), flush=True)


def read(bootstrap: str, sent: int) -> dict[str, int]:
    """What is there of the records: how many of them are lost, twice, and out of order."""
    seen: dict[int, int] = {}
    backwards, last = 0, -1
    partition = TopicPartition(TOPIC, 0)
    with Consumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([partition])
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            for records in consumer.poll(timeout_ms=1000).values():
                for record in records:
                    number = int(record.value)
                    seen[number] = seen.get(number, 0) + 1
                    backwards += number < last
                    last = number
    twice = sum(count > 1 for count in seen.values())
    return {"lost": sum(number not in seen for number in range(sent)), "twice": twice, "out of order": backwards}


def run(cycles: int, seed: int) -> dict[str, Any]:
    """Kill a server so often; what was seen."""
    draw = random.Random(seed)
    port = free_ports(3)
    with tempfile.TemporaryDirectory() as folder:
        options = ["--brokers", "3", "--listen", f"127.0.0.1:{port}", "--data-dir", folder]
        server = Server(*options)
        with Admin(bootstrap_servers=server.bootstrap) as admin:
            admin.create_topics([NewTopic(TOPIC, 1, 3)])
        writer = subprocess.Popen(
            [sys.executable, __file__, "--write", server.bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        complaints: list[str] = []
        moment = threading.Event()  # that never comes: the kill does
        begun = time.monotonic()
        for _ in range(cycles):
            moment.wait(draw.uniform(0.02, 0.7))
            server.kill()
            complaints += server.errors
            server = Server(*options)
        output, _ = writer.communicate(b"stop\n", timeout=600)
        told = json.loads(output)
        seen = read(server.bootstrap, told["sent"])
        complaints += server.errors
        server.stop()
        failures = [line for line in complaints if "kstore.failures" in line]
        seconds = round(time.monotonic() - begun)
        return {"cycles": cycles, "seconds": seconds, **told, **seen, "failures": failures[:5]}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cycles", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", metavar="BOOTSTRAP", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(options.write)
        return 0
    seen = run(options.cycles, options.seed)
    print(json.dumps(seen, indent=2))
    return 1 if seen["lost"] or seen["twice"] or seen["out of order"] or seen["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
