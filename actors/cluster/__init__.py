"""A cluster of brokers in this process: put together, looked at, made to fail, emptied and stopped.

What it needs at once, and its producer, are imported with it: its first record isn't to wait for imports.
"""

import actors.clients.producer.producer
import actors.clients.transport
import actors.runtime.real  # noqa: F401
from actors.cluster.cluster import Cluster as Cluster
from actors.cluster.nodes import StartError as StartError
