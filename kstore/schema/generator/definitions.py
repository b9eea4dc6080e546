"""Reads the message definitions out of Apache Kafka's jars."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEVER = 32767
"""Stands for no version at all where a first version is asked for."""

_COMMENT = re.compile(r'("(?:\\.|[^"\\])*")|//[^\n]*')
_PATH = re.compile(r"(common/)?(message|metadata)/\w+\.json")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass
class FieldDefinition:
    """One field of a struct, as Kafka's JSON has it."""

    name: str
    kind: str
    is_array: bool
    is_struct: bool
    versions: str
    nullable: str
    default: Any
    tag: int
    ignorable: bool
    flexible: bool


@dataclass
class StructDefinition:
    """A struct and its fields; ``name`` may become longer when two structs of a module share one."""

    name: str
    fields: list[FieldDefinition]


@dataclass
class MessageDefinition:
    """A message; ``structs`` are its inner ones, each after those that it needs."""

    name: str
    type: str
    api_key: int
    first: int
    last: int
    flexible_from: int
    latest_unstable: bool
    listeners: tuple[str, ...]
    body: StructDefinition
    jar: str
    structs: list[StructDefinition] = field(default_factory=list)


def snake_case(name: str) -> str:
    """``ReplicaId`` is ``replica_id`` for us."""
    return _WORD.sub("_", name).lower()


def read_jars(folder: Path) -> list[MessageDefinition]:
    """All messages that have a version, sorted by name."""
    found = []
    for jar in sorted(folder.glob("kafka-*.jar")):
        with zipfile.ZipFile(jar) as archive:
            for path in archive.namelist():
                if _PATH.fullmatch(path):
                    raw = json.loads(_COMMENT.sub(lambda m: m[1] or "", archive.read(path).decode()))
                    if raw["validVersions"] != "none":
                        found.append(_message(raw, jar.name))
    if not found:
        raise SystemExit(f"{folder} holds no jar with Kafka's message definitions")
    return sorted(found, key=lambda message: message.name)


def _message(raw: dict[str, Any], jar: str) -> MessageDefinition:
    first, _, last = raw["validVersions"].partition("-")
    flexible = raw["flexibleVersions"]
    structs: list[StructDefinition] = []
    for inner in raw.get("commonStructs", ()):
        structs.append(StructDefinition(inner["name"], _fields(inner["fields"], structs)))
    body = StructDefinition(raw["name"], _fields(raw["fields"], structs))
    return MessageDefinition(
        name=raw["name"],
        type=raw["type"],
        api_key=raw.get("apiKey", -1),
        first=int(first),
        last=int(last or first),
        flexible_from=NEVER if flexible == "none" else int(flexible.rstrip("+").partition("-")[0]),
        latest_unstable=raw.get("latestVersionUnstable", False),
        listeners=tuple(raw.get("listeners", ())),
        body=body,
        jar=re.sub(r"-\d[\d.]*\.jar$", "", jar),
        structs=_needed_first(structs),
    )


def _fields(raws: list[dict[str, Any]], structs: list[StructDefinition]) -> list[FieldDefinition]:
    """The fields of a struct; the structs defined inside them are added to ``structs``."""
    return [_field(raw, structs) for raw in raws]


def _field(raw: dict[str, Any], structs: list[StructDefinition]) -> FieldDefinition:
    is_array = raw["type"].startswith("[]")
    kind = raw["type"].removeprefix("[]")
    if "fields" in raw:
        structs.append(StructDefinition(kind, _fields(raw["fields"], structs)))
    is_struct = kind[0].isupper()
    tagged = raw.get("taggedVersions", "")
    if tagged != raw.get("versions", tagged) and tagged:
        raise SystemExit(f"{raw['name']} is tagged in only some of its versions, which the codec doesn't know")
    return FieldDefinition(
        name=snake_case(raw["name"]),
        kind=kind,
        is_array=is_array,
        is_struct=is_struct,
        versions=raw.get("versions", tagged),
        nullable=raw.get("nullableVersions", "").replace("none", ""),
        default=_default(raw.get("default"), kind, is_array, is_struct),
        tag=raw.get("tag", -1),
        ignorable=raw.get("ignorable", False),
        flexible=raw.get("flexibleVersions") != "none",
    )


def _default(raw: Any, kind: str, is_array: bool, is_struct: bool) -> Any:
    """The default as a Python value; ``list`` and ``dict`` stand for a new list and a new struct."""
    if raw == "null":
        return None
    if is_array or is_struct:
        return list if is_array else dict
    match kind:
        case "string":
            return "" if raw is None else raw
        case "bytes":
            return b""
        case "records":
            return None
        case "uuid":
            return bytes(16)
        case "bool":
            return raw in (True, "true")
        case "float64":
            return float(raw or 0)
    return int(raw, 0) if isinstance(raw, str) and raw else int(raw or 0)


def _needed_first(structs: list[StructDefinition]) -> list[StructDefinition]:
    """The same structs, each after those that its fields name."""
    by_name = {struct.name: struct for struct in structs}
    ordered: dict[str, StructDefinition] = {}

    def visit(struct: StructDefinition) -> None:
        if struct.name not in ordered:
            for each in struct.fields:
                if each.is_struct:
                    visit(by_name[each.kind])
            ordered[struct.name] = struct

    for struct in structs:
        visit(struct)
    return list(ordered.values())
