"""The transcripts that our groups are held to are what a real Kafka answers today."""

import json
from collections.abc import Callable
from pathlib import Path

from groups.group_scripts import CONFIG, SCRIPTS, transcript

from bench.peers.kafka import KafkaCluster

GOLDEN = Path(__file__).parents[1] / "groups" / "golden" / "kafka-4.3.1.json"


def test_a_real_kafka_still_answers_the_scripts_as_written_down(start_kafka: Callable[..., KafkaCluster]) -> None:
    kafka = start_kafka(1, CONFIG)
    golden = json.loads(GOLDEN.read_text())
    for script in SCRIPTS:
        found = transcript(kafka.bootstrap, script, script.__name__.replace("_", "-"))
        assert json.loads(json.dumps(found)) == golden[script.__name__], script.__name__
