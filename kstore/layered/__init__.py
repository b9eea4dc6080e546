"""Mappings that share their layers: one with a few changes costs those, not a copy of all; read-only once published."""

from kstore.layered.mapping import Layered

__all__ = ["Layered"]
