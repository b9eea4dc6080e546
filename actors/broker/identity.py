"""A broker's identity as Apache Kafka's config keys: kstore's own options, shown as if a properties file
had set them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from actors.image.image import ClusterImage
from actors.network.addresses import address_text

if TYPE_CHECKING:
    from actors.broker.call import Call


def identity_of(call: Call) -> Mapping[str, str]:
    """The values of keys that can't be set (``actors.config.refused``), where the broker knows them."""
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
            f"{at.name}://{address_text(at.host, at.port)}" for at in broker.endpoints
        )
    if call.node.listening:
        found["listeners"] = ",".join(call.node.listening)
    root = call.node.fs.root
    if root is not None:
        found["log.dirs"] = root
    return found
