"""A client whose brokers' addresses have become another cluster's notices it, and begins anew (KIP-1242)."""

from typing import Any

import pytest

from actors.clients.actor import ClientActor
from bench.peers.processes import HOST, free_ports
from kstore import Admin, Cluster, Producer

QUICK: dict[str, Any] = {"reconnect_backoff_ms": 1, "reconnect_backoff_max_ms": 10, "retry_backoff_ms": 5}


@pytest.mark.parametrize("checks", [True, False])
def test_the_bootstrap_servers_are_asked_anew_before_anything_is_sent_to_another_cluster(
    monkeypatch: pytest.MonkeyPatch, checks: bool
) -> None:
    anew: list[str] = []
    begin_anew = ClientActor.begin_anew

    def noted(actor: ClientActor) -> None:
        anew.append(actor.node.name)
        begin_anew(actor)

    monkeypatch.setattr(ClientActor, "begin_anew", noted)
    address = f"{HOST}:{free_ports(1)}"
    how = QUICK | {"metadata_cluster_check_enable": checks}
    with Cluster(listen=address):
        producer, admin = Producer(bootstrap_servers=address, **how), Admin(bootstrap_servers=address, **how)
        producer.send("orders", b"a book").get(10)
        known = admin.describe_cluster().cluster_id  # a bootstrap server says so, whichever it is
    with Cluster(listen=address) as second, producer, admin:
        assert admin.describe_cluster().cluster_id == second.image().cluster_id != known
        producer.send("orders", b"a lamp").get(30)
        assert [record.value for record in second.records("orders", 1)] == [b"a lamp"]
    assert set(anew) == ({"producer"} if checks else set())
