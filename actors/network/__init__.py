"""The network: ordered links between nodes inside the process, and TCP for everybody outside it."""
