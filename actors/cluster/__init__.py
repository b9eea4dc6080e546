"""A cluster of brokers in this process: put together, looked at, made to fail, emptied and stopped."""

from actors.cluster.cluster import Cluster as Cluster
from actors.cluster.nodes import StartError as StartError
