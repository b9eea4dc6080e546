"""An application on Kafka Streams, stateless and with a state that a changelog topic keeps, on both Kafkas.

It is the one of ``docs/frameworks.md``, with the same tests, in an environment that the package index and Maven give.
"""

import pytest
from frameworks.catalogue import FRAMEWORKS
from frameworks.document import names_of_tests, problems
from frameworks.outcomes import ran
from frameworks.results import Results
from frameworks.servers import NAMES, started


@pytest.mark.parametrize("kafka", NAMES)
@pytest.mark.usefixtures("kafka_jars")
def test_what_kafka_streams_needs_is_there(kafka: str) -> None:
    framework = next(each for each in FRAMEWORKS if each.maven)
    with started(kafka) as (bootstrap, seconds):
        outcomes = ran(framework, bootstrap)
    results = Results({})
    results.keep(framework.name, {}, kafka, outcomes, seconds)
    assert sorted(outcomes) == names_of_tests(framework)
    assert problems(results) == []
