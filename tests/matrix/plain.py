"""Answers as plain values in which nothing is left that must differ from one cluster to the next.

The normalisations, all of them; the document lists them too:

* an id that the broker makes up (topic ids, member ids, producer ids, session ids, the cluster's id) is replaced by a
  label in the order of appearance, or by the topic's name where that is known;
* a time of now is replaced by ``<now>``; the times that the cases state are long past, and compared;
* which broker a client is told to take for the controller, and the epoch of the features, isn't compared;
* a port is replaced by the node that it belongs to;
* a list whose elements have a name, an id or an index is compared by that, whatever its order;
* records are compared decoded, batch by batch, with everything in their headers except the checksum;
* fields that the version doesn't have are left out.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from kstore.errors import KafkaError
from kstore.records import RecordBatch, parse_batches
from kstore.schema.struct import Struct

NORMALISATIONS = [line.strip("* ").strip() for line in (__doc__ or "").split("\n* ")[1:]]

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NAMES = ("name", "topic", "transactional_id", "group_id", "member_id", "key", "resource_name", "log_dir", "cluster_id")
NUMBERS = ("api_key", "node_id", "broker_id", "partition_index", "partition", "index", "batch_index", "producer_id")
SORTED = {"isr_nodes", "offline_replicas", "eligible_leader_replicas", "last_known_elr", "isr"}
NOW_FROM_MS, NOW_TO_MS = 1_735_689_600_000, 4_102_444_800_000
ANY = {"controller_id": "<a broker>", "finalized_features_epoch": "<an epoch>"}
IDS = {"producer_id": "producer", "session_id": "session"}


class Labels:
    """What stands for the ids of one case on one cluster."""

    def __init__(self, prefix: str, ports: Mapping[int, str], cluster_id: str) -> None:
        self.prefix = prefix
        self.ports = dict(ports)
        self.cluster_id = cluster_id
        self.topic_ids: dict[bytes, str] = {}
        self._made_up: dict[tuple[str, Any], str] = {}

    def label(self, kind: str, value: Any) -> str:
        same_kind = sum(1 for known, _ in self._made_up if known == kind)
        return self._made_up.setdefault((kind, value), f"<{kind} {same_kind}>")

    def uuid(self, value: bytes) -> str:
        if not any(value):
            return "<no id>"
        name = self.topic_ids.get(value)
        return self.label("id", value) if name is None else self.text(f"<id of {name}>")

    def text(self, value: str) -> str:
        """A text, whatever part of it is an id."""
        value = value.replace(self.prefix, "")
        if value == self.cluster_id:
            return "<cluster id>"
        for topic_id, name in self.topic_ids.items():
            text = base64.urlsafe_b64encode(topic_id).decode().rstrip("=")
            if text in value:
                value = value.replace(text, f"<id of {name.removeprefix(self.prefix)}>")
        return UUID_TEXT.sub(lambda found: self.label("uuid", found[0]), value)


@cache
def present(cls: type[Struct], version: int) -> tuple[tuple[str, Any], ...]:
    """The fields of a struct that a version has, with their kinds."""
    fields = cls.fields()
    return tuple((name, field.kind) for name, field in fields.items() if in_range(field.versions, version))


def in_range(versions: str, version: int) -> bool:
    """True if a version is one of "4+", "0-3" or "2".

    >>> in_range("4+", 3), in_range("0-3", 3)
    (False, True)
    """
    first, _, last = versions.rstrip("+").partition("-")
    if not first.isdecimal():
        return False
    return int(first) <= version and (versions.endswith("+") or version <= int(last or first))


def fitted(message: Any, version: int) -> Any:
    """A message as one of its versions can tell it: what that version hasn't is left at its default."""
    values = {}
    cls: type[Struct] = type(message)
    for name, _ in present(cls, version):
        value = getattr(message, name)
        if isinstance(value, list):
            value = [fitted(each, version) if hasattr(type(each), "fields") else each for each in value]
        elif hasattr(type(value), "fields"):
            value = fitted(value, version)
        values[name] = value
    return cls(**values)


def plain(labels: Labels, message: Any, version: int) -> dict[str, Any]:
    """A message as a tree of dictionaries."""
    cls: type[Struct] = type(message)
    found = {name: _value(labels, name, getattr(message, name), version) for name, _ in present(cls, version)}
    if message.unknown_tagged_fields:
        found["unknown_tagged_fields"] = [[tag, data.hex()] for tag, data in message.unknown_tagged_fields]
    return found


def _value(labels: Labels, name: str, value: Any, version: int) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return _number(labels, name, value)
    if isinstance(value, str):
        return labels.text(value)
    if isinstance(value, list):
        return _list(labels, name, value, version)
    if hasattr(type(value), "fields"):
        return plain(labels, value, version)
    data = bytes(value)
    if name in ("records", "record_set"):
        return records(data)
    return labels.uuid(data) if name.endswith("_id") and len(data) == 16 else data.hex()


def _number(labels: Labels, name: str, value: int) -> Any:
    if name == "port" and value in labels.ports:
        return f"<port of {labels.ports[value]}>"
    if name in ANY and value >= 0:
        return ANY[name]
    if name in IDS and value > 0:
        return labels.label(IDS[name], value)
    return "<now>" if NOW_FROM_MS <= value < NOW_TO_MS else value


def _list(labels: Labels, name: str, values: list[Any], version: int) -> Any:
    if name == "members":  # their ids are made up, and told in no order in particular
        values = sorted(values, key=lambda member: bytes(getattr(member, "member_assignment", b"")), reverse=True)
    rows = [_value(labels, name, each, version) for each in values]
    if not rows or not isinstance(rows[0], dict):
        return sorted(rows) if name in SORTED else rows
    keyed: dict[str, Any] = {}
    for index, row in enumerate(rows):
        key = key_of(row, index)
        while key in keyed:
            key += "'"
        keyed[key] = row
    return dict(sorted(keyed.items()))


def key_of(row: Mapping[str, Any], index: int) -> str:
    """What an element of a list goes by."""
    for name in (*NAMES, *NUMBERS, "topic_id", "error_code"):
        value = row.get(name)
        if value not in (None, "", "<no id>"):
            return str(value).replace("/", "|")
    return str(index)


def records(data: bytes) -> Any:
    """Record batches, decoded; what can't be decoded, as it is."""
    try:
        return [_batch(batch) for batch in parse_batches(data, allow_partial=True)]
    except KafkaError:
        return data.hex()


def _batch(batch: RecordBatch) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: getattr(batch, name)
        for name in (
            "base_offset", "last_offset", "leader_epoch", "magic", "attributes", "base_timestamp", "max_timestamp",
            "producer_epoch", "base_sequence", "count",
        )
    }  # fmt: skip
    for name in ("base_timestamp", "max_timestamp"):
        told[name] = "<now>" if NOW_FROM_MS <= told[name] < NOW_TO_MS else told[name]
    told["has_producer"] = batch.producer_id >= 0
    if batch.magic == 2:
        rows = [[r.offset, r.key, r.value, list(r.headers)] for r in batch.records()]
        told["records"] = repr(rows)
    return told
