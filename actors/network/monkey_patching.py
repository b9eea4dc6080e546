"""Detects processes whose threads and sockets gevent or eventlet has replaced.

There a thread is a greenlet, so an event loop on a thread of its own would block all others, and waits for sockets
would end in a hub that never runs. What needs real threads raises an error at once instead of hanging. A cluster in the
process without a listener needs none: it runs on the calling thread.
"""

from __future__ import annotations

import sys
from typing import Any

from kstore.errors.config import ConfigError

GEVENT = {"thread": "threading", "select": "select", "socket": "socket", "queue": "queue"}  # as patch_all calls them
EVENTLET = {"thread": "thread", "select": "select", "socket": "socket"}


def refuse_patched(what: str) -> None:
    """Raise ``ConfigError`` if this process can't have ``what``."""
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None:
        _refuse(what, "gevent", "patch_all", [name for name, of in GEVENT.items() if monkey.is_module_patched(of)])
    patcher: Any = sys.modules.get("eventlet.patcher")
    if patcher is not None:
        names = [name for name, of in EVENTLET.items() if patcher.is_monkey_patched(of)]
        _refuse(what, "eventlet", "monkey_patch", names)


def _refuse(what: str, who: str, function: str, patched: list[str]) -> None:
    if patched:
        left_out = ", ".join(f"{name}=False" for name in patched)
        raise ConfigError(
            f"{who} has patched {', '.join(patched)} in this process, and {what} needs them as Python has them: "
            f"leave them out ({function}({left_out})), or have it in a process of its own"
        )
