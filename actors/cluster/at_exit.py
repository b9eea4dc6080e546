"""How clusters end that nobody ends: with the program, or with the last reference to them.

A cluster that is open when the interpreter exits is closed in order, as if its ``with`` block ended there; one that
can't be (a node crashed, a broker hangs) is let go of, and says so on stderr as any error at exit does. A cluster in
memory, without a listener, that nobody refers to any more just goes, with its thread. A forked child has no part in
its parent's clusters, and ends none of them.

The references are weak and tell nobody when a cluster goes: what Python code they would call, a signal might interrupt,
and nobody gets what is raised there.
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
    """Have it closed when the interpreter exits, unless it is closed or gone before."""
    for number in [number for number, reference in _open.items() if reference() is None]:
        del _open[number]
    if not _open:
        atexit.unregister(_close_all)
        atexit.register(_close_all)  # the last registered goes first: before what this cluster was made with
    _open[id(nodes)] = weakref.ref(nodes)


def was_closed(nodes: Nodes) -> None:
    """It needs nobody to end it."""
    _open.pop(id(nodes), None)


def _close_all() -> None:
    with ExitStack() as closing:  # one that can't be closed in order keeps none of the others from it
        for reference in list(_open.values()):
            nodes = reference()
            if nodes is not None:
                closing.callback(nodes.close)
