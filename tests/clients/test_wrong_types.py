"""Arguments of the wrong type are refused in the call that has them, by a line that names the argument; nothing breaks.

Every public method of what ``kstore`` exports has a row in ``wrong_calls``, with the kind of each parameter; and
``wrong_values`` the values. A method or a parameter without a row fails here.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from clients import wrong_values
from clients.keyword_documents import CLASSES as CONFIGS
from clients.wrong_calls import CALLED_BY_KSTORE, CLASSES, COMPACTED, PARTS, ROWS, Row
from clients.wrong_values import PLACE, TOPIC

import kstore
from actors.clients.consumer.columns import BytesColumn
from kstore import Cluster, TopicPartition
from kstore.errors import KafkaError, for_code

CASES = [(owner, name) for owner, rows in ROWS.items() for name in rows]
LINE_MAX = 700


class Made:
    """A cluster with a topic, and a client of each kind."""

    def __init__(self, **how: Any) -> None:
        self.cluster = Cluster(**how)
        self.faults = self.cluster.faults
        self.trace = self.cluster.trace
        self.cluster.create_topic(TOPIC)
        self.cluster.create_topic(COMPACTED, config={"cleanup.policy": "compact"})
        self.over_tcp = {"bootstrap_servers": self.cluster.bootstrap_servers} if "listen" in how else None
        self.opened: list[Any] = []

    def _open(self, kind: str, **keywords: Any) -> Any:
        made = (
            getattr(self.cluster, kind)(**keywords)
            if self.over_tcp is None
            else getattr(kstore, kind.capitalize())(**self.over_tcp, **keywords)
        )
        self.opened.append(made)
        return made

    def __getattr__(self, name: str) -> Any:
        made = getattr(self, f"_{name}")()
        if name != "fresh":
            setattr(self, name, made)
        return made

    def _producer(self) -> Any:
        return self._open("producer", max_block_ms=2_000)

    def _idle(self) -> Any:
        return self._open("producer", max_block_ms=2_000, transactional_id="idle")

    def _teller(self) -> Any:
        producer = self._open("producer", max_block_ms=2_000, transactional_id="teller")
        producer.init_transactions()
        producer.begin_transaction()
        return producer

    def _consumer(self) -> Any:
        consumer = self._open("consumer", group_id="g", auto_offset_reset="earliest")
        consumer.assign([PLACE])
        return consumer

    def _fresh(self) -> Any:
        return self._open("consumer", group_id=f"g-{len(self.opened)}")

    def _admin(self) -> Any:
        return self._open("admin")

    def _other(self) -> Any:
        return Cluster.unstarted(seed=2)

    def _column(self) -> Any:
        return BytesColumn(np.frombuffer(b"abcd", np.uint8), np.array([0, 2, 4]), np.array([False, False]))

    def _frozen(self) -> Any:
        return self.cluster.freeze()

    def _spawned(self) -> Any:
        return self.cluster.spawn(bool)

    def _Future(self) -> Any:  # noqa: N802
        return self.producer.send(TOPIC, b"v")

    def _ManyFuture(self) -> Any:  # noqa: N802
        return self.producer.send_many(TOPIC, [b"v"])

    def _CommitFuture(self) -> Any:  # noqa: N802
        return self.consumer.commit_async({PLACE: 0})

    def check_it_goes_on(self) -> None:
        """A record goes in and comes out."""
        assert self.cluster.world.crashes == []
        assert all(client._world.crashes == [] for client in self.opened)
        before = len(self.cluster.records(TOPIC))
        with self.cluster.producer() as producer:
            producer.send(TOPIC, b"still there").get(timeout=30)
        with self.cluster.consumer(TOPIC, auto_offset_reset="earliest") as consumer:
            assert len(list(itertools.islice(consumer, before + 1))) == before + 1

    def close(self) -> None:
        for each in self.opened:
            each.close()
        self.cluster.close()


@pytest.fixture(scope="module")
def in_process() -> Iterator[Made]:
    made = Made(brokers=2, seed=1)
    yield made
    made.close()


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[Made]:
    made = Made(brokers=2, listen="127.0.0.1:0")
    yield made
    made.close()


def public_methods(cls: type) -> set[str]:
    """The names of the methods that a class has of ours."""
    found = set()
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if not name.startswith("_") and not owner.__module__.startswith(("builtins", "collections", "typing")):
            member = inspect.getattr_static(cls, name)
            if callable(getattr(cls, name)) and not isinstance(member, property):
                found.add(name)
    return found


def parameters(function: Any) -> set[str]:
    return {name for name in inspect.signature(function).parameters if name != "self"}


def is_an_error(cls: type) -> bool:
    return issubclass(cls, BaseException)


@pytest.mark.parametrize("cls", [each for each in CLASSES if not is_an_error(each)], ids=lambda cls: cls.__name__)
def test_every_public_method_has_a_row_and_every_parameter_a_kind(cls: type) -> None:
    rows = ROWS.get(cls.__name__, {})
    methods = set() if cls.__name__ in CALLED_BY_KSTORE else public_methods(cls) - PARTS
    assert set(rows) == methods
    for name, row in rows.items():
        assert set(row.params) == parameters(getattr(cls, name)), name


def call(made: Made, name: str, row: Row, arguments: dict[str, Any]) -> Any:
    method = getattr(row.on(made), name)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for each in inspect.signature(method).parameters.values():
        if each.name not in arguments:
            continue
        if each.kind is each.VAR_POSITIONAL:
            positional += arguments[each.name]
        elif each.kind is each.VAR_KEYWORD:
            named |= arguments[each.name]
        elif each.kind is each.KEYWORD_ONLY:
            named[each.name] = arguments[each.name]
        else:
            positional.append(arguments[each.name])
    return method(*positional, **named)


def refused(made: Made, name: str, row: Row, argument: str, value: Any) -> str | None:
    """What is wrong with how a wrong value is refused; None if nothing is."""
    given = shown(value)
    arguments = {each: good for each, (_, good) in row.params.items()} | {argument: value}
    try:
        result = call(made, name, row, arguments)
    except KafkaError:
        return None
    except (TypeError, ValueError) as error:
        said = str(error)
        if argument not in said and "the value of segment.ms" not in said:
            return f"{argument}={given}: {type(error).__name__} doesn't name it: {said[:200]}"
        return None if len(said) < LINE_MAX else f"{argument}={given}: a line of {len(said)}"
    except BaseException as error:  # noqa: BLE001 - what the test is about
        return f"{argument}={given}: {type(error).__name__} {str(error)[:200]}"
    return f"{argument}={given}: taken, gives {shown(result)}"


def shown(value: Any) -> str:
    try:
        return repr(value)[:100]
    except Exception as error:  # noqa: BLE001
        return f"{type(value).__name__} ({error})"


@pytest.mark.parametrize("target", ["in_process", "over_tcp"])
@pytest.mark.parametrize(("owner", "name"), CASES, ids=[".".join(case) for case in CASES])
def test_wrong_values_are_refused_at_the_call_and_everything_goes_on(
    request: pytest.FixtureRequest, target: str, owner: str, name: str
) -> None:
    if owner == "Spawned" and target == "over_tcp":
        pytest.skip("only a cluster with a seed spawns")
    made = request.getfixturevalue(target)
    row = ROWS[owner][name]
    wrongs = [
        wrong
        for argument, (kind, _) in row.params.items()
        for value in kind.wrong()
        if (wrong := refused(made, name, row, argument, value)) is not None
    ]
    assert wrongs == []
    made.check_it_goes_on()


RIGHT = [
    (owner, name, argument, value)
    for owner, rows in ROWS.items()
    for name, row in rows.items()
    for argument, (kind, _) in row.params.items()
    for value in kind.right
    if name not in ("kill", "restart", "pause", "kill_node", "restart_node", "unstarted", "close")
]


@pytest.mark.parametrize(("owner", "name", "argument", "value"), RIGHT)
def test_right_values_are_taken_numpys_numbers_among_them(
    in_process: Made, owner: str, name: str, argument: str, value: Any
) -> None:
    row = ROWS[owner][name]
    arguments = {each: good for each, (_, good) in row.params.items()} | {argument: value}
    with suppress(KafkaError, TimeoutError):  # of what was asked, which is another matter
        call(in_process, name, row, arguments)
    assert in_process.cluster.world.crashes == []


KINDS_OF_VALUES: list[tuple[type, dict[str, Any], list[str], list[str]]] = [
    (kstore.TopicPartition, {"topic": "t", "partition": 0}, ["topic"], ["partition"]),
    (
        kstore.OffsetAndMetadata,
        {"offset": 5, "metadata": "", "leader_epoch": 1},
        ["metadata"],
        ["offset", "leader_epoch"],
    ),
    (kstore.GroupMetadata, {"group_id": "g"}, ["group_id", "member_id"], ["generation_id"]),
    (kstore.OffsetAndTimestamp, {"offset": 5, "timestamp": 0, "leader_epoch": 1}, [], ["offset", "timestamp"]),
    (kstore.RecordMetadata, {"topic": "t", "partition": 0, "offset": 0, "timestamp": 0}, ["topic"], ["partition"]),
    (kstore.SentRange, {"topic": "t", "partition": 0, "offset": 0, "records": 1}, ["topic"], ["records"]),
    (kstore.NewTopic, {"name": "t", "num_partitions": 1}, ["name"], ["num_partitions", "replication_factor"]),
    (kstore.NewPartitions, {"total_count": 3}, [], ["total_count"]),
    (kstore.ConfigResource, {"resource_type": "topic", "name": "t"}, ["resource_type", "name"], []),
    (
        kstore.AbortTransactionSpec,
        {"topic_partition": PLACE, "producer_id": 5, "producer_epoch": 0},
        [],
        ["producer_id", "producer_epoch", "coordinator_epoch"],
    ),
    (kstore.MemberToRemove, {"member_id": "m"}, ["member_id", "group_instance_id", "reason"], []),
    (kstore.OffsetTimestamp, {"time_ms": 5}, [], ["time_ms"]),
    (kstore.ConsumerRecord, {"topic": "t", "partition": 0, "offset": 5}, ["topic"], ["partition", "offset"]),
]

VALUES: list[tuple[type, dict[str, Any], str, list[Any]]] = [
    (cls, good, field, values)
    for cls, good, texts, numbers in KINDS_OF_VALUES
    for field, values in [
        *((field, [each for each in wrong_values.NO_TEXT if each is not None]) for field in texts),
        *((field, list(wrong_values.NO_WHOLE)) for field in numbers),
    ]
]


@pytest.mark.parametrize(("cls", "good", "field", "values"), VALUES, ids=[f"{v[0].__name__}.{v[2]}" for v in VALUES])
def test_a_value_is_refused_when_it_is_made(cls: type, good: dict[str, Any], field: str, values: list[Any]) -> None:
    cls(*good.values())
    for value in [*values, *wrong_values.things()]:
        with pytest.raises(TypeError):
            cls(**{**good, field: value})


def test_a_value_has_plain_numbers_whatever_they_were_given_as() -> None:
    made = TopicPartition("t", np.int64(3))  # type: ignore[arg-type]
    assert made == ("t", 3)
    assert repr(made) == "TopicPartition(topic='t', partition=3)"
    made = made._replace(partition=np.uint8(4))  # type: ignore[arg-type]
    assert repr(made) == "TopicPartition(topic='t', partition=4)"
    assert kstore.OffsetAndMetadata(5, None) == (5, "", -1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"TopicPartition.partition is a whole number; got '0'"):
        made._replace(partition="0")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"TopicPartition.topic is a text; got None"):
        TopicPartition(None, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_keyword_is_refused_by_its_name_whatever_its_value(in_process: Made, kind: str) -> None:
    make = getattr(in_process.cluster, kind)
    for name in CONFIGS[kind].rows():
        for value in [[], {}, [[]], object(), wrong_values.Unhashable(), wrong_values.Unspeakable(), 1j, -7, 2**70]:
            with pytest.raises(kstore.ConfigError, match=name):
                make(**{name: value})
    for value in (wrong_values.SURROGATE, wrong_values.LONG, wrong_values.EURO, b"id", 5, True):
        with pytest.raises(kstore.ConfigError, match="client_id"):
            make(client_id=value)


@pytest.mark.parametrize("name", ["group_id", "group_instance_id", "client_rack"])
def test_texts_of_a_consumer_can_be_sent(in_process: Made, name: str) -> None:
    for value in (wrong_values.SURROGATE, wrong_values.LONG, wrong_values.EURO, b"id", 5, True):
        how: dict[str, Any] = {name: value}
        with pytest.raises(kstore.ConfigError, match=name):
            in_process.cluster.consumer(**how)


def test_a_code_that_cannot_be_is_no_error_of_kafkas() -> None:
    assert for_code(np.int16(6)).code == 6  # type: ignore[arg-type]
    for value in [*wrong_values.NO_WHOLE, 2**15, *wrong_values.HUGE, *wrong_values.things()]:
        with pytest.raises((TypeError, ValueError), match="code"):
            for_code(value)


def test_keywords_of_the_pytest_mark_are_refused_by_their_names() -> None:
    from actors.testing.pool import Pool, Shape, shape_of
    from kstore.testing.plugin import how_many

    for value in [None, "3", 5.5, 0, -1, 2**31, object()]:
        with pytest.raises(kstore.ConfigError, match="brokers"):
            shape_of(Shape(1, ()), [{"brokers": value}])
        with pytest.raises((TypeError, ValueError), match="seeds"):
            how_many(value if value != 2**31 else 2**63)
    for value in [5, "a=1", ["a=1"], {"num.partitions": None}, {5: "1"}]:
        with pytest.raises(kstore.ConfigError, match="config"):
            shape_of(Shape(1, ()), [{"config": value}])
    with pytest.raises(kstore.ConfigError, match="kstore_brokers"):
        Pool("two", [])
