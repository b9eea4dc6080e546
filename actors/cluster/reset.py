"""``cluster.reset``: makes a running cluster empty again, as if new, in a millisecond or two.

Everything in it dies as by SIGKILL: brokers, clients in the process, and messages between them. The folders are
emptied, faults undone, and new brokers boot. The configuration, ids, ports, trace and clock stay. Connections over TCP
break; clients that reconnect find an empty cluster with the same cluster id, as after a restart on an empty disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.runtime.node import Numbers
from kstore.fs import MemoryFileSystem

if TYPE_CHECKING:
    from actors.cluster.nodes import Nodes
    from actors.node.folder import Folder


def empty(nodes: Nodes) -> None:
    """End everything and boot again; on the driving thread, outside any turn, without waiting for the brokers."""
    world, net = nodes.world, nodes.net
    for client in [node for node_id, node in net.nodes.items() if node_id < 0]:
        client.kill()
        net.node_died(client)
    net.client_numbers = Numbers()
    for node in nodes.nodes.values():
        if node.alive:
            if nodes.ports is not None:
                nodes.ports.keep(node.node_id)
            nodes.end(node)
    net.heal()
    net.forget_sessions()
    world.timers.clear()
    nodes.request_faults = None
    for node_id in nodes.node_ids:
        if nodes.data_dir is None:
            nodes.memories[node_id] = MemoryFileSystem()
        nodes.folders[node_id] = nodes.claim(node_id)
        if nodes.data_dir is not None:
            nodes.folders[node_id] = _emptied(nodes, node_id)
    nodes.boot()


def _emptied(nodes: Nodes, node_id: int) -> Folder:
    """A node's folder, emptied except for its lock, and claimed again."""
    from actors.node.folder import LOCK

    folder = nodes.folders[node_id]
    for name in sorted(folder.fs.listdir()):
        if name != LOCK:
            _remove(folder, name)
    folder.release()
    return nodes.claim(node_id)


def _remove(folder: Folder, name: str) -> None:
    try:
        folder.fs.listdir(name)
    except NotADirectoryError:
        folder.fs.unlink(name)
    else:
        folder.fs.remove_tree(name)
