"""The application is started once, and tested as a sender of orders sees it."""

import os
import subprocess

import pytest


@pytest.fixture(scope="session")
def cluster(kstore_session_cluster, kstore_session_bootstrap):
    for topic in ("orders", "invoices"):
        kstore_session_cluster.create_topic(topic)
    known = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kstore_session_bootstrap}
    application = subprocess.Popen(["faststream", "run", "invoicing:app"], env=known)
    yield kstore_session_cluster
    application.terminate()
    application.wait()


def test_an_order_becomes_an_invoice(cluster):
    with cluster.producer() as producer:
        producer.send("orders", b'{"number": 7, "price": 5, "pieces": 2}')
    (invoice,) = cluster.records("invoices", 1)
    assert invoice.value == b'{"order":7,"total":10}'
