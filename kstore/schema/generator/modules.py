"""The module of each generated message.

A request and its response share a module named for the API; the records of one log, or of one purpose, share one.
"""

from __future__ import annotations

from collections.abc import Iterable

from kstore.schema.generator.definitions import MessageDefinition, StructDefinition, snake_case

_BY_NAME = {
    "RequestHeader": "headers",
    "ResponseHeader": "headers",
    "ConsumerProtocolAssignment": "consumer_protocol",
    "ConsumerProtocolSubscription": "consumer_protocol",
    "DefaultPrincipalData": "default_principal",
    "QuorumStateData": "quorum_state",
    "ProducerSnapshot": "producer_snapshot",
    "AbortedTxn": "transaction_index",
    "ControlRecordTypeSchema": "control_records",
    "EndTxnMarker": "control_records",
    "LeaderChangeMessage": "control_records",
    "SnapshotHeaderRecord": "control_records",
    "SnapshotFooterRecord": "control_records",
    "KRaftVersionRecord": "control_records",
    "VotersRecord": "control_records",
}
_BY_PREFIX = {
    "LegacyOffsetCommit": "consumer_offsets",
    "OffsetCommit": "consumer_offsets",
    "GroupMetadata": "consumer_offsets",
    "ConsumerGroup": "consumer_group_records",
    "ShareGroup": "share_group_records",
    "StreamsGroup": "streams_group_records",
    "TransactionLog": "transaction_log",
    "ShareSnapshot": "share_state_records",
    "ShareUpdate": "share_state_records",
}
TITLES = {
    "headers": "What stands before every request and every response",
    "consumer_protocol": "What members of a consumer group tell each other through the coordinator",
    "default_principal": "A principal as a broker forwards it",
    "quorum_state": "The ``quorum-state`` file of a metadata log",
    "producer_snapshot": "The ``.snapshot`` files of a log's producers",
    "transaction_index": "The entries of a log's ``.txnindex`` files: aborted transactions",
    "control_records": "Control records: end of a transaction, change of leader, snapshots, voters",
    "consumer_offsets": "Records of ``__consumer_offsets``: offsets and classic groups",
    "consumer_group_records": "Records of ``__consumer_offsets``: groups of the consumer protocol",
    "share_group_records": "Records of ``__consumer_offsets``: share groups",
    "streams_group_records": "Records of ``__consumer_offsets``: streams groups",
    "transaction_log": "Records of ``__transaction_state``",
    "share_state_records": "Records of ``__share_group_state``",
    "metadata_records": "Records of ``__cluster_metadata``",
    "remote_log_records": "Records of ``__remote_log_metadata``",
}


def api_of(message: MessageDefinition) -> str:
    """The name of a request's or response's API."""
    return message.name.removesuffix("Request").removesuffix("Response")


def module_of(message: MessageDefinition) -> str:
    """The name of the module that a message is written to."""
    if message.type in ("request", "response"):
        return snake_case(api_of(message))
    if message.name in _BY_NAME:
        return _BY_NAME[message.name]
    if message.type == "metadata":
        return "metadata_records" if message.jar == "kafka-metadata" else "remote_log_records"
    for prefix, module in _BY_PREFIX.items():
        if message.name.startswith(prefix):
            return module
    raise SystemExit(f"{message.name} of {message.jar} has no module yet")


def by_module(messages: Iterable[MessageDefinition]) -> dict[str, list[MessageDefinition]]:
    """Module name -> its messages, sorted, with inner structs named apart."""
    found: dict[str, list[MessageDefinition]] = {}
    for message in messages:
        found.setdefault(module_of(message), []).append(message)
    for members in found.values():
        _name_apart(members)
    return dict(sorted(found.items()))


def _name_apart(members: list[MessageDefinition]) -> None:
    """Put the message's name before that of an inner struct which is not the only one of that name."""
    all_names = [struct.name for message in members for struct in (message.body, *message.structs)]
    for message in members:
        renamed = {
            struct.name: message.name + struct.name for struct in message.structs if all_names.count(struct.name) > 1
        }
        structs: list[StructDefinition] = [message.body, *message.structs]
        for struct in structs:
            if struct is not message.body:
                struct.name = renamed.get(struct.name, struct.name)
            for each in struct.fields:
                each.kind = renamed.get(each.kind, each.kind)
