"""Kafka's clients as actors of a client node: producer, consumer, admin, in a cluster's own world or over TCP."""
