"""The records of internal topics and control records as JSON shows them: a name, a version and the fields.

    {"type": "OffsetCommitKey", "version": 1, "data": {"group": "g", "topic": "orders", "partition": 0}}

Fields have the names of the protocol's messages, in lower case with underscores. What can't be decoded is shown as
plain bytes.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, TypeAlias

from actors.cli.envelope import to_json
from kstore.errors import InvalidRecord, UnsupportedVersion
from kstore.records import ControlType, control_type, read_end_transaction_marker
from kstore.schema import decode
from kstore.schema.envelopes import decode_metadata, prefix_of
from kstore.schema.errors import SchemaError
from kstore.schema.messages import (
    consumer_group_records,
    consumer_offsets,
    control_records,
    share_group_records,
    share_state_records,
    streams_group_records,
    transaction_log,
)
from kstore.schema.struct import UUID, Struct
from kstore.schema.uuids import to_string

if TYPE_CHECKING:
    from collections.abc import Callable

    from kstore.records import Record
    from kstore.schema.struct import Message

Shown: TypeAlias = object
"""A value that ``json`` can write."""

METADATA = "__cluster_metadata"
GROUPS = (consumer_offsets, consumer_group_records, share_group_records, streams_group_records)
COORDINATED = {
    "__consumer_offsets": GROUPS,
    "__transaction_state": (transaction_log,),
    "__share_group_state": (share_state_records,),
}
"""By topic the modules with the messages of its records."""

CONTROL_MESSAGES: dict[ControlType, type[Message]] = {
    ControlType.LEADER_CHANGE: control_records.LeaderChangeMessage,
    ControlType.SNAPSHOT_HEADER: control_records.SnapshotHeaderRecord,
    ControlType.SNAPSHOT_FOOTER: control_records.SnapshotFooterRecord,
    ControlType.KRAFT_VERSION: control_records.KRaftVersionRecord,
    ControlType.KRAFT_VOTERS: control_records.VotersRecord,
}


def plain(record: Record) -> tuple[Shown, Shown]:
    """Key and value as texts, or base64 where they aren't UTF-8."""
    return to_json(record.key), to_json(record.value)


def decoder(topic: str) -> Callable[[Record], tuple[Shown, Shown]]:
    """What shows key and value of a topic's records."""
    if topic == METADATA:
        return of_metadata
    if topic not in COORDINATED:
        return plain
    modules = COORDINATED[topic]
    keys = {number: found for module in modules for number, found in module.KEY_TYPES.items()}
    values = {number: found for module in modules for number, found in module.VALUE_TYPES.items()}

    def of_coordinator(record: Record) -> tuple[Shown, Shown]:
        if record.key is None:
            return plain(record)
        try:
            number = prefix_of(record.key)
            if number not in keys:
                return plain(record)
            key = named(decode(keys[number], 0, record.key[2:]), number)
            if record.value is None:
                return key, None
            version = prefix_of(record.value)
            return key, named(decode(values[number], version, record.value[2:]), version)
        except (SchemaError, UnsupportedVersion):
            return plain(record)

    return of_coordinator


def of_metadata(record: Record) -> tuple[Shown, Shown]:
    """A record of the metadata log: it has no key."""
    try:
        return to_json(record.key), None if record.value is None else named(decode_metadata(record.value))
    except (SchemaError, UnsupportedVersion):
        return plain(record)


def of_control(record: Record) -> Shown:
    """A control record: its kind, and what its value says."""
    try:
        kind = control_type(record)
        marker = read_end_transaction_marker(record) if kind is not None else None
        if marker is not None:
            return {"type": "commit" if marker.is_commit else "abort", "coordinator_epoch": marker.coordinator_epoch}
        if kind in CONTROL_MESSAGES and record.value is not None:
            version = int.from_bytes(record.value[:2], "big")  # each begins with a version of its own
            return named(decode(CONTROL_MESSAGES[kind], version, record.value))
    except (InvalidRecord, SchemaError, UnsupportedVersion):
        pass
    return {"key": to_json(record.key), "value": to_json(record.value)}


def named(message: Message, version: int | None = None) -> Shown:
    """A message with its name; of a coordinator's also the version, which for a key is its type."""
    version_of = {} if version is None else {"version": version}
    return {"type": type(message).__name__, **version_of, "data": fields_of(message)}


def fields_of(struct: Struct) -> dict[str, Shown]:
    """The fields of a message, those of inner ones as well."""
    return {name: value_of(getattr(struct, name), each.kind) for name, each in type(struct).fields().items()}


def value_of(value: object, kind: object) -> Shown:
    """A field's value; ids as Kafka writes them, other bytes in base64."""
    if isinstance(value, Struct):
        return fields_of(value)
    if isinstance(value, list | tuple):
        assert isinstance(kind, list)
        return [value_of(each, kind[0]) for each in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return to_string(bytes(value)) if kind is UUID else base64.b64encode(value).decode()
    return value
