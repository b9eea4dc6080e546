"""The message that the broker sends to all actors of its node that keep files in its folder."""

from __future__ import annotations

from kstore.named import NamedTuple


class CheckFiles(NamedTuple):
    """The node's folder, or a part of it, was deleted: check whether the log still exists."""
