"""The ``kstore`` command, one file a verb."""
