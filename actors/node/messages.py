"""What the broker tells all actors of its node that keep files in its folder."""

from __future__ import annotations

from kstore.named import NamedTuple


class CheckFiles(NamedTuple):
    """The node's folder was deleted, or a part of it: look whether the log is still there."""
