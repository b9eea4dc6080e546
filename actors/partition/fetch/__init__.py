"""Fetch requests at a broker: asking replicas, waiting, sessions (KIP-227), and making the response."""
