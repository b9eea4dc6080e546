"""The network: ordered links between nodes in the process, and TCP for clients outside it."""
