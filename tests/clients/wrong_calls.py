"""Every public method of what ``kstore`` exports: on what it is called, and what its parameters take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clients import wrong_transactions
from clients import wrong_values as wrong
from clients.wrong_values import (
    FLAG,
    FUNCTION,
    OFFSETS,
    PARTITION,
    PLACE,
    PLACE_KIND,
    PLACES,
    SECONDS,
    SECONDS_OR_NONE,
    SOME_PLACES,
    TEXT,
    TEXT_OR_NONE,
    TOPIC,
    Kind,
)

import kstore
from actors.clients.consumer.columns import BytesColumn
from actors.clients.consumer.commit_future import CommitFuture
from actors.clients.producer.futures import Future, ManyFuture
from actors.cluster.brokers import ClusterBroker, ClusterBrokers
from actors.cluster.faults import Faults
from actors.cluster.freeze import Frozen
from actors.runtime.hub import Spawned
from kstore import AbortTransactionSpec, ConfigResource, GroupMetadata, NewTopic
from kstore.named import NamedTuple

CLASSES: tuple[type, ...] = (
    *(each for name in kstore.__all__ if isinstance(each := getattr(kstore, name), type)),
    Faults,
    ClusterBrokers,
    ClusterBroker,
    Frozen,
    Spawned,
    Future,
    ManyFuture,
    CommitFuture,
    BytesColumn,
)
PARTS = {
    *"as_fault boot boot_again claim controller_ref end is_known is_ready is_starting leave living".split(),
    *"lost find_topic refused signal send_open wait call_back follow tell settle of".split(),
}
"""What the parts of a cluster or a client say to each other: in no reference."""

CALLED_BY_KSTORE = {"ConsumerRebalanceListener"}
"""Whose methods are the user's."""

Param = tuple[Kind, Any]


class Row(NamedTuple):
    """``on`` gives what is called; each parameter with its kind and a value that is right."""

    on: Callable[[Any], Any]
    params: Mapping[str, Param]


def of(on: str, **params: Param) -> Row:
    return Row(lambda made: getattr(made, on), params)


def whole(low: int, high: int, good: int) -> Param:
    return Kind(wrong.whole(low, high), (good,)), good


def any_of(good: str) -> Param:
    """A parameter that takes one of some texts."""
    return Kind(lambda: [*wrong.NO_TEXT, "", "nothing", *wrong.things()]), good


def maybe(param: Param) -> Param:
    """A parameter that None may be given for."""
    kind, good = param
    return Kind(wrong.or_none(kind.wrong), kind.right), good


INT, LONG, SHORT = 2**31 - 1, 2**63 - 1, 2**15 - 1
COMPACTED = "compacted"
topic: Param = TEXT, TOPIC
group: Param = TEXT, "g"
flag: Param = FLAG, False
partition: Param = PARTITION, 0
place: Param = PLACE_KIND, PLACE
places: Param = PLACES, [PLACE]
some: Param = SOME_PLACES, (PLACE,)
wait: Param = SECONDS, 5
wait_or_none: Param = SECONDS_OR_NONE, 5
function: Param = FUNCTION, bool
broker: Param = Kind(wrong.broker, (1,)), 1
names: Param = Kind(wrong.names, ([TOPIC], {TOPIC})), [TOPIC]
path: Param = Kind(wrong.path), "/tmp"
broker_ids: Param = Kind(lambda: [*wrong.NO_LIST, "12", [None], ["1"], [5.5], [2**31], [True], [[]], object()]), [1]
timestamps: Param = Kind(wrong.at_places(wrong.whole(0, LONG))), {PLACE: 5}
specs: Param = Kind(wrong.at_places(wrong.whole(-3, LONG))), {PLACE: 0}
times: Param = Kind(wrong.at_places(wrong.whole(-(2**63), LONG))), {PLACE: 0}
records: Param = Kind(wrong.at_places(wrong.whole(-1, LONG))), {PLACE: 0}
described: Param = Kind(wrong.resources(values=False)), [ConfigResource("topic", TOPIC)]
altered: Param = Kind(wrong.resources(values=True)), [ConfigResource("topic", TOPIC, {"segment.ms": 1_000_000})]
keywords: Param = Kind(list), {}
transport: Param = Kind(list), None

CALLBACKS = {"function": function, "args": (Kind(list), ()), "kwargs": (Kind(list), {})}

CLUSTER = {
    "create_topic": of(
        "cluster",
        name=(TEXT, "made"),
        partitions=whole(-1, INT, 1),
        replication_factor=maybe(whole(-1, SHORT, 1)),
        config=(Kind(wrong.config), {"segment.ms": 5_000_000}),
        timeout=wait,
    ),
    "producer": of("cluster", keywords=keywords),
    "consumer": of("cluster", topics=(Kind(lambda: [(each,) for each in wrong.text()]), (TOPIC,)), keywords=keywords),
    "admin": of("cluster", keywords=keywords),
    "leader": of("cluster", topic=topic, partition=partition, timeout=wait),
    "isr": of("cluster", topic=topic, partition=partition, timeout=wait),
    "records": of("cluster", topic=topic, n=maybe(whole(0, LONG, 1)), partition=maybe(partition), timeout=wait),
    "committed": of("cluster", group=group, timeout=wait),
    "lag": of("cluster", group=group, timeout=wait),
    "expire": of("cluster", topic=topic, timeout=wait),
    "scrub": of("cluster", topic=topic, timeout=wait),
    "compact": of("cluster", topic=(Kind(wrong.text, (COMPACTED,)), COMPACTED), timeout=wait),
    "reset": of("cluster"),
    "freeze": of("cluster"),
    "wait_for": of("cluster", predicate=(FUNCTION, lambda: True), timeout=wait),
    "wait_for_group": of("cluster", group=group, members=maybe(whole(0, INT, 0)), state=any_of("Empty"), timeout=wait),
    "run_for": of("cluster", seconds=(SECONDS, 0.1)),
    "run_until": of("cluster", predicate=(FUNCTION, lambda: True), timeout=wait),
    "spawn": of("cluster", function=function, args=(Kind(list), ())),
    "close": of("other"),
    "start": of("other", thread=flag, given_up=function),
    "image": of("cluster", node_id=maybe(broker)),
    "kill_node": of("cluster", node_id=broker),
    "restart_node": of("other", node_id=(Kind(wrong.broker), 1)),
    "unstarted": of(
        "cluster",
        brokers=maybe((Kind(lambda: [*wrong.NO_WHOLE, 0, -1, 2**31, *wrong.HUGE, *wrong.things()], (1,)), 1)),
        node_ids=(Kind(wrong.node_ids, ([1], (1,), {1})), [1]),
        data_dir=maybe(path),
        listen=(Kind(wrong.addresses), None),
        advertise=(Kind(wrong.addresses), None),
        seed=(Kind(wrong.or_none(lambda: [*wrong.NO_WHOLE, *wrong.things()]), (3,)), 3),
        config=(Kind(wrong.config), None),
        name=(Kind(wrong.text_or_none), None),
        trace_rows=whole(1, 2**26, 1024),
        trace_file=maybe((Kind(wrong.path), None)),
        wire=flag,
        unknown=keywords,
    ),
}
FAULTS = {
    "kill": of("faults", broker=broker),
    "restart": of("faults", broker=broker),
    "pause": of("faults", broker=broker),
    "resume": of("faults", broker=broker),
    "partition": of("faults", some=(Kind(wrong.ends), 1), others=(Kind(wrong.ends), 2), both_ways=flag),
    "slow": of("faults", link=(Kind(lambda: [*wrong.ends(), [], [1, 2, 3]]), 1), ms=(SECONDS, 0)),
    "heal": of("faults"),
    "drop": of("faults", api=(Kind(wrong.api), "Produce"), times=whole(1, LONG, 1), broker=maybe(broker), answer=flag),
    "error": of(
        "faults",
        api=(Kind(wrong.api), "Produce"),
        code=(Kind(wrong.code), 6),
        times=whole(1, LONG, 1),
        broker=maybe(broker),
    ),
}
PRODUCER = {
    "send": of(
        "producer",
        topic=topic,
        value=(Kind(wrong.data, (b"v", bytearray(b"v"), memoryview(b"v"), None)), b"v"),
        key=(Kind(wrong.data), None),
        headers=(Kind(wrong.headers), None),
        partition=maybe(partition),
        timestamp_ms=maybe(whole(0, LONG, 1_600_000_000_000)),
    ),
    "send_many": of(
        "producer", topic=topic, values=(Kind(wrong.many), [b"v"]), keys=(Kind(wrong.or_none(wrong.many)), None)
    ),
    "init_transactions": of("idle"),
    "begin_transaction": of("idle"),
    "send_offsets_to_transaction": of(
        "teller", offsets=(OFFSETS, {PLACE: 0}), group_metadata=(Kind(wrong.group_metadata), GroupMetadata("g"))
    ),
    "commit_transaction": of("idle"),
    "abort_transaction": of("idle"),
    "transaction": of("idle"),
    "flush": of("producer", timeout=wait_or_none),
    "partitions_for": of("producer", topic=topic),
    "metrics": of("producer"),
    "close": of("producer", timeout=wait_or_none),
}
CONSUMER = {
    "subscribe": of(
        "fresh",
        topics=(Kind(lambda: [each for each in wrong.names() if each is not None]), [TOPIC]),
        pattern=(Kind(wrong.pattern), None),
        listener=(Kind(wrong.listener), None),
    ),
    "assign": of("fresh", partitions=places),
    "unsubscribe": of("fresh"),
    "subscription": of("consumer"),
    "assignment": of("consumer"),
    "poll": of("consumer", timeout_ms=(SECONDS, 0), max_records=maybe(whole(1, LONG, 5))),
    "poll_columns": of("consumer", timeout_ms=(SECONDS, 0), max_records=maybe(whole(1, 2**62, 5))),
    "wakeup": of("fresh"),
    "group_metadata": of("consumer"),
    "enforce_rebalance": of("consumer", reason=(TEXT_OR_NONE, None)),
    "metrics": of("consumer"),
    "close": of("consumer", autocommit=flag, timeout_ms=wait_or_none),
    "seek": of("consumer", partition=place, offset=(Kind(wrong.offset, (0,)), 0)),
    "seek_to_beginning": of("consumer", partitions=some),
    "seek_to_end": of("consumer", partitions=some),
    "position": of("consumer", partition=place, timeout_ms=wait_or_none),
    "highwater": of("consumer", partition=place),
    "current_lag": of("consumer", partition=place),
    "pause": of("consumer", partitions=some),
    "resume": of("consumer", partitions=some),
    "paused": of("consumer"),
    "commit": of("consumer", offsets=(OFFSETS, {PLACE: 0}), timeout_ms=(SECONDS_OR_NONE, 5_000)),
    "commit_async": of("consumer", offsets=(OFFSETS, {PLACE: 0}), callback=maybe((FUNCTION, lambda *_: None))),
    "committed": of(
        "consumer",
        partition=(Kind(lambda: [each for each in wrong.place() if not is_empty(each)]), PLACE),
        metadata=flag,
        timeout_ms=(SECONDS_OR_NONE, 5_000),
    ),
    "beginning_offsets": of("consumer", partitions=places, timeout_ms=(SECONDS_OR_NONE, 5_000)),
    "end_offsets": of("consumer", partitions=places, timeout_ms=(SECONDS_OR_NONE, 5_000)),
    "offsets_for_times": of("consumer", timestamps=timestamps, timeout_ms=(SECONDS_OR_NONE, 5_000)),
    "partitions_for_topic": of("consumer", topic=topic),
    "topics": of("consumer"),
}
ms: Param = SECONDS_OR_NONE, 5_000
ADMIN = {
    "create_topics": of(
        "admin",
        new_topics=(Kind(wrong.new_topics), [NewTopic("made-1")]),
        timeout_ms=ms,
        validate_only=flag,
        wait_for_metadata=flag,
    ),
    "delete_topics": of("admin", names=(names[0], ["gone"]), timeout_ms=ms, wait_for_metadata=flag),
    "create_partitions": of(
        "admin",
        topic_partitions=(Kind(wrong.growths), {TOPIC: 5}),
        timeout_ms=ms,
        validate_only=(FLAG, True),
        wait_for_metadata=flag,
    ),
    "list_topics": of("admin"),
    "describe_topics": of("admin", names=maybe(names)),
    "describe_cluster": of("admin"),
    "describe_metadata_quorum": of("admin"),
    "describe_features": of("admin"),
    "update_features": of(
        "admin",
        feature_updates=(Kind(wrong.levels), {"metadata.version": 33}),
        validate_only=(FLAG, True),
        timeout_ms=ms,
    ),
    "describe_log_dirs": of("admin", topic_partitions=(Kind(wrong.log_dirs), {TOPIC: [0]}), brokers=broker_ids),
    "describe_configs": of(
        "admin",
        config_resources=described,
        include_synonyms=flag,
        include_documentation=flag,
        config_filter=any_of("all"),
    ),
    "alter_configs": of("admin", config_resources=altered, validate_only=(FLAG, True), incremental=flag),
    "reset_configs": of("admin", config_resources=described, validate_only=(FLAG, True)),
    "list_groups": of(
        "admin", broker_ids=broker_ids, states_filter=(names[0], ["Empty"]), types_filter=(names[0], ["classic"])
    ),
    "describe_groups": of("admin", group_ids=(names[0], ["g"])),
    "delete_groups": of("admin", group_ids=(names[0], ["gone"])),
    "remove_group_members": of("admin", group_id=group, members=(Kind(wrong.members), ["m"])),
    "list_group_offsets": of("admin", group_specs=(Kind(wrong.groups), "g"), require_stable=flag),
    "alter_group_offsets": of("admin", group_id=(TEXT, "h"), new_offsets=(OFFSETS, {PLACE: 0})),
    "reset_group_offsets": of("admin", group_id=(TEXT, "h"), offset_specs=specs),
    "delete_group_offsets": of("admin", group_id=(TEXT, "h"), partitions=places),
    "list_partition_offsets": of(
        "admin", topic_partition_specs=times, isolation_level=any_of("read_uncommitted"), timeout_ms=ms
    ),
    "list_transactions": of(
        "admin",
        broker_ids=broker_ids,
        producer_id_filters=maybe((Kind(wrong_transactions.producer_ids), [5])),
        state_filters=maybe((Kind(wrong_transactions.states), ["Ongoing"])),
        duration_filter_ms=maybe(whole(0, LONG, 5)),
        transactional_id_pattern=(TEXT_OR_NONE, "t.*"),
    ),
    "describe_transactions": of("admin", transactional_ids=(names[0], ["tx"])),
    "describe_producers": of("admin", partitions=places, broker_id=maybe(whole(0, INT, 1))),
    "abort_transaction": of("admin", spec=(Kind(wrong_transactions.specs), AbortTransactionSpec(PLACE, 5, 0))),
    "find_hanging_transactions": of(
        "admin",
        topic_partitions=(Kind(wrong.log_dirs), {TOPIC: [0]}),
        broker_id=maybe(whole(0, INT, 1)),
        max_transaction_timeout_ms=whole(0, LONG, 5),
    ),
    "fence_producers": of("admin", transactional_ids=(names[0], ["tx"]), timeout_ms=ms),
    "force_terminate_transaction": of("admin", transactional_id=(TEXT, "tx"), timeout_ms=ms),
    "elect_leaders": of(
        "admin",
        election_type=(Kind(lambda: [None, b"preferred", 5.5, 0.5, True, -1, 2, "", "x", [], {}, *wrong.things()]), 0),
        topic_partitions=(Kind(wrong.elections), [PLACE]),
        timeout_ms=ms,
    ),
    "delete_records": of("admin", records_to_delete=records, timeout_ms=ms),
    "close": of("admin"),
}
FUTURES = {
    each: {
        "get": of(each, timeout=wait_or_none),
        "done": of(each),
        "succeeded": of(each),
        "failed": of(each),
        "add_callback": of(each, **CALLBACKS),
        "add_errback": of(each, **CALLBACKS),
        "add_both": of(each, **CALLBACKS),
    }
    for each in ("Future", "ManyFuture", "CommitFuture")
}
TRACE = {
    "record": of("trace", topic=topic, partition=partition, offset=whole(0, LONG, 0)),
    "why_rebalance": of("trace", group=group),
    "why_leader": of("trace", topic=topic, partition=partition),
    "transaction": of("trace", transactional_id=(Kind(wrong.text), "invoices-1")),
    "why_not_visible": of("trace", topic=topic, partition=partition),
    "actor": of("trace", name=(Kind(wrong.text), "broker-1#1/broker")),
    "actors": of("trace"),
    "slowest": of("trace", count=whole(0, LONG, 5)),
    "deepest": of("trace", count=whole(0, LONG, 5)),
    "save": of("trace", path=(Kind(wrong.path), "/dev/null")),
    "load": of("trace", path=(Kind(wrong.path), "/dev/null")),
}


def is_empty(each: Any) -> bool:
    """Whether it is a collection of no partitions at all."""
    return isinstance(each, (list, tuple, dict)) and not each


FUTURES["Future"]["metadata"] = of("Future")
ROWS: dict[str, dict[str, Row]] = {
    "Cluster": CLUSTER,
    "Faults": FAULTS,
    "Producer": PRODUCER,
    "Consumer": CONSUMER,
    "Admin": ADMIN,
    "Trace": TRACE,
    **FUTURES,
    "Frozen": {"thaw": of("frozen")},
    "Spawned": {"done": of("spawned"), "join": of("spawned", timeout=wait_or_none)},
    "BytesColumn": {
        "to_list": of("column"),
        "fixed": of("column", dtype=(Kind(lambda: ["nothing", b"x", 5, 5.5, [], [5], {"a": 1}, 1j, object()]), None)),
    },
}
