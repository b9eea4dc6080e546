"""Our answers to the admin scripts are those of Apache Kafka, written down once: codes, messages, values, sources."""

import json
from pathlib import Path

import pytest
from controller.admin_scripts import CONFIG, Transcript, same, transcript

from actors.cluster import Cluster

KAFKAS: Transcript = json.loads((Path(__file__).parent / "golden" / "kafka-4.4.0-admin.json").read_text())


@pytest.fixture(scope="module")
def ours() -> Transcript:
    with Cluster(brokers=1, listen="127.0.0.1:0", config=CONFIG) as cluster:
        host, _, port = cluster.bootstrap_servers.rpartition(":")
        found: Transcript = json.loads(json.dumps(transcript(host, int(port))))
        return found


@pytest.mark.parametrize("step", KAFKAS)
def test_a_step_is_answered_as_kafka_answers_it(ours: Transcript, step: str) -> None:
    assert same(ours[step], KAFKAS[step]), (ours[step], KAFKAS[step])


def test_the_scripts_have_no_other_steps(ours: Transcript) -> None:
    assert set(ours) == set(KAFKAS)
