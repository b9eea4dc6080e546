"""A broker takes changes of its own configs, of those of all brokers and of topics; another's are not its to check."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from controller.asking import Client

from actors.cluster import Cluster
from kstore import errors
from kstore.schema.messages import alter_configs, incremental_alter_configs

BROKERS = 4


def replaced(name: str) -> Any:
    config = alter_configs.AlterableConfig(name="message.max.bytes", value="77")
    resource = alter_configs.AlterConfigsResource(resource_type=BROKERS, resource_name=name, configs=[config])
    return alter_configs.AlterConfigsRequest(resources=[resource])


def changed(name: str) -> Any:
    config = incremental_alter_configs.AlterableConfig(name="message.max.bytes", value="77")
    resource = incremental_alter_configs.AlterConfigsResource(
        resource_type=BROKERS, resource_name=name, configs=[config]
    )
    return incremental_alter_configs.IncrementalAlterConfigsRequest(resources=[resource])


either = pytest.mark.parametrize("request_of", [replaced, changed])


@pytest.fixture
def client() -> Iterator[Client]:
    with Cluster(brokers=2, seed=11, wire=True) as cluster:
        yield Client(cluster)


@either
@pytest.mark.parametrize("name", ["2", ""], ids=["its own", "of all"])
def test_its_own_and_those_of_all_are_passed_on(client: Client, request_of: Callable[[str], Any], name: str) -> None:
    (answer,) = client.ask(request_of(name), node=2).responses
    assert answer.error_code == 0
    client.cluster.wait_for(lambda: client.cluster.image(2).config(BROKERS, name) == {"message.max.bytes": "77"})


@either
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("1", "Unexpected broker id, expected 2, but received 1"),
        ("9", "Unexpected broker id, expected 2, but received 9"),
        ("one", "Node id must be an integer, but it is: one"),
    ],
)
def test_anothers_are_refused_and_the_rest_is_done(
    client: Client, request_of: Callable[[str], Any], name: str, why: str
) -> None:
    both = request_of(name)
    both.resources += request_of("2").resources
    answers = {answer.resource_name: answer for answer in client.ask(both, node=2).responses}
    assert (answers[name].error_code, answers[name].error_message) == (errors.InvalidRequest.code, why)
    assert answers["2"].error_code == 0
