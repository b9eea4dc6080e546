"""kstore: Kafka records, logs and protocol, at memory speed."""
