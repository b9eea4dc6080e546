"""The producer: records in, batches to the leaders of their partitions, acknowledgements as futures."""
