"""Who a broker is, by Apache Kafka's config keys: what kstore's own options say, told as if a file had set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.controller.image import ClusterImage

if TYPE_CHECKING:
    from actors.broker.call import Call


def identity_of(call: Call) -> Mapping[str, str]:
    """The values of the keys that can't be set (``actors.config.refused``), as far as a broker knows them."""
    image: ClusterImage = call.view.image
    node_id = call.node.node_id
    found = {
        "broker.id": str(node_id),
        "node.id": str(node_id),
        "process.roles": "broker" if call.view.controller is None else "broker,controller",
    }
    broker = image.brokers.get(node_id)
    if broker is not None:
        found["advertised.listeners"] = ",".join(
            f"{at.name}://{in_brackets(at.host)}:{at.port}" for at in broker.endpoints
        )
    if call.node.listening:
        found["listeners"] = ",".join(call.node.listening)
    root = getattr(call.node.fs, "root", None)  # a folder in memory has none
    if root is not None:
        found["log.dirs"] = str(root)
    return found


def in_brackets(host: str) -> str:
    """A host as it stands before a port.

    >>> in_brackets("::1"), in_brackets("kafka")
    ('[::1]', 'kafka')
    """
    return f"[{host}]" if ":" in host else host
