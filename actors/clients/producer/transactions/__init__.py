"""A producer's transactions: what is loaded when it has a ``transactional_id``."""
