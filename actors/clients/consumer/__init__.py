"""The consumer: its group, what it fetches, the offsets that it commits, and the records that it gives its user."""
