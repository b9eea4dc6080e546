"""Commits and aborts transactions by a third-party client, a line a finding: ``transact.py CLIENT BOOTSTRAP TOPIC``.

Three transactions, each with a record and an offset of the group ``TOPIC-group``; the second is aborted. Then what a
reader of committed records is given, the group's offset, and what a producer is told that another one has fenced.
"""

import asyncio
import sys
import warnings

warnings.simplefilter("ignore")  # the clients' own

client, bootstrap, topic = sys.argv[1:]
GROUP = f"{topic}-group"
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
        ends = [TopicPartition(topic, 0, offset)]
        producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata(), PATIENCE_S)
        (producer.commit_transaction if commits else producer.abort_transaction)(PATIENCE_S)
    consumer.assign([TopicPartition(topic, 0, 0)])
    print("read", *[consumer.poll(PATIENCE_S).value().decode() for _ in range(2)])
    print("offset", consumer.committed([TopicPartition(topic, 0)], PATIENCE_S)[0].offset)
    consumer.close()
    other = Producer(config)
    other.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    producer.produce(topic, b"zombie")
    try:
        producer.commit_transaction(PATIENCE_S)
    except KafkaException as error:
        print("fenced", error.args[0].name())


def by_kafka_python() -> None:
    from kafka import KafkaConsumer, KafkaProducer, TopicPartition
    from kafka.errors import KafkaError
    from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

    config = {"bootstrap_servers": bootstrap, "transactional_id": topic}
    place = TopicPartition(topic, 0)
    producer = KafkaProducer(**config)
    producer.init_transactions()
    for text, offset, commits in STEPS:
        producer.begin_transaction()
        producer.send(topic, text).get(PATIENCE_S)
        producer.send_offsets_to_transaction({place: OffsetAndMetadata(offset, "", -1)}, ConsumerGroupMetadata(GROUP))
        (producer.commit_transaction if commits else producer.abort_transaction)()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, isolation_level="read_committed")
    consumer.assign([place])
    consumer.seek(place, 0)
    print("read", *[next(consumer).value.decode() for _ in range(2)])
    print("offset", consumer.committed(place))
    other = KafkaProducer(**config)
    other.init_transactions()
    try:
        producer.begin_transaction()
        producer.send(topic, b"zombie").get(PATIENCE_S)
        producer.commit_transaction()
    except KafkaError as error:
        print("fenced", type(error).__name__)


async def by_aiokafka() -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
    from aiokafka.errors import KafkaError

    place = TopicPartition(topic, 0)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    for text, offset, commits in STEPS:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, text)
        await producer.send_offsets_to_transaction({place: offset}, GROUP)
        await (producer.commit_transaction() if commits else producer.abort_transaction())
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, isolation_level="read_committed")
    await consumer.start()
    consumer.assign([place])
    consumer.seek(place, 0)
    print("read", *[(await consumer.getone()).value.decode() for _ in range(2)])
    print("offset", await consumer.committed(place))
    await consumer.stop()
    other = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await other.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"zombie")
        await producer.commit_transaction()
    except KafkaError as error:
        print("fenced", type(error).__name__)
    await other.stop()


if client == "kafka-python":
    by_kafka_python()
elif client == "confluent-kafka":
    by_confluent()
else:
    asyncio.run(by_aiokafka())
print("done", flush=True)
