"""Partitions as replicas hold them: leaders and followers, the in-sync set, fetch sessions and replica fetchers."""
