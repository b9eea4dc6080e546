"""Small transactions in the process: begin, one record, commit, on three replicas and on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kstore import Cluster

Measure = Callable[..., Any]

TRANSACTIONS = 100


@pytest.mark.parametrize(("replicas", "goal"), [(1, None), (3, 2500)], ids=["RF 1", "RF 3"])
def test_a_small_transaction(measure: Measure, replicas: int, goal: float | None) -> None:
    with Cluster(replicas) as cluster:
        cluster.create_topic("t", replication_factor=replicas)
        with cluster.producer(transactional_id="tx") as producer:
            producer.init_transactions()

            def play() -> None:
                for _ in range(TRANSACTIONS):
                    producer.begin_transaction()
                    producer.send("t", b"v" * 100)
                    producer.commit_transaction()

            play()
            measure(play, count=TRANSACTIONS, unit="transactions", goal=goal)
