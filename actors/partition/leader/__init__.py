"""A replica while it leads: what it appends, whom it lets read, who is in sync, and what is committed."""
