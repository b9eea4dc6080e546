"""The loggers of kstore: Python's ``logging``, with one logger for each area, all below ``kstore``.

The areas are ``kstore.failures`` (what was contained), ``kstore.storage`` (disks and folders), ``kstore.requests``
(requests that were refused), ``kstore.configs`` (configs that have no effect yet), ``kstore.network`` and
``kstore.cluster``. Nothing is configured here:
``kstore serve`` sets handlers, a program that embeds a cluster has its own.

>>> logger("storage").name
'kstore.storage'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


AREAS = ("cluster", "configs", "failures", "network", "requests", "storage")


def logger(area: str) -> logging.Logger:
    """The logger of one area; ``logging`` is imported with the first line that is logged."""
    import logging

    return logging.getLogger(f"kstore.{area}")
