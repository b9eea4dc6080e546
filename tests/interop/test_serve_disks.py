"""``kstore serve`` in a process whose files can't grow any more, until they can again."""

from __future__ import annotations

import resource

import waiting

VALUES = 60
SIZE = 100_000
LIMIT = 2 << 20


def limit_files(server, size: int) -> None:
    """No file of the server may become larger: a write beyond fails, as it does on a disk that is full."""
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_a_log_that_cannot_grow_is_offline_other_topics_go_on_and_nothing_acknowledged_is_lost(serve):
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    server = serve()
    common = {"bootstrap.servers": server.bootstrap}
    admin = AdminClient(common)
    for future in admin.create_topics([NewTopic("large", 1, 3), NewTopic("small", 1, 3)]).values():
        future.result(30)
    limit_files(server, LIMIT)
    settings = {**common, "enable.idempotence": True, "linger.ms": 0, "batch.size": SIZE, "retry.backoff.ms": 100}
    producer = Producer({**settings, "message.timeout.ms": 120_000})
    acknowledged: list[int] = []

    def delivered(error, message) -> None:
        assert error is None, error
        acknowledged.append(int(message.value()[:8]))

    for number in range(VALUES):
        producer.produce("large", b"%08d" % number + bytes(SIZE - 8), on_delivery=delivered)

    def is_offline() -> bool:
        producer.poll(0)
        return any("large-0 is offline" in line for line in server.errors)

    waiting.wait_until(is_offline, what="a log that is offline", timeout_s=60)
    other = Producer(settings)
    other.produce("small", b"goes on")
    assert other.flush(60) == 0
    assert len(acknowledged) < VALUES
    limit_files(server, resource.RLIM_INFINITY)
    assert producer.flush(120) == 0
    assert acknowledged == list(range(VALUES))
    consumer = Consumer({**common, "group.id": "check", "enable.partition.eof": True})
    consumer.assign([TopicPartition("large", 0, 0)])
    found = []
    while (message := consumer.poll(60)) is not None and not message.error():
        value = message.value()
        assert value is not None
        found.append(int(value[:8]))
    consumer.close()
    assert found == list(range(VALUES))
    assert server.stop() == 0
    assert not any("Traceback" in line for line in server.errors)
