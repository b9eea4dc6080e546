"""The messages of the check of all that replicas have on their disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kstore.named import NamedTuple

if TYPE_CHECKING:
    from kstore.log.answers import Wrong


class Scrub(NamedTuple):
    """Read and compare all files of the log, at most so many bytes a second; 0: without a pause. The answer is a
    ``Scrubbed`` once that is done.
    """

    bytes_per_second: int = 0


class Scrubbed(NamedTuple):
    """What was found wrong; ``failure`` says why not all was looked at, if so."""

    bytes_read: int
    wrong: tuple[Wrong, ...]
    failure: str | None
