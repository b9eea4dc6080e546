"""The golden messages, and how Kafka's JSON of a message becomes ours.

``messages.jsonl.gz`` holds what Kafka's own generated classes wrote, beside the JSON that Kafka's own converters
made of the same objects; ``GoldenMessages.java`` wrote it and says what the cases are.
"""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import pkgutil
from collections import defaultdict
from pathlib import Path
from typing import Any

from kstore.schema import messages
from kstore.schema.struct import Message, Struct

GOLDEN = Path(__file__).parent / "messages.jsonl.gz"
UNKNOWN = ((7001, b"\x01\x02\x03"), (7002, b""))


def golden_lines() -> dict[str, list[dict[str, Any]]]:
    """Message name -> its lines; the ``Data`` that Kafka's Java puts behind some names is left out."""
    found = defaultdict(list)
    with gzip.open(GOLDEN, "rt") as file:
        for text in file:
            line = json.loads(text)
            name = line["message"]
            found[name if name in CLASSES else name.removesuffix("Data")].append(line)
    return dict(found)


def message_classes() -> dict[str, type[Message]]:
    found = {}
    for module in pkgutil.iter_modules(messages.__path__):
        names = vars(importlib.import_module(f"kstore.schema.messages.{module.name}"))
        for each in names.values():
            if isinstance(each, type) and issubclass(each, Message) and each is not Message:
                found[each.NAME] = each
    return found


CLASSES = message_classes()
LINES = golden_lines()


def squashed(name: str) -> str:
    return name.replace("_", "").lower()


def field_of(cls: type[Struct], java_name: str) -> str:
    """Our name of a field that Java calls ``topicData``."""
    wanted = squashed(java_name)
    (found,) = [name for name in cls.fields() if squashed(name) == wanted]
    return found


def from_json(cls: type[Struct], node: dict[str, Any]) -> Struct:
    values = {}
    for key, value in node.items():
        records = key.endswith("SizeInBytes") and squashed(key) not in map(squashed, cls.fields())
        name = field_of(cls, key.removesuffix("SizeInBytes") if records else key)
        values[name] = value_of(cls.fields()[name].kind, value)
    return cls(**values)


def value_of(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, list):
        return [value_of(kind[0], each) for each in value]
    if isinstance(kind, type):
        return from_json(kind, value)
    match kind:
        case "uuid":
            return base64.urlsafe_b64decode(value + "==")
        case "bytes":
            return base64.b64decode(value)
        case "records":
            return bytes((i * 7 + 3) & 0xFF for i in range(value))
    return value


def structs_within(message: Struct, node: dict[str, Any]) -> list[Struct]:
    """The structs that the JSON speaks of, the message among them."""
    found = [message]
    for key, value in node.items():
        if isinstance(value, (list, dict)):
            ours = getattr(message, field_of(type(message), key))
            pairs = zip(ours, value, strict=True) if isinstance(value, list) else [(ours, value)]
            for inner, inner_node in pairs:
                if isinstance(inner, Struct):
                    found += structs_within(inner, inner_node)
    return found


def objects(line: dict[str, Any], cls: type[Message]) -> list[tuple[Any, dict[str, Any]]]:
    """The cases of a line that Kafka could write: our object and what Kafka made of it."""
    found = []
    for case, made in line["cases"].items():
        if "error" not in made:
            message = from_json(cls, made["json"])
            if case == "unknown":
                for each in structs_within(message, made["json"]):
                    each.unknown_tagged_fields = UNKNOWN
            found.append((message, made))
    return found
