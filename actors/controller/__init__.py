"""The controller: the metadata log, what it says (the cluster image) and who may change it."""
