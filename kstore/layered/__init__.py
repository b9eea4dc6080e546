"""Immutable mappings that share what they have in common."""

from kstore.layered.mapping import Layered

__all__ = ["Layered"]
