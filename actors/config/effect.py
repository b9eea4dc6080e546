"""Which values of Kafka's configs have no effect in kstore yet.

Every key is accepted, checked and kept, so that programs made for Kafka run. A user who sets a key that kstore doesn't
implement yet gets one warning for each key, unless the value asks for what kstore does anyway: the default, or
something equivalent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from actors.config.definition import ConfigError, Key
from actors.config.refused import why_refused

Setting = tuple[str, str]
"""A key and the value that it was set to, as text."""


def has_effect(key: Key, text: str, implemented: Mapping[str, tuple[str, ...] | None]) -> bool:
    """Whether kstore does what a value asks for, or does so anyway.

    >>> from actors.config.implemented import TOPIC
    >>> from actors.config.topic import KEYS
    >>> [has_effect(KEYS["remote.log.copy.disable"], value, TOPIC) for value in ("true", "false")]
    [False, True]
    """
    values = implemented.get(key.name, ())
    if values is None:
        return True
    wanted = key.printed(text)
    if key.type == "LIST" and values and set(wanted.split(",")) <= set(values):
        return True
    return wanted in values or wanted == key.default


def without_effect(
    keys: Mapping[str, Key], settings: Iterable[Setting], implemented: Mapping[str, tuple[str, ...] | None]
) -> Iterator[Setting]:
    """Those of the settings that have no effect yet; secrets aren't told. What is wrong is for an
    error to tell, and of a refused key only what is so anyway was taken.
    """
    for name, text in settings:
        key = keys.get(name)
        if key is None or why_refused(name) or not is_right(key, text):
            continue
        if not has_effect(key, text, implemented):
            yield name, "[hidden]" if key.sensitive else text


def is_right(key: Key, text: str) -> bool:
    try:
        key.parse(text)
    except ConfigError:
        return False
    return True


TOLD_LENGTH_MAX = 300


def printable(text: str) -> str:
    r"""What a client sent, as one short line of a log.

    >>> printable("group a\nb: match=x")
    'group a\\nb: match=x'
    """
    told = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text[:TOLD_LENGTH_MAX])
    return told if len(text) <= TOLD_LENGTH_MAX else f"{told}..."


def line(name: str, text: str, of: str = "") -> str:
    """What is said of one setting.

    >>> line("remote.log.copy.disable", "true", "topic orders")
    'topic orders: remote.log.copy.disable=true is kept, but has no effect in kstore yet'
    """
    return f"{of}{': ' if of else ''}{name}={text} is kept, but has no effect in kstore yet"
