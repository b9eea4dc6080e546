"""One Python client that reads, transforms and writes in transactions of 100 ms, as a process.

``python -m bench.peers.pipelines CLIENT BOOTSTRAP SOURCE TARGET COUNT`` prints the seconds from the first records to
the last commit, how many transactions it took, and the seconds of processor time of the process up to then. Each client
is used in the way that its documentation calls quick; both get batches of up to 128 KiB and 5 ms of linger.
"""

import sys
import time
from typing import Any

COMMIT_EVERY_S = 0.1
LINGER_MS = 5
BATCH_BYTES = 128 * 1024
PATIENCE_S = 120


def by_kstore(bootstrap: str, source: str, target: str, count: int) -> tuple[float, int]:
    from kstore import Consumer, Producer

    how: dict[str, Any] = {
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "isolation_level": "read_committed",
    }
    with (
        Consumer(source, bootstrap_servers=bootstrap, group_id=f"kstore-{target}", **how) as consumer,
        Producer(
            bootstrap_servers=bootstrap,
            transactional_id=f"kstore-{target}",
            linger_ms=LINGER_MS,
            batch_size=BATCH_BYTES,
        ) as producer,
    ):
        producer.init_transactions()
        send_many = producer.send_many
        records = consumer.poll(timeout_ms=PATIENCE_S * 1000, max_records=1)
        began = time.perf_counter()
        done = transactions = 0
        while done < count:
            with producer.transaction():
                until = time.perf_counter() + COMMIT_EVERY_S
                offsets = {}
                while records:
                    for place, found in records.items():
                        send_many(target, [b"-" + record.value[1:] for record in found])
                        done += len(found)
                        offsets[place] = found[-1].offset + 1
                    if done >= count or time.perf_counter() >= until:
                        break
                    records = consumer.poll(timeout_ms=100, max_records=10_000)
                producer.send_offsets_to_transaction(offsets, consumer.group_metadata())
            transactions += 1
            records = consumer.poll(timeout_ms=1000, max_records=10_000) if done < count else {}
        return time.perf_counter() - began, transactions


def by_confluent(bootstrap: str, source: str, target: str, count: int) -> tuple[float, int]:
    from confluent_kafka import Consumer, Producer

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"confluent-{target}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "queued.min.messages": 1_000_000,  # its default fetches nothing for a second after 100,000 records
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": f"confluent-{target}",
            "linger.ms": LINGER_MS,
            "batch.size": BATCH_BYTES,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    consumer.subscribe([source])
    producer.init_transactions(PATIENCE_S)
    produce_batch = producer.produce_batch
    records = consumer.consume(1, PATIENCE_S)
    began = time.perf_counter()
    done = transactions = 0
    while done < count:
        producer.begin_transaction()
        until = time.perf_counter() + COMMIT_EVERY_S
        while records:
            made = [{"value": b"-" + (record.value() or b"")[1:]} for record in records]
            if produce_batch(target, made) != len(made):
                raise RuntimeError("the producer's queue was full")
            producer.poll(0)
            done += len(records)
            if done >= count or time.perf_counter() >= until:
                break
            records = consumer.consume(10_000, 0.1)
        offsets = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), PATIENCE_S)
        producer.commit_transaction(PATIENCE_S)
        transactions += 1
        records = consumer.consume(10_000, 1.0) if done < count else []
    seconds = time.perf_counter() - began
    consumer.close()
    return seconds, transactions


CLIENTS = {"kstore": by_kstore, "confluent-kafka": by_confluent}


def main() -> int:
    client, bootstrap, source, target, count = sys.argv[1:]
    print(*CLIENTS[client](bootstrap, source, target, int(count)), time.process_time())
    return 0


if __name__ == "__main__":
    sys.exit(main())
