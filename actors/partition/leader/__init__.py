"""The leader role of a replica: appends, reads, the in-sync set, and the high watermark."""
