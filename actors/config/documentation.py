"""The documentation of each config key, from Apache Kafka; loaded on first use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from actors.config.kstore_table import PURPOSES

FILE = Path(__file__).with_name("documentation.json")
KINDS: Mapping[int, str] = {2: "topic", 4: "broker", 16: "metrics", 32: "group"}
"""Kafka's numbers for what has configs."""


@cache
def documentation_of(resource_type: int) -> Mapping[str, str]:
    """The documentation of all keys of one kind of resources, by name.

    >>> documentation_of(2)["flush.ms"][:33]
    'This setting allows specifying a '
    """
    kind = KINDS.get(resource_type)
    if kind is None:
        return {}
    found: Mapping[str, str] = _all()[kind]
    return {**found, **PURPOSES} if kind == "broker" else found


@cache
def _all() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
