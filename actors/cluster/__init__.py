"""``Cluster``: a cluster of brokers in this process, with inspection, faults, reset and stop.

What it needs at once, and its producer, are imported with it, so that the first record doesn't wait for imports.
"""

import actors.clients.producer.producer
import actors.clients.transport
import actors.runtime.real  # noqa: F401
from actors.cluster.cluster import Cluster as Cluster
from actors.cluster.nodes import StartError as StartError
