"""The names of Kafka's features that kstore knows; a module that needs only these imports nothing else."""

METADATA_VERSION = "metadata.version"
KRAFT_VERSION = "kraft.version"
TRANSACTION_VERSION = "transaction.version"
GROUP_VERSION = "group.version"
