# Encoding for other modules that put bytes before a message.
from kstore.schema.parts cimport Parts
from kstore.schema.plan cimport Plan

cdef int write_message(Parts out, Plan plan, object message) except -1
