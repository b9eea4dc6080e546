"""Commits and aborts transactions by a third-party client, a line a finding: ``transact.py CLIENT BOOTSTRAP TOPIC``.

The programs of other languages (``go``, ``java``, ``node``) do the same, without being told which client. Three
transactions, each with a record and an offset of the group ``TOPIC-group`` in ``TOPIC-in``; the second is aborted. Then
what a reader of committed records is given, and the group's offset. Then another producer takes over the id while a
transaction is open, and commits one of its own: what the first is told as it commits, and what a reader is given.
"""

import asyncio
import sys
import warnings

warnings.simplefilter("ignore")  # the clients' own

client, bootstrap, topic = sys.argv[1:]
GROUP, INPUT = f"{topic}-group", f"{topic}-in"
PATIENCE_S = 30
STEPS = [(b"a", 1, True), (b"b", 2, False), (b"c", 3, True)]


def by_confluent() -> None:
    from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

    config = {"bootstrap.servers": bootstrap, "transactional.id": topic}
    reading = {"bootstrap.servers": bootstrap, "group.id": GROUP, "isolation.level": "read_committed"}
    consumer = Consumer(reading)
    producer = Producer(config)
    producer.init_transactions(PATIENCE_S)
    for text, offset, commits in STEPS:
        producer.begin_transaction()
        producer.produce(topic, text)
        producer.flush(PATIENCE_S)
        ends = [TopicPartition(INPUT, 0, offset)]
        producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata(), PATIENCE_S)
        (producer.commit_transaction if commits else producer.abort_transaction)(PATIENCE_S)

    def read(count: int) -> list[str]:
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[str] = []
        for _ in range(count):
            record = consumer.poll(PATIENCE_S)
            assert record is not None, f"{len(found)} records, and no other"
            value = record.value()
            assert isinstance(value, bytes), "a record with a value"
            found.append(value.decode())
        return found

    print("read", *read(2))
    print("offset", consumer.committed([TopicPartition(INPUT, 0)], PATIENCE_S)[0].offset)
    producer.begin_transaction()
    producer.produce(topic, b"zombie")
    producer.flush(PATIENCE_S)
    other = Producer(config)
    other.init_transactions(PATIENCE_S)
    other.begin_transaction()
    other.produce(topic, b"d")
    other.commit_transaction(PATIENCE_S)
    try:
        producer.commit_transaction(PATIENCE_S)
    except KafkaException as error:
        print("fenced", error.args[0].name())
    print("then", *read(3))
    consumer.close()


def by_kafka_python() -> None:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.errors import KafkaError
    from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

    config = {"bootstrap_servers": bootstrap, "transactional_id": topic}
    place, source = TopicPartition(topic, 0), TopicPartition(INPUT, 0)
    producer = KafkaProducer(**config)
    producer.init_transactions()
    for text, offset, commits in STEPS:
        producer.begin_transaction()
        producer.send(topic, text).get(PATIENCE_S)
        producer.send_offsets_to_transaction({source: OffsetAndMetadata(offset, "", -1)}, ConsumerGroupMetadata(GROUP))
        (producer.commit_transaction if commits else producer.abort_transaction)()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, isolation_level="read_committed")
    consumer.assign([place])

    def read(count: int) -> list[str]:
        consumer.seek(place, 0)
        return [next(consumer).value.decode() for _ in range(count)]

    print("read", *read(2))
    print("offset", consumer.committed(source))
    producer.begin_transaction()
    producer.send(topic, b"zombie").get(PATIENCE_S)
    other = KafkaProducer(**config)
    other.init_transactions()
    other.begin_transaction()
    other.send(topic, b"d").get(PATIENCE_S)
    other.commit_transaction()
    try:
        producer.commit_transaction()
    except KafkaError as error:
        print("fenced", type(error).__name__)
    print("then", *read(3))


async def by_aiokafka() -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
    from aiokafka.errors import KafkaError

    place, source = TopicPartition(topic, 0), TopicPartition(INPUT, 0)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    for text, offset, commits in STEPS:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, text)
        await producer.send_offsets_to_transaction({source: offset}, GROUP)
        await (producer.commit_transaction() if commits else producer.abort_transaction())
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, isolation_level="read_committed")
    await consumer.start()
    consumer.assign([place])

    async def read(count: int) -> list[str]:
        consumer.seek(place, 0)
        return [(await consumer.getone()).value.decode() for _ in range(count)]

    print("read", *await read(2))
    print("offset", await consumer.committed(source))
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"zombie")
    other = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await other.start()
    await other.begin_transaction()
    await other.send_and_wait(topic, b"d")
    await other.commit_transaction()
    try:
        await producer.commit_transaction()
    except KafkaError as error:
        print("fenced", type(error).__name__)
    print("then", *await read(3))
    await consumer.stop()
    await other.stop()


if client == "kafka-python":
    by_kafka_python()
elif client == "confluent-kafka":
    by_confluent()
else:
    asyncio.run(by_aiokafka())
print("done", flush=True)
