"""The same scripts of group requests, the same answers: a broker of ours over TCP beside what Apache Kafka answered.

``golden/make.py`` made a real Kafka answer; its transcripts are compared with ours field by field.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from groups.group_scripts import CONFIG, POLICY, SCRIPTS, transcript, transcript_under
from groups.migration_scripts import POLICIES
from groups.wire import Wire

from actors.cluster import Cluster

GOLDEN = json.loads((Path(__file__).parent / "golden" / "kafka-4.4.0.json").read_text())


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    cluster = Cluster(1, listen="127.0.0.1:0", config=CONFIG)
    yield cluster.bootstrap_servers
    cluster.close()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_groups_answer_as_kafka_does(bootstrap: str, script: Callable[[Wire, str], None]) -> None:
    found = transcript(bootstrap, script, script.__name__.replace("_", "-"))
    assert json.loads(json.dumps(found)) == GOLDEN[script.__name__]


@pytest.mark.parametrize("policy", POLICIES)
def test_groups_migrate_as_the_policy_allows_in_kafka(policy: str) -> None:
    with Cluster(1, listen="127.0.0.1:0", config={**CONFIG, POLICY: policy}) as cluster:
        found = transcript_under(policy, cluster.bootstrap_servers)
    assert json.loads(json.dumps(found)) == GOLDEN[f"{POLICY}={policy}"]
