"""The cluster as its metadata log tells of it: one immutable image, and how the next one is made of records."""
