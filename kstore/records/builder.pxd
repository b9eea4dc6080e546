"""What the builder shares with other writers of batches."""

cdef tuple pack_headers(object headers)
