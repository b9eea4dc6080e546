"""The cluster image: the immutable state of the cluster by its metadata log, and how records change it."""
