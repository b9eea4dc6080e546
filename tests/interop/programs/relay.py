"""Passes records on in transactions by confluent-kafka: ``relay.py BOOTSTRAP TOPIC COUNT``.

What is in ``TOPIC-in`` goes to ``TOPIC``, at most twenty records a transaction, with the offsets of the group
``TOPIC-group``. It prints ``done`` when it has come to ``COUNT``. A transaction that has to be aborted is done again
from the last commit; any other error ends the program.
"""

import sys

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
PATIENCE_S = 60
INPUT = TopicPartition(f"{topic}-in", 0)

consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": f"{topic}-group",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "session.timeout.ms": 6000,
        "isolation.level": "read_committed",
    }
)
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic, "transaction.timeout.ms": 20_000})


def rewind() -> None:
    """Back to what the group has committed."""
    (committed,) = consumer.committed([INPUT], PATIENCE_S)
    consumer.seek(TopicPartition(INPUT.topic, 0, max(0, committed.offset)))


def after(messages: list[Message]) -> int:
    """The offset behind the last of them."""
    offset = messages[-1].offset()
    assert offset is not None
    return offset + 1


def pass_on(messages: list[Message]) -> bool:
    """Whether they were committed."""
    try:
        producer.begin_transaction()
        for message in messages:
            producer.produce(topic, message.value())
        reached = [TopicPartition(INPUT.topic, 0, after(messages))]
        producer.send_offsets_to_transaction(reached, consumer.consumer_group_metadata(), PATIENCE_S)
        producer.commit_transaction(PATIENCE_S)
        return True
    except KafkaException as error:
        if not error.args[0].txn_requires_abort():
            raise
        producer.abort_transaction(PATIENCE_S)
        return False


producer.init_transactions(PATIENCE_S)
consumer.subscribe([INPUT.topic])
reached = 0
while reached < count:
    got = [message for message in consumer.consume(20, 0.5) if message.error() is None]
    if got and not pass_on(got):
        rewind()
    elif got:
        reached = after(got)
print("done", flush=True)
consumer.close()
