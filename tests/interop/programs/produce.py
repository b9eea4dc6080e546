"""Produce keyed records as a process of its own: ``produce.py CLIENT BOOTSTRAP TOPIC FIRST COUNT``.

Record n has the key ``user-(n mod 12)`` and the value ``order-n``; prints ``acknowledged n PARTITION OFFSET`` for each.
"""

import asyncio
import sys


def say(*words: object) -> None:
    print(*words, flush=True)


def kafka_python(bootstrap: str, topic: str, first: int, count: int) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    sent = [
        (n, producer.send(topic, key=f"user-{n % 12}".encode(), value=f"order-{n}".encode()))
        for n in range(first, first + count)
    ]
    for n, future in sent:
        where = future.get(timeout=30)
        say("acknowledged", n, where.partition, where.offset)
    producer.close()


def confluent_kafka(bootstrap: str, topic: str, first: int, count: int) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "partitioner": "murmur2_random"})

    def acknowledged(n: int):
        def report(error, message) -> None:
            assert error is None, error
            say("acknowledged", n, message.partition(), message.offset())

        return report

    for n in range(first, first + count):
        producer.produce(topic, key=f"user-{n % 12}", value=f"order-{n}", on_delivery=acknowledged(n))
    assert producer.flush(30) == 0


async def aio(bootstrap: str, topic: str, first: int, count: int) -> None:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
    await producer.start()
    futures = [
        (n, await producer.send(topic, key=f"user-{n % 12}".encode(), value=f"order-{n}".encode()))
        for n in range(first, first + count)
    ]
    for n, future in futures:
        where = await future
        say("acknowledged", n, where.partition, where.offset)
    await producer.stop()


def main(client: str, bootstrap: str, topic: str, first: str, count: str) -> None:
    if client == "aiokafka":
        asyncio.run(aio(bootstrap, topic, int(first), int(count)))
    else:
        {"kafka-python": kafka_python, "confluent-kafka": confluent_kafka}[client](
            bootstrap, topic, int(first), int(count)
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
