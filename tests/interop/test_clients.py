"""The three Python clients, unmodified, against ``kstore serve``: keyed records, groups of processes, one killed."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

CLIENTS = ["kafka-python", "confluent-kafka", "aiokafka"]
ORDERS = 240


def create_topic(bootstrap: str, topic: str, partitions: int = 3, replicas: int = 3) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, replicas)])[topic].result(30)


def assignment(lines: list[str]) -> list[int]:
    assigned = [line for line in lines if line.startswith("assigned")]
    return json.loads(assigned[-1].removeprefix("assigned ")) if assigned else []


def received(program) -> list[tuple[int, int, str, str]]:
    rows = [line.split() for line in list(program.lines) if line.startswith("received")]
    return [(int(partition), int(offset), key, value) for _, partition, offset, key, value in rows]


def test_the_programs_of_the_seed_run_unmodified_against_localhost_9092(serve, programs, tmp_path):
    serve("--brokers", "3", "--listen", "127.0.0.1:9092", "--data-dir", str(tmp_path))
    assert programs("seed_producer.py").finish() == 0
    consumer = programs("seed_consumer.py")
    consumer.wait_for(lambda lines: len(lines) == 2, "two messages")
    assert sorted(consumer.lines) == ["Key: key1, Value: Hello Kafka!", "Key: key2, Value: Kafka is great!"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_group_of_processes_shares_the_partitions_and_takes_over_those_of_a_killed_member(client, serve, programs):
    server = serve()
    topic = f"order-events-{client}"
    create_topic(server.bootstrap, topic)
    members = {name: programs("member.py", client, server.bootstrap, topic, "processors", name) for name in "ABC"}
    living = dict(members)

    def shared() -> bool:
        return sorted(p for m in living.values() for p in assignment(m.lines)) == [0, 1, 2]

    def one_each() -> bool:
        return shared() and all(len(assignment(m.lines)) == 1 for m in living.values())

    wait_until(living, one_each, "one partition each")
    first = programs("produce.py", client, server.bootstrap, topic, 0, ORDERS)
    assert first.finish() == 0, first.errors
    wait_until(living, lambda: seen(members) >= set(range(ORDERS)), "all orders")

    living.pop("C").kill()
    wait_until(living, shared, "the partition of the killed member")
    second = programs("produce.py", client, server.bootstrap, topic, ORDERS, ORDERS)
    assert second.finish() == 0, second.errors
    wait_until(living, lambda: seen(members) >= set(range(2 * ORDERS)), "all orders after the kill")
    for member in living.values():
        assert member.stop() == 0, member.errors

    acknowledged = [line.split() for line in first.lines + second.lines]
    places = {(partition, offset): int(n) for _, n, partition, offset in acknowledged}
    assert len(places) == 2 * ORDERS, "each record is acknowledged once, at a place of its own"
    for member in members.values():
        for partition, offset, _, value in received(member):
            assert places[str(partition), str(offset)] == int(value.removeprefix("order-"))
    check_order_by_key(places)
    assert server.stop() == 0, server.errors


def check_order_by_key(places: dict[tuple[str, str], int]) -> None:
    """Orders of one key are in one partition, in the order they were sent."""
    by_key = defaultdict(list)
    for (partition, offset), n in places.items():
        by_key[n % 12].append((n, partition, int(offset)))
    for rows in by_key.values():
        rows.sort()
        assert len({partition for _, partition, _ in rows}) == 1
        offsets = [offset for _, _, offset in rows]
        assert offsets == sorted(offsets)


def seen(members) -> set[int]:
    return {int(value.removeprefix("order-")) for m in members.values() for _, _, _, value in received(m)}


def wait_until(members, condition, what: str) -> None:
    next(iter(members.values())).wait_for(lambda _: condition(), what)
