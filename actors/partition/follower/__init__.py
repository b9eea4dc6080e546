"""A replica while it follows, and the fetcher that brings it what its leader has."""
