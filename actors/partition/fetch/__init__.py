"""Fetch requests at a broker: which replicas are asked, what waits, and how the answer is put together (KIP-227)."""
