"""Checked mode for other extensions: ``is_on`` is ``on``, without a look-up by name."""

cdef bint is_on
