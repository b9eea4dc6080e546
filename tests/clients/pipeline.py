"""A pipeline: orders are read, each becomes an invoice. Its worker follows a recipe of ``docs/delivery.md``.

What came out of it is read by a ``read_committed`` reader and held against what went in, by key and in order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from clients.consuming import QUICK
from clients.delivery import functions
from clients.transacting import read_records

from kstore import Consumer, NewTopic, Producer

GROUP = "billing"
KEYS = (b"ann", b"bob", b"cy")
PARTITIONS = 2
PORTION = 4
"""How many orders a poll returns at most, so that many a transaction has."""

RECIPES = functions()
EXACTLY, AT_LEAST = "exactly_once", "at_least_once"

ByKey = Mapping[bytes, list[bytes]]


def orders(count: int) -> list[tuple[bytes, bytes]]:
    """Keys and values, in the order in which they are sent: the orders of a key are numbered."""
    return [(KEYS[number % len(KEYS)], b"%d" % (number // len(KEYS))) for number in range(count)]


def begin(maker: Any, count: int, replication_factor: int) -> None:
    """Make the topics, and send the orders."""
    with maker.admin() as admin:
        admin.create_topics([NewTopic(name, PARTITIONS, replication_factor) for name in ("orders", "invoices")])
    with maker.producer() as producer:
        for key, value in orders(count):
            producer.send("orders", value, key=key)


def invoice(order: bytes) -> bytes:
    """What an order becomes."""
    return b"invoice of " + order


def consumer_of(maker: Any) -> Consumer:
    """A worker's consumer."""
    how = QUICK | {"group_id": GROUP, "enable_auto_commit": False, "max_poll_records": PORTION}
    found: Consumer = maker.consumer("orders", session_timeout_ms=300, isolation_level="read_committed", **how)
    return found


def producer_of(maker: Any, recipe: str, worker: int) -> Producer:
    """A worker's producer; that of exactly once has a transactional id, the same after each restart."""
    how = {"transactional_id": f"invoices-{worker}", "transaction_timeout_ms": 2_000} if recipe == EXACTLY else {}
    found: Producer = maker.producer(**how)
    return found


def work(recipe: str, consumer: Consumer, producer: Producer, handled: Callable[[], object] = bool) -> None:
    """Follow the recipe until an exception ends it; ``handled`` is called for each order, before its invoice is due."""

    def transform(order: Any) -> bytes:
        handled()
        return invoice(order.value)

    if recipe == EXACTLY:
        RECIPES[recipe](consumer, producer, transform)
    else:
        RECIPES[recipe](consumer, partial(_send_and_wait, producer, transform))


def _send_and_wait(producer: Producer, transform: Callable[[Any], bytes], order: Any) -> None:
    producer.send("invoices", transform(order), key=order.key).get()


def by_key(records: Iterable[tuple[bytes, bytes]]) -> ByKey:
    """The values of each key, in order."""
    found: dict[bytes, list[bytes]] = defaultdict(list)
    for key, value in records:
        found[key].append(value)
    return found


def invoices(maker: Any, *, committed: bool = True) -> ByKey:
    """What the reader of a kind gets of the invoices."""
    records = read_records(maker, "invoices", PARTITIONS, committed=committed)
    return by_key((record.key, record.value) for record in records)


def due(count: int) -> ByKey:
    """What the invoices have to be."""
    return by_key((key, invoice(value)) for key, value in orders(count))


def without_repetitions(found: ByKey) -> ByKey:
    """Each value where it came first."""
    return {key: list(dict.fromkeys(values)) for key, values in found.items()}


def size(found: ByKey) -> int:
    return sum(map(len, found.values()))
