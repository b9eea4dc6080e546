"""Hides kstore's frames in pytest's tracebacks, so that a failing test shows its own line.

pytest leaves out the frames of modules that have a true ``__tracebackhide__``, or one that says so when it is asked.
kstore's modules get one when a test fails, so nothing else has to know of it. What is told to the caller (a time limit,
an error of Kafka's, a wrong argument) ends at the caller's line. A failed assertion of kstore's own is a defect, and
keeps its frames; ``pytest --full-trace`` has them always.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    import pytest

OURS = ("kstore", "actors")
PLUGIN = "kstore.testing.plugin"  # what fails in a fixture has no other line to show


def hide_frames() -> None:
    """Leave out the frames of every module of kstore's that is loaded by now."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in OURS and name != PLUGIN:
            vars(module)["__tracebackhide__"] = is_hidden


def is_hidden(error: pytest.ExceptionInfo[BaseException] | None) -> bool:
    """Whether frames of kstore's are left out of what pytest shows of an exception."""
    if error is None:
        return True
    ours = [is_ours(entry.frame.raw) for entry in error.traceback]
    return not all(ours) and not (ours[-1] and isinstance(error.value, AssertionError))


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is one of kstore's, compiled or not."""
    return str(frame.f_globals.get("__name__")).partition(".")[0] in OURS
