"""Cases of DescribeConfigs, IncrementalAlterConfigs, AlterConfigs and ListConfigResources."""

from __future__ import annotations

from typing import Any

from matrix.case import Talk, case

from kstore.schema.messages.alter_configs import AlterableConfig as Replaced
from kstore.schema.messages.alter_configs import AlterConfigsRequest
from kstore.schema.messages.alter_configs import AlterConfigsResource as ReplacedResource
from kstore.schema.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from kstore.schema.messages.incremental_alter_configs import (
    AlterableConfig,
    AlterConfigsResource,
    IncrementalAlterConfigsRequest,
)
from kstore.schema.messages.list_config_resources import ListConfigResourcesRequest

DESCRIBE_CONFIGS, ALTER_CONFIGS, INCREMENTAL_ALTER_CONFIGS, LIST_CONFIG_RESOURCES = 32, 33, 44, 74
TOPICS, BROKERS, LOGGERS, METRICS, GROUPS = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = range(4)
DEFAULT = "4096"
"""Of log.index.interval.bytes."""
EVERY = {
    "cleanup.policy": "compact , delete,compact",
    "compression.gzip.level": "5",
    "compression.lz4.level": "7",
    "compression.type": "zstd",
    "compression.zstd.level": "-5",
    "delete.retention.ms": "1000",
    "errors.deadletterqueue.group.enable": "true",
    "file.delete.delay.ms": "1000",
    "flush.messages": "100",
    "flush.ms": "100",
    "follower.replication.throttled.replicas": "0:1,1:2",
    "index.interval.bytes": "1000",
    "internal.segment.bytes": "100000",
    "leader.replication.throttled.replicas": "*",
    "local.retention.bytes": "-2",
    "local.retention.ms": "-2",
    "max.compaction.lag.ms": "10000",
    "max.decompressed.message.bytes": "1000000",
    "max.message.bytes": " 0100000 ",
    "message.timestamp.after.max.ms": "1000",
    "message.timestamp.before.max.ms": "1000",
    "message.timestamp.type": "LogAppendTime",
    "min.cleanable.dirty.ratio": "1e-5",
    "min.compaction.lag.ms": "10000",
    "min.insync.replicas": "2",
    "preallocate": "FALSE",
    "remote.copy.lag.bytes": "0",
    "remote.copy.lag.ms": "5000",
    "remote.log.copy.disable": "true",
    "remote.log.delete.on.disable": "true",
    "remote.storage.enable": "false",
    "retention.bytes": "1000000",
    "retention.ms": "5000",
    "segment.bytes": "1048576",
    "segment.index.bytes": "1000",
    "segment.jitter.ms": "5",
    "segment.ms": "5000",
    "unclean.leader.election.enable": "true",
}
WRONG = {
    "cleanup.policy": ("forget", "delete,", ","),
    "compression.gzip.level": ("0", "10"),
    "compression.type": ("brotli", ""),
    "follower.replication.throttled.replicas": ("1", "0:1,*"),
    "max.compaction.lag.ms": ("0",),
    "max.decompressed.message.bytes": ("0", "2147483640"),
    "max.message.bytes": ("-1", "2147483648", "1 000"),
    "min.cleanable.dirty.ratio": ("1.1", "-0.1", "1_0", "half"),
    "min.compaction.lag.ms": ("-1",),
    "preallocate": ("yes", ""),
    "remote.copy.lag.ms": ("-2",),
    "remote.storage.enable": ("true",),
    "retention.ms": ("-2", ""),
    "segment.bytes": ("1048575",),
}
"""Values that are taken by no topic; also `CONTRADICTING` ones."""
CONTRADICTING = ("min.compaction.lag.ms", SET, "5000"), ("max.compaction.lag.ms", SET, "4000")
OF_GROUPS = {
    "consumer.assignment.interval.ms": "2000",
    "consumer.assignor.offload.enable": "false",
    "consumer.heartbeat.interval.ms": "6000",
    "consumer.session.timeout.ms": "50000",
    "errors.deadletterqueue.copy.record.enable": "true",
    "errors.deadletterqueue.topic.name": "letters",
    "share.assignment.interval.ms": "2000",
    "share.auto.offset.reset": "by_duration:P1DT2H",
    "share.delivery.count.limit": "6",
    "share.heartbeat.interval.ms": "6000",
    "share.isolation.level": "read_committed",
    "share.partition.max.record.locks": "1000",
    "share.record.lock.duration.ms": " 020000",
    "share.renew.acknowledge.enable": "FALSE",
    "share.session.timeout.ms": "50000",
    "streams.acceptable.recovery.lag": "1",
    "streams.assignment.interval.ms": "2000",
    "streams.assignor.name": "sticky",
    "streams.heartbeat.interval.ms": "6000",
    "streams.initial.rebalance.delay.ms": "5000",
    "streams.num.standby.replicas": "1",
    "streams.num.warmup.replicas": "20",
    "streams.rack.aware.assignment.tags": "zone , rack",
    "streams.session.timeout.ms": "50000",
    "streams.task.offset.interval.ms": "15000",
}
OF_METRICS = {"interval.ms": "1000", "match": "client_id = a.*, client_source_port=1", "metrics": "a.b, c , a.b"}
WRONG_OF_GROUPS = {
    "consumer.heartbeat.interval.ms": ("0", "4999", "15001", "soon"),
    "consumer.session.timeout.ms": ("0", "44999", "60001"),
    "consumer.assignment.interval.ms": ("-1", "60000000"),
    "share.auto.offset.reset": ("never", "by_duration:-PT1H", "by_duration:1h", "by_duration:"),
    "share.delivery.count.limit": ("1", "11"),
    "share.isolation.level": ("serializable",),
    "share.record.lock.duration.ms": ("999", "14999", "60001"),
    "errors.deadletterqueue.topic.name": ("__letters", "a b", " __letters"),
    "streams.assignor.name": ("none", ""),
    "streams.num.standby.replicas": ("-1", "3"),
    "streams.num.warmup.replicas": ("-1", "21"),
    "streams.rack.aware.assignment.tags": ("zone,zone", "zone,", ","),
    "streams.task.offset.interval.ms": ("0", "14999"),
    "no.such.key": ("1",),
}
WRONG_OF_METRICS = {
    "interval.ms": ("99", "3600001", "often"),
    "match": ("client_id", "a=b", "client_id=(", "client_id=a=b", "client_id=a,"),
    "metrics": ("a,",),
    "no.such.key": ("1",),
}
OF_BROKERS = {
    "background.threads": ("0", "100"),
    "cordoned.log.dirs": ("/nowhere",),
    "leader.replication.throttled.rate": ("-1",),
    "log.cleaner.threads": ("1000",),
    "log.cleanup.policy": ("forget",),
    "log.local.retention.ms": ("-3",),
    "log.retention.ms": ("0", "wrong"),
    "max.connections": ("-1",),
    "num.io.threads": ("3", "17"),
}
"""Values that no broker takes while it runs."""


def describe(kind: int, name: str, keys: list[str] | None = None, **fields: Any) -> DescribeConfigsRequest:
    resource = DescribeConfigsResource(resource_type=kind, resource_name=name, configuration_keys=keys)
    return DescribeConfigsRequest(**{"resources": [resource], "include_synonyms": True, **fields})


@case(DESCRIBE_CONFIGS, "of a topic")
def _(talk: Talk) -> None:
    topic = talk.topic("configs-described", segment_ms="5000", max_message_bytes="2000")
    talk.ask(describe(TOPICS, topic.name), "all")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms", "flush.ms"]), "two keys")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms"], include_synonyms=False), "without synonyms")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms", "segment.ms"]), "one key twice")
    talk.ask(describe(TOPICS, topic.name, ["no.such.key"]), "no such key")
    talk.ask(describe(TOPICS, topic.name, []), "no keys")
    talk.ask(describe(TOPICS, topic.name, ["segment.ms"]), "by the other node", node=2)
    if talk.version >= 3:
        talk.ask(describe(TOPICS, topic.name, include_documentation=True), "with documentation")


@case(DESCRIBE_CONFIGS, "of a topic that sets every key")
def _(talk: Talk) -> None:
    every: dict[str, Any] = {name.replace(".", "_"): text for name, text in EVERY.items()}
    topic = talk.topic("configs-all-set", **every)
    talk.ask(describe(TOPICS, topic.name), "all")


@case(DESCRIBE_CONFIGS, "of a broker")
def _(talk: Talk) -> None:
    talk.ask(describe(BROKERS, "1"), "all")
    if talk.version >= 3:
        talk.ask(describe(BROKERS, "1", include_documentation=True), "with documentation")
    talk.ask(describe(BROKERS, ""), "of all brokers")
    talk.ask(describe(BROKERS, "2"), "of another broker")
    talk.ask(describe(BROKERS, "one"), "of a broker without a number")
    talk.ask(describe(BROKERS, "2", ["num.partitions"]), "by the other node", node=2)


@case(DESCRIBE_CONFIGS, "of groups and client metrics")
def _(talk: Talk) -> None:
    for kind, name in ((GROUPS, "group"), (METRICS, "subscription")):
        talk.ask(describe(kind, "nowhere"), f"a {name} that sets none")
        talk.ask(describe(kind, ""), f"a {name} without a name", via=name)
        if talk.version >= 3:
            talk.ask(describe(kind, "nowhere", include_documentation=True), f"of a {name}, with documentation")
        for key, text in (OF_GROUPS if kind == GROUPS else OF_METRICS).items():
            talk.quietly(alter(kind, talk.fresh("some"), (key, SET, text)))
        last = describe(kind, talk.fresh("some"), [key])
        talk.settle(last, lambda answer: answer.results[0].configs[0].config_source in (7, 8))
        talk.ask(describe(kind, talk.fresh("some")), f"a {name} that sets all")
        talk.ask(describe(kind, talk.fresh("some"), [key], include_synonyms=False), f"one key of a {name}")


@case(DESCRIBE_CONFIGS, "of loggers")
def _(talk: Talk) -> None:
    talk.quietly(alter(LOGGERS, "1", ("root", SET, "WARN")))
    talk.ask(describe(LOGGERS, "1", ["root"]), "the root")
    talk.ask(describe(LOGGERS, "1", ["no.such.logger"]), "no such logger")
    talk.ask(describe(LOGGERS, "2"), "of another broker")
    talk.ask(describe(LOGGERS, "one"), "of a broker without a number")
    talk.ask(describe(LOGGERS, ""), "of no broker", via="none")


@case(DESCRIBE_CONFIGS, "of what isn't there")
def _(talk: Talk) -> None:
    topic = talk.topic("configs-described", segment_ms="5000", max_message_bytes="2000")
    talk.ask(describe(TOPICS, "nowhere"), "no such topic")
    talk.ask(describe(TOPICS, "a b"), "no possible topic")
    talk.ask(describe(TOPICS, ""), "a topic without a name")
    for kind in (0, 1, 3, 99, -1):
        talk.ask(describe(kind, "x"), f"resource type {kind}", via=str(kind))
    two = describe(TOPICS, topic.name, ["segment.ms"])
    two.resources = [*two.resources, *two.resources, *describe(TOPICS, "nowhere").resources]
    talk.ask(two, "one twice, and one that isn't there")
    talk.ask(DescribeConfigsRequest(resources=[]), "nothing")


def alter(kind: int, name: str, *operations: tuple[str, int, str | None], **fields: Any) -> Any:
    configs = [AlterableConfig(name=key, config_operation=op, value=text) for key, op, text in operations]
    resource = AlterConfigsResource(resource_type=kind, resource_name=name, configs=configs)
    return IncrementalAlterConfigsRequest(resources=[resource], **fields)


@case(INCREMENTAL_ALTER_CONFIGS, "of a topic")
def _(talk: Talk) -> None:
    name = talk.topic(talk.fresh("t"), segment_ms="5000").name
    talk.ask(alter(TOPICS, name, ("flush.ms", SET, "77"), ("segment.ms", DELETE, None)), "set and delete")
    talk.ask(alter(TOPICS, name, ("segment.ms", DELETE, None)), "delete what isn't set")
    talk.ask(alter(TOPICS, name, ("segment.ms", APPEND, "1")), "append to no list")
    talk.ask(alter(TOPICS, name, ("segment.ms", SUBTRACT, "1")), "subtract from no list")
    talk.ask(alter(TOPICS, name, ("segment.ms", 9, "1")), "no such operation", via="operation")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, None)), "set to null")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, "")), "set to nothing")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, "1"), ("segment.ms", DELETE, None)), "one key twice")
    talk.ask(alter(TOPICS, name, ("segment.ms", SET, "0")), "a wrong value")
    talk.ask(alter(TOPICS, name, ("no.such.key", SET, "1")), "an unknown key")
    talk.ask(alter(TOPICS, name, ("", SET, "1")), "a key without a name")
    talk.ask(alter(TOPICS, name), "nothing of it")
    for key, texts in WRONG.items():
        for text in texts:
            talk.ask(alter(TOPICS, name, (key, SET, text)), f"{key} set to '{text}'")
    talk.ask(alter(TOPICS, name, *CONTRADICTING), "two that contradict each other")
    talk.ask(alter(TOPICS, name, ("cleanup.policy", APPEND, "compact")), "append to a list")
    talk.ask(alter(TOPICS, name, ("cleanup.policy", SUBTRACT, "delete")), "subtract from a list")
    talk.settle(
        describe(TOPICS, name, ["cleanup.policy"]), lambda answer: answer.results[0].configs[0].value == "compact"
    )
    talk.ask(describe(TOPICS, name, ["cleanup.policy"]), "the list")
    talk.ask(alter(TOPICS, name, ("flush.ms", SET, "5"), validate_only=True), "only validated")
    talk.settle(describe(TOPICS, name, ["flush.ms"]), lambda answer: answer.results[0].configs[0].value == "77")
    talk.ask(describe(TOPICS, name, ["flush.ms", "segment.ms"]), "what it is now")


@case(INCREMENTAL_ALTER_CONFIGS, "of groups and client metrics")
def _(talk: Talk) -> None:
    for kind, name in ((GROUPS, "group"), (METRICS, "subscription")):
        for key, texts in (WRONG_OF_GROUPS if kind == GROUPS else WRONG_OF_METRICS).items():
            for text in texts:
                talk.ask(alter(kind, "any", (key, SET, text)), f"{key} of a {name} set to '{text}'")
        talk.ask(alter(kind, "", (key, SET, "1")), f"a {name} without a name")
        talk.ask(alter(kind, "any", (key, DELETE, None)), f"no such key of a {name} deleted")
    talk.ask(alter(METRICS, talk.fresh("m"), ("metrics", APPEND, "a"), ("match", SUBTRACT, "b")), "append to lists")
    talk.ask(alter(GROUPS, "any", ("consumer.session.timeout.ms", APPEND, "1")), "append to no list")


@case(INCREMENTAL_ALTER_CONFIGS, "of loggers")
def _(talk: Talk) -> None:
    talk.quietly(alter(LOGGERS, "1", ("root", SET, "WARN")))
    talk.ask(alter(LOGGERS, "1", ("root", SET, "ERROR"), validate_only=True), "only validated")
    talk.ask(describe(LOGGERS, "1", ["root"]), "as before")
    talk.ask(alter(LOGGERS, "1", ("root", SET, "ERROR")), "the root")
    talk.ask(describe(LOGGERS, "1", ["root"]), "as it is now")
    talk.quietly(alter(LOGGERS, "1", ("root", SET, "WARN")))
    talk.ask(alter(LOGGERS, "1", ("root", SET, "LOUD")), "no such level")
    talk.ask(alter(LOGGERS, "1", ("root", SET, "warn")), "a level in small letters")
    talk.ask(alter(LOGGERS, "1", ("root", SET, None)), "no level")
    talk.ask(alter(LOGGERS, "1", ("root", DELETE, None)), "the root deleted")
    talk.ask(alter(LOGGERS, "1", ("root", APPEND, "WARN")), "appended to")
    talk.ask(alter(LOGGERS, "1", ("root", SUBTRACT, "WARN")), "subtracted from")
    talk.ask(alter(LOGGERS, "1", ("no.such.logger", SET, "WARN")), "no such logger")
    talk.ask(alter(LOGGERS, "1", ("no.such.logger", DELETE, None)), "no such logger deleted")
    talk.ask(alter(LOGGERS, "1", ("root", SET, "WARN"), ("root", SET, "INFO")), "one twice")
    talk.ask(alter(LOGGERS, "2", ("root", SET, "WARN")), "of another broker")
    talk.ask(alter(LOGGERS, "one", ("root", SET, "WARN")), "of a broker without a number")
    talk.ask(alter(LOGGERS, "", ("root", SET, "WARN")), "of no broker")


@case(INCREMENTAL_ALTER_CONFIGS, "of what isn't there")
def _(talk: Talk) -> None:
    topic = talk.topic("configs-altered")
    talk.ask(alter(TOPICS, "nowhere", ("segment.ms", SET, "1")), "no such topic")
    talk.ask(alter(TOPICS, "a b", ("segment.ms", SET, "1")), "no possible topic")
    talk.ask(alter(TOPICS, "", ("segment.ms", SET, "1")), "a topic without a name")
    for kind in (0, 1, 3, 99):
        talk.ask(alter(kind, "x", ("segment.ms", SET, "1")), f"resource type {kind}", via=str(kind))
    both = alter(TOPICS, topic.name, ("flush.ms", SET, "1"))
    both.resources = both.resources * 2
    talk.ask(both, "one topic twice")
    talk.ask(IncrementalAlterConfigsRequest(resources=[]), "nothing")


@case(INCREMENTAL_ALTER_CONFIGS, "of brokers")
def _(talk: Talk) -> None:
    talk.ask(alter(BROKERS, "", ("log.index.interval.bytes", SET, "7000")), "of all")
    talk.ask(alter(BROKERS, "1", ("log.index.interval.bytes", SET, "6000")), "of one")
    wanted = describe(BROKERS, "1", ["log.index.interval.bytes"])
    talk.settle(wanted, lambda answer: answer.results[0].configs[0].value == "6000")
    talk.ask(wanted, "what it is now")
    talk.ask(alter(BROKERS, "2", ("log.index.interval.bytes", SET, "1")), "of the other one, asked of this")
    talk.ask(alter(BROKERS, "9", ("log.index.interval.bytes", SET, "1")), "of a stranger")
    talk.ask(alter(BROKERS, "one", ("log.index.interval.bytes", SET, "1")), "of a broker without a number")
    talk.ask(alter(BROKERS, "", ("log.index.interval.bytes", SET, "-1")), "a wrong value")
    talk.ask(alter(BROKERS, "", ("num.partitions", SET, "3")), "read-only")
    talk.ask(alter(BROKERS, "", ("no.such.key", SET, "3")), "an unknown key")
    for key, texts in OF_BROKERS.items():
        for text in texts:
            talk.ask(alter(BROKERS, "1", (key, SET, text)), f"{key} set to '{text}'")
    talk.ask(alter(BROKERS, "", ("cordoned.log.dirs", SET, "")), "for all what is each one's")
    talk.ask(alter(BROKERS, "1", ("ssl.keystore.location", SET, "/keys")), "a key of a listener's")
    talk.ask(alter(BROKERS, "1", ("num.partitions", DELETE, None)), "read-only deleted")
    talk.ask(alter(BROKERS, "1", ("log.index.interval.bytes", APPEND, "1")), "append to no list")
    talk.ask(alter(BROKERS, "1", ("leader.replication.throttled.rate", SET, "7000")), "a quota")
    talk.settle(describe(BROKERS, "1", ["leader.replication.throttled.rate"]), lambda answer: answer.results[0].configs)
    talk.ask(describe(BROKERS, "1", ["leader.replication.throttled.rate"]), "the quota")
    talk.quietly(alter(BROKERS, "1", ("leader.replication.throttled.rate", DELETE, None)))
    for name in ("", "1", "2"):
        talk.quietly(alter(BROKERS, name, ("log.index.interval.bytes", DELETE, None)))
    for node in (1, 2):
        wanted = describe(BROKERS, str(node), ["log.index.interval.bytes"])
        talk.settle(wanted, lambda answer: answer.results[0].configs[0].value == DEFAULT, node=node)


def replace(kind: int, name: str, *settings: tuple[str, str | None], **fields: Any) -> AlterConfigsRequest:
    configs = [Replaced(name=key, value=text) for key, text in settings]
    resource = ReplacedResource(resource_type=kind, resource_name=name, configs=configs)
    return AlterConfigsRequest(resources=[resource], **fields)


@case(ALTER_CONFIGS, "of a topic")
def _(talk: Talk) -> None:
    name = talk.topic(talk.fresh("t"), segment_ms="5000").name
    talk.ask(replace(TOPICS, name, ("flush.ms", "77")), "all but one")
    wanted = describe(TOPICS, name, ["flush.ms", "segment.ms"])
    talk.settle(wanted, lambda answer: {c.name: c.value for c in answer.results[0].configs}["flush.ms"] == "77")
    talk.ask(wanted, "what it is now")
    talk.ask(replace(TOPICS, name, ("flush.ms", None)), "set to null")
    talk.ask(replace(TOPICS, name, ("flush.ms", "-5")), "a wrong value")
    talk.ask(replace(TOPICS, name, ("no.such.key", "5")), "an unknown key")
    talk.ask(replace(TOPICS, name, ("flush.ms", "5"), ("flush.ms", "6")), "one key twice")
    talk.ask(replace(TOPICS, name, ("flush.ms", "5"), validate_only=True), "only validated")
    talk.ask(replace(TOPICS, "nowhere", ("flush.ms", "5")), "no such topic")
    talk.ask(replace(TOPICS, "a b", ("flush.ms", "5")), "no possible topic")
    talk.ask(replace(GROUPS, talk.fresh("g"), ("share.isolation.level", "read_committed")), "of a group")
    talk.ask(replace(METRICS, talk.fresh("m"), ("interval.ms", "1000")), "of a subscription")
    talk.ask(replace(LOGGERS, "1", ("root", "INFO")), "of a logger", via="logger")
    talk.ask(replace(99, "x", ("flush.ms", "5")), "no such resource type", via="kind")
    talk.ask(replace(BROKERS, "one", ("log.index.interval.bytes", "5")), "of a broker without a number")
    talk.ask(replace(TOPICS, name), "nothing is left")
    talk.ask(AlterConfigsRequest(resources=[]), "nothing")


@case(ALTER_CONFIGS, "of brokers")
def _(talk: Talk) -> None:
    talk.ask(replace(BROKERS, "2", ("log.index.interval.bytes", "5000")), "of the other one, asked of this")
    talk.ask(replace(BROKERS, "", ("log.index.interval.bytes", "-5")), "a wrong value")
    talk.ask(replace(BROKERS, "", ("num.partitions", "3")), "read-only")


@case(LIST_CONFIG_RESOURCES, "right and wrong")
def _(talk: Talk) -> None:
    topic = talk.topic(talk.fresh("listed")).name
    for kind, name, key in (
        (METRICS, "subscription", "interval.ms"),
        (GROUPS, "group", "share.session.timeout.ms"),
    ):
        talk.quietly(alter(kind, talk.fresh(name), (key, SET, "50000")))
        wanted = describe(kind, talk.fresh(name), [key])
        talk.settle(wanted, lambda answer: answer.results[0].configs[0].value == "50000")
    for kinds in ([METRICS], [BROKERS, LOGGERS], [GROUPS], [99], [TOPICS, 99], [-1]) if talk.version else ([],):
        talk.ask(ListConfigResourcesRequest(resource_types=kinds), f"types {kinds}", via=str(kinds))
    if talk.version:
        for kinds in ([], [TOPICS]):
            listed = talk.quietly(ListConfigResourcesRequest(resource_types=kinds), version=talk.version)
            found = [(each.resource_type, each.resource_name) for each in listed.config_resources]
            assert (TOPICS, topic) in found
            assert len(found) == len(set(found))
    for kind, name, key in ((METRICS, "subscription", "interval.ms"), (GROUPS, "group", "share.session.timeout.ms")):
        talk.quietly(alter(kind, talk.fresh(name), (key, DELETE, None)))
