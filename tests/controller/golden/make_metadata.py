"""Writes the metadata log of a real Apache Kafka: ``python tests/controller/golden/make_metadata.py``.

``README.md`` says what happens in it. Nodes are stopped as the story says; it begins anew until the first node leads.
"""

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]

from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource  # noqa: E402
from confluent_kafka.cimpl import NewPartitions, NewTopic  # noqa: E402
from waiting import wait_until  # noqa: E402

from bench.peers import kafka  # noqa: E402
from kstore.records.batch import scan_batches  # noqa: E402

METADATA = "__cluster_metadata-0"
CONFIGS = {"min.insync.replicas": "1", "retention.ms": "86400000"}


def told(cluster: kafka.KafkaCluster) -> None:
    """What is done with a cluster of two nodes; the second one ends."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{cluster.ports[0]}"})
    wait_until(lambda: len(admin.list_topics(timeout=30).brokers) == 2, what="both brokers are there", timeout_s=60)
    made = admin.create_topics([NewTopic("orders", 3, 2, config=CONFIGS), NewTopic("users", 1, 1)])
    for each in made.values():
        each.result(30)
    admin.create_partitions([NewPartitions("orders", 4)])["orders"].result(30)
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True})
    producer.produce("orders", b"a book")
    assert producer.flush(30) == 0
    admin.delete_topics(["users"])["users"].result(30)
    changes = [
        ConfigEntry("flush.ms", "5000", incremental_operation=AlterConfigOpType.SET),
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE),
    ]
    orders = ConfigResource(ConfigResource.Type.TOPIC, "orders", incremental_configs=changes)
    admin.incremental_alter_configs([orders])[orders].result(30)
    cluster.processes[1].stop()
    wait_until(lambda: len(admin.list_topics(timeout=30).brokers) == 1, what="the second node is fenced", timeout_s=60)


def main() -> None:
    while True:
        with tempfile.TemporaryDirectory() as folder:
            cluster = kafka.KafkaCluster(Path(folder), 2)
            cluster.configure()
            cluster.format()
            written = cluster.log_folder(1)
            with cluster.launched():
                state = json.loads((written / METADATA / "quorum-state").read_text())
                if state["leaderId"] != 1:
                    continue
                told(cluster)
                log = (written / METADATA / f"{0:020d}.log").read_bytes()
                quorum = (written / METADATA / "quorum-state").read_bytes()
            (HERE / f"kafka-{kafka.VERSION}-cluster-metadata.log").write_bytes(
                log[: sum(batch.size_bytes for batch in scan_batches(log)[0])]
            )
            (HERE / f"kafka-{kafka.VERSION}-quorum-state").write_bytes(quorum)
            checkpoint = (written / METADATA / f"{0:020d}-{0:010d}.checkpoint").read_bytes()
            (HERE / f"kafka-{kafka.VERSION}-bootstrap.checkpoint").write_bytes(checkpoint)
            return


if __name__ == "__main__":
    main()
