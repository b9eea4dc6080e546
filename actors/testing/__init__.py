"""What the pytest plugin is made of: the clusters of a session, and what a failing test tells."""
