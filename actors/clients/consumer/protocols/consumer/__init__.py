"""The consumer protocol (KIP-848): the coordinator shares out the partitions, and heartbeats say everything."""
