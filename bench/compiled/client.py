"""``python -m bench.compiled.client PORT``: for each number that it reads, sends and fetches so many records.

One request follows the answer to the one before, so that the server always does the same.
"""

from __future__ import annotations

import sys

from bench.slow_readers import FETCH_VERSION, PRODUCE_VERSION, Client, fetch, produce
from kstore.schema.messages.fetch import FetchResponse
from kstore.schema.messages.produce import ProduceResponse


def main(port: int) -> None:
    client = Client(port)
    for line in sys.stdin:
        for _ in range(int(line)):
            answer = client.ask(produce("orders", b"x" * 100), PRODUCE_VERSION, ProduceResponse)
            offset = answer.responses[0].partition_responses[0].base_offset
            client.ask(fetch("orders", offset, 100_000), FETCH_VERSION, FetchResponse)
        print("done", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
