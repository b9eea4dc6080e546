"""Brokers that say of themselves where nobody answers, as a wrong ``advertise`` does: time-outs tell which address."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kstore import Admin, Cluster, KafkaTimeout, Producer


@pytest.fixture
def bootstrap() -> Iterator[str]:
    with Cluster(listen="127.0.0.1:0", advertise="127.0.0.1:1") as cluster:
        assert cluster.ports is not None
        cluster.create_topic("t")
        yield f"127.0.0.1:{cluster.ports.listening[1][0].getsockname()[1]}"


def test_an_admin_client_tells_which_broker_it_could_not_reach(bootstrap: str) -> None:
    with (
        Admin(bootstrap_servers=bootstrap, default_api_timeout_ms=500, request_timeout_ms=400) as admin,
        pytest.raises(KafkaTimeout, match=r"was not done in 0.5 seconds: 127\.0\.0\.1:1 can't be reached"),
    ):
        admin.list_topics()


def test_a_producer_tells_which_broker_it_could_not_reach(bootstrap: str) -> None:
    producer = Producer(bootstrap_servers=bootstrap, delivery_timeout_ms=500, request_timeout_ms=400, linger_ms=0)
    sent = producer.send("t", b"a")
    with pytest.raises(KafkaTimeout, match=r"ms of the first send: 127\.0\.0\.1:1 can't be reached"):
        sent.get(timeout=60)
    producer.close(timeout=0)
