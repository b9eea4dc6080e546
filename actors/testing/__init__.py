"""The parts of the pytest plugin: the clusters of a session, and the report of a failing test."""
