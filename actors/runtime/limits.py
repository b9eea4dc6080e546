"""Limits on what peers may send, with units in the names. A peer that exceeds one gets a typed error or a closed
connection. Inside the cluster, a limit is an assertion.
"""

# A frame longer than this is refused and its connection closed (socket.request.max.bytes is the configured one).
FRAME_BYTES_MAX = 100 * 1024 * 1024
# Requests of one connection that are in progress at once; beyond, its socket isn't read.
CONNECTION_REQUESTS_IN_FLIGHT_MAX = 1024
# Bytes of one connection's requests in progress; beyond, its socket isn't read.
CONNECTION_BYTES_IN_FLIGHT_MAX = 64 * 1024 * 1024
# Elements in all arrays of one request; beyond, its connection is closed (in each array there may be 1,000,000, as in
# Apache Kafka, which has no bound of all together).
# What it takes to decode so many, and to encode as many in an answer, holds the others for some tens of milliseconds.
REQUEST_ELEMENTS_MAX = 250_000
# Connections of one broker (max.connections is the configured one, whose Kafka default is unlimited).
CONNECTIONS_MAX = 10_000
# A frame of at least this many bytes gets a buffer of its own, and its turns as soon as it is whole.
LARGE_FRAME_BYTES = 16 * 1024
# The first piece of buffer for a large frame, before its bytes have come; the buffer then doubles as they come.
FIRST_PIECE_BYTES = 2 * 1024 * 1024
# Answers are handed to the socket in pieces of this many bytes at first, the next when the socket has taken the last.
WRITE_CHUNK_BYTES = 256 * 1024
# A peer that begins a frame has this long to finish it.
FRAME_SECONDS_MAX = 60
# Records that fetches have found and wait for more of, over all of a node; beyond, a fetch is answered with less than
# its least bytes.
FETCH_BYTES_WAITING_MAX = 64 * 1024 * 1024
# Partitions of the fetch sessions of all of a node's clients, some 400 bytes each; beyond, they do without sessions.
FETCH_SESSION_PARTITIONS_MAX = 500_000
# A batch from a request that is more than so many times as large, and by so many bytes, is copied: what keeps the batch
# (a log's tail, a file in memory, an answer) would keep the whole request.
PINNED_TIMES_MAX, PINNED_BYTES_MAX = 8, 4096

REQUEST_TIMEOUT_MS = 30_000
"""A link is closed if the other node hasn't answered a request by then, as Kafka's clients do."""
