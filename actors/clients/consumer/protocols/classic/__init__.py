"""The classic group protocol: members join, and the group's leader, one of them, shares out the partitions."""
