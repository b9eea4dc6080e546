"""What is written down of Kafka's admin answers and config keys is still what Kafka says."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from controller.admin_scripts import CONFIG, transcript

from bench.peers.kafka import KafkaCluster

TESTS = Path(__file__).parents[1]


def test_a_real_kafka_still_answers_the_admin_scripts_as_written_down(start_kafka: Callable[..., KafkaCluster]) -> None:
    kafka = start_kafka(1, CONFIG)
    golden = json.loads((TESTS / "controller" / "golden" / "kafka-4.4.0-admin.json").read_text())
    found = json.loads(json.dumps(transcript("127.0.0.1", kafka.ports[0])))
    for step, answer in golden.items():
        assert found[step] == answer, step


def test_the_config_tables_are_those_of_kafkas_jars(kafka_jars: Path) -> None:
    generator = TESTS / "config_keys" / "oracle" / "generate.py"
    done = subprocess.run([sys.executable, str(generator), str(kafka_jars), "--check"], check=False)
    assert done.returncode == 0, "run tests/config_keys/oracle/generate.py and look at what changed"
