"""A group member as a process of its own: ``member.py CLIENT BOOTSTRAP TOPIC GROUP NAME``.

CLIENT is kafka-python, confluent-kafka or aiokafka. Prints ``assigned [partitions]`` at each assignment and
``received PARTITION OFFSET KEY VALUE`` for each record; commits after each poll; leaves the group on SIGTERM.
"""

import asyncio
import signal
import sys

stopping: list[int] = []


def say(*words: object) -> None:
    print(*words, flush=True)


def kafka_python(bootstrap: str, topic: str, group: str, name: str) -> None:
    from kafka import ConsumerRebalanceListener, KafkaConsumer

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # of a package without types
        def on_partitions_revoked(self, revoked) -> None:
            pass

        def on_partitions_assigned(self, assigned) -> None:
            say("assigned", sorted(p.partition for p in assigned))

    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=1500,
        heartbeat_interval_ms=300,
    )
    consumer.subscribe([topic], listener=Listener())
    while not stopping:
        polled = consumer.poll(timeout_ms=100)
        for records in polled.values():
            for r in records:
                say("received", r.partition, r.offset, r.key.decode(), r.value.decode())
        if polled:
            consumer.commit()
    consumer.close()


def confluent_kafka(bootstrap: str, topic: str, group: str, name: str) -> None:
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "client.id": name,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": 1500,
            "heartbeat.interval.ms": 300,
        }
    )
    consumer.subscribe([topic], on_assign=lambda _, parts: say("assigned", sorted(p.partition for p in parts)))
    while not stopping:
        record = consumer.poll(0.1)
        if record is None or record.error():
            continue
        key, value = record.key(), record.value()
        assert key is not None, "records of these tests have keys"
        assert value is not None, "records of these tests have values"
        say("received", record.partition(), record.offset(), key.decode(), value.decode())
        consumer.commit(record, asynchronous=False)  # type: ignore[call-overload]
    consumer.close()


async def aio(bootstrap: str, topic: str, group: str, name: str) -> None:
    from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # of a package without types
        async def on_partitions_revoked(self, revoked) -> None:
            pass

        async def on_partitions_assigned(self, assigned) -> None:
            say("assigned", sorted(p.partition for p in assigned))

    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=group,
        client_id=name,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=1500,
        heartbeat_interval_ms=300,
    )
    await consumer.start()
    consumer.subscribe([topic], listener=Listener())
    while not stopping:
        polled = await consumer.getmany(timeout_ms=100)
        for records in polled.values():
            for r in records:
                say("received", r.partition, r.offset, r.key.decode(), r.value.decode())
        if polled:
            await consumer.commit()
    await consumer.stop()


def main(client: str, *arguments: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    if client == "kafka-python":
        kafka_python(*arguments)
    elif client == "confluent-kafka":
        confluent_kafka(*arguments)
    else:
        asyncio.run(aio(*arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
