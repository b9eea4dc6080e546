"""Ends clusters that weren't closed: when the program ends, or when the last reference to them is gone.

A cluster that is open when the interpreter exits is closed normally, as if its ``with`` block ended there. If that
fails (a node crashed, a broker hangs), it is abandoned, and the error is printed on stderr as any error at exit. A
cluster in memory without a listener is simply freed, with its thread, when there is no reference to it any more. A
forked child doesn't own its parent's clusters, and ends none of them.

The references are weak and have no callbacks: a signal could interrupt the Python code of a callback, and what is
raised there is lost.
"""

from __future__ import annotations

import atexit
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes

_open: dict[int, weakref.ref[Nodes]] = {}  # by id


def ends_with_program(nodes: Nodes) -> None:
    """Close it when the interpreter exits, unless it is closed or freed before."""
    for number in [number for number, reference in _open.items() if reference() is None]:
        del _open[number]
    if not _open:
        atexit.unregister(_close_all)
        atexit.register(
            _close_all
        )  # the last registered is called first: before those of what this cluster was made with
    _open[id(nodes)] = weakref.ref(nodes)


def was_closed(nodes: Nodes) -> None:
    """Note that it is closed, so that it needn't be closed at exit."""
    _open.pop(id(nodes), None)


def _close_all() -> None:
    with ExitStack() as closing:  # so that a failure to close one doesn't keep others open
        for reference in list(_open.values()):
            nodes = reference()
            if nodes is not None:
                closing.callback(nodes.close)
