"""The clients' keywords: defaults and bounds are the Java client's, names kafka-python's, and nothing is silent."""

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clients.keyword_documents import CLASSES
from hypothesis import given
from hypothesis import strategies as st

from actors.clients.keywords.config import Keyword
from actors.clients.keywords.table import AdminConfig, ConsumerConfig, ProducerConfig
from kstore.errors.config import ConfigError

GOLDEN = Path(__file__).parent / "golden" / "client_configs.tsv"
CLIENTS = Path(__file__).parents[2] / "actors" / "clients"

# Defaults that differ from the Java client's, and why.
DIFFERENT: dict[tuple[str, str], str] = {
    ("producer", "acks"): "the same, as the number that goes over the wire",
    ("producer", "key_serializer"): "required in Java; here bytes are taken as they are",
    ("producer", "value_serializer"): "required in Java; here bytes are taken as they are",
    ("consumer", "key_deserializer"): "required in Java; here bytes are given as they are",
    ("consumer", "value_deserializer"): "required in Java; here bytes are given as they are",
    ("consumer", "partition_assignment_strategy"): "the same, by the assignors' names instead of classes",
}

KAFKA_PYTHON = (Path(__file__).parent / "golden" / "kafka_python_keywords.tsv").read_text().splitlines()


def java_keys() -> list[dict[str, str]]:
    names = ("client", "name", "type", "default", "validator")
    with GOLDEN.open() as rows:
        return list(csv.DictReader(rows, names, delimiter="\t"))


def kafka_python(kind: str) -> set[str]:
    return {line.partition("\t")[2] for line in KAFKA_PYTHON if line.startswith(f"{kind}\t")}


def java_value(key: dict[str, str]) -> Any:
    text = key["default"]
    if text == "(null)":
        return None
    read: dict[str, Callable[[str], object]] = {"INT": int, "LONG": int, "BOOLEAN": lambda t: t == "true"}
    return read.get(key["type"], str)(text)


ROWS = {(kind, name): row for kind, config in CLASSES.items() for name, row in config.rows().items()}
HERE = {(kind, row.java or name.replace("_", ".")): name for (kind, name), row in ROWS.items() if row.java is not None}
TAKEN = [key for key in java_keys() if (key["client"], key["name"]) in HERE]
NOT_TAKEN = [key for key in java_keys() if key not in TAKEN and key["name"] != "bootstrap.servers"]


def row_of(key: dict[str, str]) -> tuple[str, Keyword]:
    """The keyword that is a key of Java's, and its row."""
    name = HERE[key["client"], key["name"]]
    return name, ROWS[key["client"], name]


def test_the_java_clients_keys_are_all_there() -> None:
    assert len(java_keys()) > 250


@pytest.mark.parametrize("key", TAKEN, ids=lambda key: f"{key['client']}-{key['name']}")
def test_a_default_is_the_java_clients(key: dict[str, str]) -> None:
    name, row = row_of(key)
    assert (row.default == java_value(key)) != ((key["client"], name) in DIFFERENT)


def test_the_page_of_differences_has_every_default_that_differs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "deviations.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for (client, name), why in DIFFERENT.items():
        told = [row for row in rows if f"`{name}`" in row and f" of a {client} |" in row]
        assert len(told) == (0 if why.startswith("the same") else 1), (client, name)


@pytest.mark.parametrize("key", TAKEN, ids=lambda key: f"{key['client']}-{key['name']}")
def test_a_bound_is_the_java_clients(key: dict[str, str]) -> None:
    name, row = row_of(key)
    low = re.match(r"\[(-?\d+),\.\.\.", key["validator"])
    if low is not None:
        assert row.rule(name, int(low[1])) == int(low[1])
        with pytest.raises(ConfigError, match=f"{name} takes"):
            row.rule(name, int(low[1]) - 1)


@pytest.mark.parametrize("key", NOT_TAKEN, ids=lambda key: f"{key['client']}-{key['name']}")
def test_a_key_of_the_java_client_that_is_not_taken_is_refused_by_its_name(key: dict[str, str]) -> None:
    name = key["name"].replace(".", "_")
    with pytest.raises(ConfigError, match=f"the keyword {name} (is|means)"):
        CLASSES[key["client"]].parse({name: "x"})


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_every_keyword_of_kafka_pythons_is_taken_or_refused_with_a_reason(kind: str) -> None:
    names = kafka_python(kind) - {"bootstrap_servers"}
    unknown = {name for name in names - set(CLASSES[kind].rows()) if CLASSES[kind].why_refused(name) is None}
    assert unknown == set()


def test_every_keyword_is_a_key_of_java_or_of_kafka_python_alone() -> None:
    java = {(key["client"], key["name"]) for key in java_keys()}
    assert set(HERE) <= java
    own = {(kind, name) for (kind, name), row in ROWS.items() if row.java is None}
    assert own == {each for each in ROWS if each[1] in kafka_python(each[0])} - {(k, HERE[k, n]) for k, n in set(HERE)}
    assert own & {(kind, name.replace(".", "_")) for kind, name in java} == set()


def test_no_keyword_is_taken_and_refused() -> None:
    for config in CLASSES.values():
        refused = {*config.later.split(), *config.meaningless, *config.refused}
        assert refused & set(config.rows()) == set()


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_the_defaults_pass_their_own_rules(kind: str, name: str) -> None:
    row = ROWS[kind, name]
    assert row.rule(name, row.default) == row.default


def test_an_unknown_keyword_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"^a producer has no keyword linger \(did you mean linger_ms\?\)$"):
        ProducerConfig.parse({"linger": 5})
    with pytest.raises(ConfigError, match=r"^an admin has no keyword zzz$"):
        AdminConfig.parse({"zzz": 5})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("producer", "transaction_two_phase_commit_enable", True),
        ("producer", "security_protocol", "SASL_SSL"),
        ("consumer", "auto_offset_reset", "by_duration:PT1H"),
        ("admin", "sasl_mechanism", "PLAIN"),
        ("admin", "ssl_cafile", "ca.pem"),
    ],
)
def test_what_a_later_version_will_do_is_refused_as_such(kind: Any, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name}.* is not implemented yet"):
        CLASSES[kind].parse({name: value})


def test_none_asks_nothing_of_a_later_version() -> None:
    assert ProducerConfig.parse({"proxy_url": None, "ssl_context": None}).given == frozenset()


@pytest.mark.parametrize("value", [True, "5", 1.5, -1, None, 2**31, [], float("nan")])
def test_a_number_must_be_one(value: object) -> None:
    with pytest.raises(ConfigError, match="request_timeout_ms takes a whole number of milliseconds, at least 0; got "):
        AdminConfig.parse({"request_timeout_ms": value})


def test_values_are_what_the_client_uses() -> None:
    config = ProducerConfig.parse({"acks": "all", "compression_type": None, "retries": float("inf"), "linger_ms": 2.0})
    assert (config.acks, config.compression_type, config.retries, config.linger_ms) == (-1, "none", 2**31 - 1, 2)
    assert config.given == {"acks", "compression_type", "retries", "linger_ms"}
    assert ProducerConfig.parse({"acks": "1"}).acks == 1
    assert ConsumerConfig.parse({"partition_assignment_strategy": "range"}).partition_assignment_strategy == ("range",)
    assert ConsumerConfig.parse({"consumer_timeout_ms": -1}).consumer_timeout_ms == float("inf")


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"session_timeout_ms": 45_000}, "session_timeout_ms.*the broker sets it"),
        ({"heartbeat_interval_ms": 3_000}, "heartbeat_interval_ms.*the broker sets it"),
        ({"partition_assignment_strategy": "range"}, "partition_assignment_strategy.*group_remote_assignor"),
    ],
)
def test_what_the_broker_decides_cant_be_given_with_the_consumer_protocol(
    keywords: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=f"{said}"):
        ConsumerConfig.parse({"group_protocol": "consumer", **keywords})
    assert ConsumerConfig.parse({"group_protocol": "classic", **keywords})
    assert ConsumerConfig.parse({"group_protocol": "consumer"}).group_protocol == "consumer"


def test_an_assignor_of_the_brokers_is_for_the_consumer_protocol() -> None:
    with pytest.raises(ConfigError, match='group_remote_assignor needs group_protocol="consumer"'):
        ConsumerConfig.parse({"group_remote_assignor": "range"})
    config = ConsumerConfig.parse({"group_protocol": "consumer", "group_remote_assignor": "range"})
    assert config.group_remote_assignor == "range"


@pytest.mark.parametrize("value", ["two", 2, True, None, "ALL"])
def test_acks_are_none_one_or_all(value: object) -> None:
    with pytest.raises(ConfigError, match='acks takes 0, 1 or "all"'):
        ProducerConfig.parse({"acks": value})


def test_a_serializer_is_a_callable_or_has_a_method() -> None:
    class Upper:
        def serialize(self, topic: str, value: str) -> bytes:
            return value.upper().encode()

    ProducerConfig.parse({"key_serializer": str.encode, "value_serializer": Upper()})
    with pytest.raises(ConfigError, match="value_serializer takes a callable, an object with a method serialize"):
        ProducerConfig.parse({"value_serializer": "utf-8"})


def test_a_heartbeat_fits_into_a_session() -> None:
    with pytest.raises(ConfigError, match=r"heartbeat_interval_ms \(3000\) must be lower than session_timeout_ms"):
        ConsumerConfig.parse({"session_timeout_ms": 3000})
    ConsumerConfig.parse({"session_timeout_ms": 3001})


def test_a_fetch_waits_shorter_than_a_request() -> None:
    with pytest.raises(ConfigError, match=r"fetch_max_wait_ms \(500\) must be lower than request_timeout_ms"):
        ConsumerConfig.parse({"request_timeout_ms": 500})


def test_only_a_group_commits_by_itself() -> None:
    assert ConsumerConfig.parse({}).enable_auto_commit is False
    assert ConsumerConfig.parse({"group_id": "g"}).enable_auto_commit is True
    with pytest.raises(ConfigError, match="enable_auto_commit=True needs a group_id"):
        ConsumerConfig.parse({"enable_auto_commit": True})


def test_a_delivery_takes_at_least_a_request() -> None:
    with pytest.raises(ConfigError, match=r"delivery_timeout_ms \(10\) must be at least .* \(30005\)"):
        ProducerConfig.parse({"delivery_timeout_ms": 10})
    assert ProducerConfig.parse({"request_timeout_ms": 200_000}).delivery_timeout_ms == 200_005


def test_an_admins_call_takes_at_least_a_request() -> None:
    with pytest.raises(ConfigError, match=r"default_api_timeout_ms \(10\) must be at least"):
        AdminConfig.parse({"default_api_timeout_ms": 10})
    assert AdminConfig.parse({"request_timeout_ms": 200_000}).default_api_timeout_ms == 200_000


def test_a_config_stays_as_it_was_made_and_shows_what_was_given() -> None:
    config = ProducerConfig.parse({"linger_ms": 1, "acks": 0})
    with pytest.raises(AttributeError, match="linger_ms can't be set later"):
        config.linger_ms = 2
    assert repr(config) == "ProducerConfig(acks=0, linger_ms=1)"
    assert (ProducerConfig.parse({}).linger_ms, ConsumerConfig.parse({}).fetch_min_bytes) == (5, 1)


@given(st.sampled_from(sorted(ROWS)), st.one_of(st.none(), st.integers(), st.text(), st.floats(), st.lists(st.none())))
def test_no_value_does_worse_than_a_config_error(each: tuple[str, str], value: object) -> None:
    name = each[1]
    try:
        ROWS[each].rule(name, value)
    except ConfigError as error:
        assert name in str(error)  # noqa: PT017 (most values are fine)


def test_a_keyword_with_more_than_one_value_is_read_by_somebody() -> None:
    places = (CLIENTS, CLIENTS.parent / "network")
    code = "".join(path.read_text() for place in places for path in place.rglob("*.py*") if path.suffix != ".pyc")
    read = set(re.findall(r"\b_?(?:config|settings)\.(\w+)", code))
    assert sorted({name for _, name in ROWS} - read) == [
        "client_dns_lookup",
        "security_protocol",
    ]


def test_reading_keywords_loads_no_broker() -> None:
    show = "import sys, actors.clients.keywords.table; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, timeout=60, check=True)
    heavy = {"actors.broker", "actors.runtime", "kstore.log", "kstore.schema", "kstore.records"}
    assert heavy & set(done.stdout.split()) == set()
