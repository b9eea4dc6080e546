"""Where two transcripts differ, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kstore.named import NamedTuple

ABSENT = "absent"


class Difference(NamedTuple):
    """One field of one answer; ``path`` has the names of fields and list elements with slashes between."""

    answer: str
    path: str
    ours: Any
    kafkas: Any

    def __str__(self) -> str:
        return f"{self.answer}: {self.path}: ours {self.ours!r}, Kafka's {self.kafkas!r}"


def differences(ours: Mapping[str, Any], kafkas: Mapping[str, Any]) -> Iterator[Difference]:
    """All of them, in the order of Kafka's transcript."""
    for name in dict.fromkeys((*kafkas, *ours)):
        for path, mine, theirs in _unlike("", ours.get(name, ABSENT), kafkas.get(name, ABSENT)):
            yield Difference(name, path, mine, theirs)


def _unlike(path: str, ours: Any, kafkas: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, dict) and isinstance(kafkas, dict):
        for key in dict.fromkeys((*kafkas, *ours)):
            yield from _unlike(f"{path}/{key}".lstrip("/"), ours.get(key, ABSENT), kafkas.get(key, ABSENT))
    elif isinstance(ours, list) and isinstance(kafkas, list) and len(ours) == len(kafkas):
        for index, (mine, theirs) in enumerate(zip(ours, kafkas, strict=True)):
            yield from _unlike(f"{path}/{index}", mine, theirs)
    elif ours != kafkas:
        yield path, ours, kafkas


def error_codes(answer: Any) -> Iterator[int]:
    """Every error code of an answer."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name.endswith("error_code") and isinstance(value, int):
                yield value
            else:
                yield from error_codes(value)
    elif isinstance(answer, list):
        for each in answer:
            yield from error_codes(each)
