"""The error for a config key, a value or a keyword that can't be used, and the warning for one that does nothing yet;
apart, so that raising them loads no table.

They have no code of Kafka's: they are about what the caller wrote, and found before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable


class ConfigError(ValueError):
    """A config key or value that can't be used; the message names the key and what to do."""


class NoEffectWarning(UserWarning):
    """A config key of Apache Kafka's is kept and described, but kstore doesn't do yet what its value asks for.

    Said once for each key of a cluster. ``warnings.simplefilter("ignore", kstore.NoEffectWarning)`` silences it.
    """


def nearest(name: str, names: Iterable[str]) -> str:
    """A question whether the known name most like ``name`` was meant; nothing when none is like it.

    >>> nearest("linger", ["acks", "linger_ms"])
    ' (did you mean linger_ms?)'
    """
    found = nearest_name(name, names)
    return "" if found is None else f" (did you mean {found}?)"


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The known name most like ``name``; None when none is like it.

    >>> nearest_name("crate", ["list", "create"]), nearest_name("x", ["list", "create"])
    ('create', None)
    """
    from difflib import get_close_matches  # only who made a mistake waits for it to load

    return next(iter(get_close_matches(name, list(names), n=1, cutoff=0.5)), None)
