"""The controller: it decides about changes of the cluster, and writes them to the metadata log."""
