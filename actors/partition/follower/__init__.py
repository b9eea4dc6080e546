"""The follower role of a replica, and the replica fetcher that brings it the leader's records."""
