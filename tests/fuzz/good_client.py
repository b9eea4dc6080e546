"""The good client beside a fuzzer: ``python good_client.py BOOTSTRAP``; a process of its own.

It writes numbered records with acks=all, one after the other, and says how long one takes: first alone, then until a
line comes on its standard input. Then it reads them all: each one must be there once, in order.
"""

from __future__ import annotations

import json
import statistics
import sys
import threading
import time

from kstore import Admin, Consumer, NewTopic, Producer

TOPIC = "good"
ALONE = 500


def times_of(producer: Producer, first: int, goes_on: threading.Event | None) -> tuple[int, list[float]]:
    """Write records from number ``first`` on; the next number, and the milliseconds that each took."""
    number, times = first, []
    while goes_on.is_set() if goes_on is not None else number < first + ALONE:
        begun = time.perf_counter()
        producer.send(TOPIC, str(number).encode()).get(timeout=60)
        times.append((time.perf_counter() - begun) * 1000)
        number += 1
    return number, times


def summary(times: list[float]) -> dict[str, float]:
    """Of milliseconds."""
    ordered = sorted(times)
    return {
        "p50 ms": round(statistics.median(ordered), 2),
        "p99 ms": round(ordered[int(len(ordered) * 0.99)], 2),
        "max ms": round(ordered[-1], 2),
    }


def main(bootstrap: str) -> None:
    """All of it."""
    with Admin(bootstrap_servers=bootstrap) as admin:
        admin.create_topics([NewTopic(TOPIC, 1, 3)])
    goes_on = threading.Event()
    goes_on.set()

    def stop_at_a_line() -> None:
        sys.stdin.readline()
        goes_on.clear()

    threading.Thread(target=stop_at_a_line, daemon=True).start()
    with Producer(bootstrap_servers=bootstrap, acks="all") as producer:
        first, alone = times_of(producer, 0, None)
        print(json.dumps(summary(alone)), flush=True)
        written, beside = times_of(producer, first, goes_on)
    wrong = []
    with Consumer(TOPIC, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        for number in range(written):
            record = next(consumer)
            if record.value != str(number).encode() or record.offset != number:
                wrong.append((number, record.offset, record.value.decode()))
    print(json.dumps({"records": written, "wrong": wrong[:10], **summary(beside)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
