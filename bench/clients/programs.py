"""One client at one load, as a process: ``python -m bench.clients.programs CLIENT LOAD BOOTSTRAP TOPIC COUNT``.

Prints the seconds: of producing, from the first call to the last acknowledgement; of consuming, from the first record
to the last. Every client gets the same terms, in its own words: acks=all, idempotence, 5 ms of linger, batches of up to
128 KiB, fetches of up to 1 MiB a partition; and is used in the way that its documentation calls quick. kstore's records
are also taken in its columns, which the others don't have.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

VALUE = bytes(range(100))
LINGER_MS = 5
BATCH_BYTES = 128 * 1024
FETCH_BYTES = 1 << 20
PATIENCE_S = 120


def kstore_produce(bootstrap: str, topic: str, count: int) -> float:
    from kstore import Producer

    with Producer(bootstrap_servers=bootstrap, linger_ms=LINGER_MS, batch_size=BATCH_BYTES) as producer:
        producer.send(topic, VALUE).get(timeout=PATIENCE_S)
        send = producer.send
        began = time.perf_counter()
        for _ in range(count):
            send(topic, VALUE)
        producer.flush()
        return time.perf_counter() - began


def confluent_produce(bootstrap: str, topic: str, count: int) -> float:
    from confluent_kafka import Producer

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": LINGER_MS,
            "batch.size": BATCH_BYTES,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.produce(topic, VALUE)
    producer.flush(PATIENCE_S)
    produce = producer.produce
    began = time.perf_counter()
    for number in range(count):
        while True:
            try:
                produce(topic, VALUE)
                break
            except BufferError:
                producer.poll(0.01)
        if not number % 1000:
            producer.poll(0)
    if producer.flush(PATIENCE_S):
        raise RuntimeError("records were never acknowledged")
    return time.perf_counter() - began


def kafka_python_produce(bootstrap: str, topic: str, count: int) -> float:
    from kafka import KafkaProducer

    producer = KafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=LINGER_MS, batch_size=BATCH_BYTES
    )
    producer.send(topic, VALUE).get(timeout=PATIENCE_S)
    began = time.perf_counter()
    for _ in range(count):
        producer.send(topic, VALUE)
    producer.flush(PATIENCE_S)
    seconds = time.perf_counter() - began
    producer.close()
    return seconds


def aiokafka_produce(bootstrap: str, topic: str, count: int) -> float:
    from aiokafka import AIOKafkaProducer

    async def load() -> float:
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=LINGER_MS, max_batch_size=BATCH_BYTES
        ) as producer:
            await producer.send_and_wait(topic, VALUE)
            began = time.perf_counter()
            for _ in range(count):
                await producer.send(topic, VALUE)
            await producer.flush()
            return time.perf_counter() - began

    return asyncio.run(load())


def kstore_consume(bootstrap: str, topic: str, count: int) -> float:
    from kstore import Consumer

    with Consumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        next(consumer)
        began = time.perf_counter()
        seen = 1
        for _ in consumer:
            seen += 1
            if seen == count:
                return time.perf_counter() - began
    raise RuntimeError(f"{seen} of {count} records")


def kstore_consume_columns(bootstrap: str, topic: str, count: int) -> float:
    from kstore import Consumer

    with Consumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        first = sum(len(each) for each in consumer.poll_columns(timeout_ms=PATIENCE_S * 1000).values())
        left = count - first
        began = time.perf_counter()
        while left > 0:
            left -= sum(len(each) for each in consumer.poll_columns(timeout_ms=1000).values())
        return (time.perf_counter() - began) * count / (count - first)  # as if the first poll had taken as long


def confluent_consume(bootstrap: str, topic: str, count: int) -> float:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "max.partition.fetch.bytes": FETCH_BYTES,
            "queued.min.messages": 1_000_000,  # its default fetches nothing for a second after 100,000 records
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen = len(consumer.consume(1, PATIENCE_S))
    began = time.perf_counter()
    while seen < count:
        seen += len(consumer.consume(500, PATIENCE_S))
    seconds = time.perf_counter() - began
    consumer.close()
    return seconds


def kafka_python_consume(bootstrap: str, topic: str, count: int) -> float:
    from kafka import KafkaConsumer

    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    next(consumer)
    began = time.perf_counter()
    seen = 1
    for _ in consumer:
        seen += 1
        if seen == count:
            break
    seconds = time.perf_counter() - began
    consumer.close()
    return seconds


def aiokafka_consume(bootstrap: str, topic: str, count: int) -> float:
    from aiokafka import AIOKafkaConsumer

    async def load() -> float:
        async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
            await consumer.getone()
            began = time.perf_counter()
            seen = 1
            while seen < count:
                found = await consumer.getmany(timeout_ms=PATIENCE_S * 1000, max_records=500)
                seen += sum(len(records) for records in found.values())
            return time.perf_counter() - began

    return asyncio.run(load())


LOADS: dict[str, dict[str, Callable[[str, str, int], float]]] = {
    "produce": {
        "kstore": kstore_produce,
        "confluent-kafka": confluent_produce,
        "kafka-python": kafka_python_produce,
        "aiokafka": aiokafka_produce,
    },
    "consume": {
        "kstore": kstore_consume,
        "kstore, columns": kstore_consume_columns,
        "confluent-kafka": confluent_consume,
        "kafka-python": kafka_python_consume,
        "aiokafka": aiokafka_consume,
    },
}


def main() -> int:
    client, load, bootstrap, topic, count = sys.argv[1:]
    print(LOADS[load][client](bootstrap, topic, int(count)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
