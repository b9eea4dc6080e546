"""The programs that transact by other clients print on Apache Kafka what they have to print on kstore."""

from __future__ import annotations

import subprocess

import pytest
from interop.transacting import command, prepare, printed_by
from interop.transactional_clients import TRANSACTIONAL_CLIENTS

from bench.peers.kafka import KafkaCluster

TIMEOUT_S = 120


@pytest.mark.parametrize("client", TRANSACTIONAL_CLIENTS)
def test_a_client_finds_of_kafka_what_it_has_to_find_of_kstore(client: str, kafka: KafkaCluster) -> None:
    topic = f"transactions-{client}"
    prepare(kafka.bootstrap, topic, replicas=1)
    done = subprocess.run(
        [*command(client), kafka.bootstrap, topic], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.stdout.splitlines() == printed_by(client), done.stderr
