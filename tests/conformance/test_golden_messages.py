"""Our bytes are Apache Kafka's: every message, every version, both ways.

The JSON of a golden message becomes our object, whose bytes must be Kafka's, and Kafka's bytes must become that
object again.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conformance.golden.golden_messages import CLASSES, GOLDEN, LINES, UNKNOWN, field_of, from_json, objects

from bench.peers.kafka import libs_folder
from kstore.errors import UnsupportedVersion
from kstore.schema import SchemaError, decode_from, encode, encode_parts
from kstore.schema.struct import Message, Struct

LIBS = Path(os.environ.get("KSTORE_KAFKA_LIBS", libs_folder()))


def test_every_message_and_version_is_in_the_golden_file() -> None:
    assert set(LINES) == set(CLASSES)
    for name, lines in LINES.items():
        first, last = CLASSES[name].VERSIONS
        assert [line["version"] for line in lines] == list(range(first, last + 1)), name


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_bytes_are_those_of_kafka_both_ways(name: str) -> None:
    cls = CLASSES[name]
    for line in LINES[name]:
        version = line["version"]
        for message, made in objects(line, cls):
            theirs = bytes.fromhex(made["hex"])
            assert encode(message, version) == theirs
            assert b"".join(encode_parts(message, version)) == theirs
            assert encode_parts(message, version, b"before")[0].startswith(b"before")
            back, end = decode_from(cls, version, b"---" + theirs, 3)
            assert (back, end) == (message, len(theirs) + 3)
            assert encode(back, version) == theirs


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_cut_of_a_golden_message_is_refused(name: str) -> None:
    cls = CLASSES[name]
    for line in LINES[name]:
        whole = bytes.fromhex(line["cases"]["full"]["hex"])
        for size in range(0, len(whole), max(1, len(whole) // 40)):
            with pytest.raises(SchemaError):
                decode_from(cls, line["version"], whole[:size])


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_fields_of_other_versions_are_refused_or_ignored_as_in_kafka(name: str) -> None:
    cls = CLASSES[name]
    for line in LINES[name]:
        full = line["cases"]["full"]
        for path in line["ignored"]:
            assert encode(misplaced(cls, full["json"], path), line["version"]).hex() == full["hex"], path
        for path in line["refused"]:
            with pytest.raises(UnsupportedVersion):
                encode(misplaced(cls, full["json"], path), line["version"])


def misplaced(cls: type[Message], node: dict[str, Any], path: str) -> Message:
    message = from_json(cls, node)
    assert isinstance(message, Message)
    owners: list[Struct] = [message]
    *way, last = path.split(".")
    for step in way:
        values = [getattr(owner, field_of(type(owner), step)) for owner in owners]
        owners = [each for value in values for each in (value if isinstance(value, list) else [value])]
    for owner in owners:
        set_anew(owner, field_of(type(owner), last))
    return message


def set_anew(owner: Struct, name: str) -> None:
    """Give a field some value that isn't its default."""
    kind, default = type(owner).fields()[name].kind, getattr(type(owner)(), name)
    if isinstance(kind, list):
        value: Any = [kind[0]() if isinstance(kind[0], type) else None]
    elif isinstance(kind, type):
        value = kind(unknown_tagged_fields=UNKNOWN)
    else:
        value = {"string": "x", "bytes": b"x", "records": b"x", "uuid": b"x" * 16}.get(str(kind))
        if value is None:
            value = not default if kind == "bool" else default - 1 if default else 1
    assert value != default
    setattr(owner, name, value)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_unknown_tagged_fields_need_a_flexible_version(name: str) -> None:
    cls = CLASSES[name]
    for line in LINES[name]:
        assert ("error" in line["cases"]["unknown"]) == (line["version"] < cls.FLEXIBLE_FROM)
        if "error" in line["cases"]["unknown"]:
            message = from_json(cls, line["cases"]["full"]["json"])
            message.unknown_tagged_fields = UNKNOWN
            assert isinstance(message, Message)
            with pytest.raises(UnsupportedVersion):
                encode(message, line["version"])


@pytest.mark.oracle
@pytest.mark.skipif(not LIBS.is_dir(), reason=f"needs Apache Kafka's jars in {LIBS} (or KSTORE_KAFKA_LIBS)")
@pytest.mark.skipif(shutil.which("java") is None, reason="needs a JDK")
def test_kafka_still_writes_the_golden_bytes(tmp_path: Path) -> None:
    anew = tmp_path / "messages.jsonl.gz"
    program = GOLDEN.with_name("GoldenMessages.java")
    subprocess.run(["java", "-Xmx512m", "-cp", f"{LIBS}/*", str(program), str(LIBS), str(anew)], check=True)
    assert gzip.decompress(anew.read_bytes()) == gzip.decompress(GOLDEN.read_bytes())
