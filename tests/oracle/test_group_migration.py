"""The group of three client libraries that migrates both ways on kstore does the same on Apache Kafka."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from interop.test_groups_migrate import QUICK, migrate

from bench.peers.kafka import KafkaCluster


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of kafka-python, which reads its definitions so
def test_a_group_migrates_both_ways_under_load_on_kafka_as_well(start_kafka: Callable[..., KafkaCluster]) -> None:
    migrate(start_kafka(1, QUICK).bootstrap)
