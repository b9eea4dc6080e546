"""Before: one Kafka for the session, in a container. What a test leaves in it is removed."""

import time

import pytest
from kafka.admin import KafkaAdminClient
from testcontainers.kafka import KafkaContainer


@pytest.fixture(scope="session")
def kafka():
    with KafkaContainer() as container:
        yield container.get_bootstrap_server()


@pytest.fixture
def servers(kafka):
    yield kafka
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_groups(["invoicing"])
    left = [topic for topic in admin.list_topics() if not topic.startswith("__")]
    admin.delete_topics(left)
    while set(left) & set(admin.list_topics()):
        time.sleep(0.05)
    admin.close()
