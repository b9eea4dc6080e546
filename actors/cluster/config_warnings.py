"""Warnings for configs that have no effect yet, at the user's line that set them, once for each key of a cluster."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.config.effect import line
from kstore.errors.config import NoEffectWarning

if TYPE_CHECKING:
    from actors.config import BrokerConfig

Said = set[tuple[int, str]]
OURS = ("actors", "kstore")


def warn_without_effect(config: BrokerConfig, kind: int, settings: Mapping[str, str], of: str = "") -> Said:
    """Warn of settings that have no effect, unless there was a warning before; ``config`` is the cluster's.

    Returns the keys with a warning, by resource type.
    """
    from actors.config.resources import without_effect

    warned: Said = set()
    for name, text in without_effect(kind, settings.items()):
        if (kind, name) not in config.said:
            warned.add((kind, name))
            config.said.add((kind, name))
            warnings.warn(line(name, text, of), NoEffectWarning, stacklevel=depth_of_user())
    return warned


def depth_of_user() -> int:
    """The ``stacklevel`` for ``warnings.warn`` that shows the first line outside of kstore."""
    frame, depth = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in OURS:
        frame, depth = frame.f_back, depth + 1
    return depth
