"""Has a real Apache Kafka write a log directory and close it: ``python tests/log/golden/make.py``.

In it are every compression, rolls by age, a committed and an aborted transaction.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from bench.peers import kafka  # noqa: E402

SETTINGS = {
    "index.interval.bytes": "100",
    "segment.ms": "60000",
    "message.timestamp.after.max.ms": str((1 << 63) - 1),
}


def produce(bootstrap: str) -> None:
    config: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap}
    admin = AdminClient(config)
    for made in admin.create_topics([NewTopic("golden", 1, 1, config=SETTINGS)]).values():
        made.result()
    base_ms = 1_700_000_000_000
    number = 0
    for compression in ["none", "gzip", "snappy", "lz4", "zstd"]:
        producer = Producer({**config, "enable.idempotence": True, "compression.type": compression, "linger.ms": 0})
        for _ in range(4):
            for _ in range(3):
                producer.produce(
                    "golden",
                    key=f"k{number % 5}",
                    value=f"value-{number}-" + "x" * (number % 40),
                    timestamp=base_ms + number * 1000,
                    headers=[("h", b"1")] if number % 7 == 0 else None,
                    partition=0,
                )
                number += 1
            producer.flush()
        base_ms += 70_000
    producer = Producer({**config, "transactional.id": "t1"})
    producer.init_transactions(10)
    for value in ["committed", "aborted", "committed too"]:
        producer.begin_transaction()
        producer.produce("golden", key="tx", value=value, timestamp=base_ms + number * 1000, partition=0)
        producer.flush()
        if value == "aborted":
            producer.abort_transaction(10)
        else:
            producer.commit_transaction(10)


def main() -> None:
    made = HERE / f"kafka-{kafka.VERSION}"
    shutil.rmtree(made, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        with kafka.running(Path(folder)) as cluster:
            produce(cluster.bootstrap)
        written = cluster.log_folder(1)
        shutil.copytree(written / "golden-0", made / "golden-0")
        for name in ("meta.properties", ".kafka_cleanshutdown"):
            shutil.copy(written / name, made / name)
        for path in written.glob("*-offset-checkpoint"):
            if path.name != "cleaner-offset-checkpoint":
                shutil.copy(path, made / path.name)


if __name__ == "__main__":
    main()
