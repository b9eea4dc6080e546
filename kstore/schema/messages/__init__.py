"""Kafka's messages, one module an API or a kind of record. All but this file is generated."""
