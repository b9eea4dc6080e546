"""Administers transactions by kafka-python, a line a finding: ``transactions.py BOOTSTRAP TOPIC ID``.

The transactional id has a record in partition 0 of the topic, in an open transaction.
"""

import sys

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import AbortTransactionSpec

bootstrap, topic, transactional_id = sys.argv[1:]
place = TopicPartition(topic, 0)
admin = KafkaAdminClient(bootstrap_servers=bootstrap)
listed = admin.list_transactions(state_filters=["Ongoing"], duration_filter_ms=0, transactional_id_pattern=".*")
for each in (each for found in listed.values() for each in found):
    print("listed", each.transactional_id, each.state.value)
described = admin.describe_transactions([transactional_id])[transactional_id]
print("described", described.state.value, described.topic_partitions == {place})
(producer,) = admin.describe_producers([place])[place].active_producers
print("producer", producer.producer_id == described.producer_id, producer.current_transaction_start_offset)
admin.abort_transaction(AbortTransactionSpec(place, producer.producer_id, producer.producer_epoch, 0))
(producer,) = admin.describe_producers([place])[place].active_producers
print("aborted", producer.current_transaction_start_offset)
