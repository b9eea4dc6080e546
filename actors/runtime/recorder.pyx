"""The flight recorder (the trace): what each actor received, and its consequences, as rows of 64 bytes in a ring.

Row, all little-endian on the machines we support::

    sequence 8 | time_us 8 | cause 8 | actor 4 | kind 4 | partition 4 | took_us 4 | offset1 8 | offset2 8 |
    subject 4 | depth 4

``sequence`` counts from 1; ``cause`` is the sequence of the row that led to this one, 0 for what came from outside.
``depth`` tells the three sorts of rows apart. A turn has the number of messages that still waited when it began. A
note of what happened has -1; what came from outside (a user's call, a timer, a socket, a fault) has -2. ``took_us`` is
the length of a turn, or of what came from outside: at most 2**32 - 1, and 0 on virtual time, where nothing takes time.

Names (actors, kinds, partitions, subjects) are interned in the order of their first use, per recorder, so a row holds
no address and no process-wide number: the same run gives the same bytes. A recorder made with ``hashing=True`` feeds
each row to XXH3-128; with the names after them that is ``trace_hash()``, the run's fingerprint, the same whatever the
capacity. Names that come and go (members, topics, connections) don't pile up: from ``NAMES_BEFORE_SWEEP`` names on,
those that no row in the ring mentions and no actor holds are forgotten, and their numbers are used again. (From there
on the fingerprint depends on the capacity, too, but still on nothing else.)

The ring keeps the last ``capacity`` rows; ``rows()`` says which sequence it begins at, so that a reader can tell which
rows were overwritten. ``spool_to`` has rows written to a file before they are overwritten.
"""

from cpython.dict cimport PyDict_GetItem
from cpython.ref cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

from actors.runtime.clock cimport Clock

from kstore import checked
from kstore.named import NamedTuple

cdef enum:
    NAMES_BEFORE_SWEEP = 65_536
    SPOOL_ROWS = 2_048  # how many rows go to the sink at a time

cdef int64_t TOOK_US_MAX = 0xFFFFFFFF


class TraceRow(NamedTuple):
    """One row of the recorder, with its names resolved."""

    sequence: int
    time_us: int
    cause: int
    actor: str
    kind: str
    partition: str
    offset1: int
    offset2: int
    subject: str = ""
    took_us: int = 0
    depth: int = NOTE


cdef class Recorder:
    def __cinit__(self, Clock clock, int64_t capacity=65536, bint hashing=False):
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"capacity must be a power of two, not {capacity}")
        self.rows = <Row*> calloc(capacity, sizeof(Row))
        self.room = 1024
        self.known = <Name*> calloc(self.room, sizeof(Name))
        if self.rows == NULL or self.known == NULL:
            raise MemoryError()
        self.capacity = capacity
        self.next_sequence = 1
        self.hashed = 1
        self.spooled = 1
        self.spool_step = min(SPOOL_ROWS, capacity // 2)
        self.clock = clock
        self.ids = {"": 0}
        self.names = [""]
        self.known[0].pins = 1
        self.free = []
        self.sweep_at = NAMES_BEFORE_SWEEP
        self.hasher = None
        self.sink = None
        self.fresh = []
        if hashing:
            import xxhash
            self.hasher = xxhash.xxh3_128()

    def __dealloc__(self):
        free(self.rows)
        free(self.known)

    cdef int32_t intern_name(self, object key) except -1:
        cdef PyObject* found = PyDict_GetItem(self.ids, key)
        if found != NULL:
            return <int32_t> <object> found
        return self.add_name(key)

    cdef int32_t add_name(self, object key) except -1:
        cdef str name = key.__name__ if isinstance(key, type) else key
        cdef int32_t number
        cdef Name* known
        if not self.free and len(self.names) >= self.sweep_at:
            self.sweep()
        if self.free:
            number = self.free.pop()
            self.names[number] = name
        else:
            number = <int32_t> len(self.names)
            if number >= self.room:
                known = <Name*> realloc(self.known, 2 * self.room * sizeof(Name))
                if known == NULL:
                    raise MemoryError()
                memset(known + self.room, 0, self.room * sizeof(Name))
                self.known = known
                self.room *= 2
            self.names.append(name)
        self.known[number].last_row = self.next_sequence
        self.ids[key] = number
        if self.sink is not None:
            self.fresh.append(number)
        return number

    cdef int sweep(self) except -1:
        """Forget the names that only overwritten rows mention; their numbers are used again, the lowest first."""
        cdef int64_t kept_from = self.next_sequence - self.capacity
        cdef int32_t number
        cdef list doomed = [
            key for key, number in self.ids.items()
            if self.known[number].pins == 0 and self.known[number].last_row < kept_from
        ]
        for key in doomed:
            number = self.ids.pop(key)
            self.names[number] = ""
            self.free.append(number)
        self.free.sort(reverse=True)
        self.sweep_at = max(NAMES_BEFORE_SWEEP, 2 * <int32_t> len(self.ids))
        if checked.on:
            self.check()
        return 0

    cdef int32_t mention(self, object key) except -1:
        """The number of a name for the row that is written next; the name isn't forgotten before that."""
        cdef int32_t number = self.intern_name(key)
        self.known[number].last_row = self.next_sequence
        return number

    def intern(self, key):
        """The number of a name, or of a message class's name; kept until ``release`` was called as often as this."""
        cdef int32_t number = self.intern_name(key)
        self.known[number].pins += 1
        return number

    def release(self, int32_t number):
        """Release a name's number: the name may be forgotten when the last row that mentions it is overwritten."""
        assert self.known[number].pins > 0, "a number is let go as often as it was asked for"
        self.known[number].pins -= 1
        self.known[number].last_row = self.next_sequence

    cdef int32_t kind_number(self, object kind) except -1:
        """A kind's number, which is kept for ever: kinds are named by the program, and few."""
        cdef int32_t number = self.intern_name(kind)
        if self.known[number].pins == 0:
            self.known[number].pins = 1
        return number

    cdef int64_t write(self, int32_t actor, object kind, int64_t cause, int32_t partition, int64_t offset1,
                       int64_t offset2, int32_t subject, int32_t depth, int64_t time_us) except -1:
        return self.put(actor, self.kind_number(kind), cause, partition, offset1, offset2, subject, depth, time_us)

    cdef int64_t put(self, int32_t actor, int32_t kind, int64_t cause, int32_t partition, int64_t offset1,
                     int64_t offset2, int32_t subject, int32_t depth, int64_t time_us) except -1:
        cdef int64_t sequence
        cdef Name* known
        cdef Row* row
        if self.sink is not None and self.next_sequence - self.spooled >= self.spool_step:
            self.spool(self.next_sequence)
        sequence = self.next_sequence
        assert 0 <= cause < sequence, "a cause comes before what it leads to"
        if self.hasher is not None and sequence - self.hashed >= self.capacity - 1:
            self.hash_up_to(sequence)
        known = self.known
        known[kind].written += 1
        known[partition].last_row = sequence
        known[subject].last_row = sequence
        row = &self.rows[sequence & (self.capacity - 1)]
        row.sequence = sequence
        row.time_us = time_us
        row.cause = cause
        row.actor = actor
        row.kind = kind
        row.partition = partition
        row.took_us = 0
        row.offset1 = offset1
        row.offset2 = offset2
        row.subject = subject
        row.depth = depth
        self.next_sequence = sequence + 1
        return sequence

    cdef void end_turn(self, int64_t sequence, int64_t took_us) noexcept:
        cdef Row* row = &self.rows[sequence & (self.capacity - 1)]
        self.turn_row = 0
        if took_us > 0 and row.sequence == sequence:
            row.took_us = <uint32_t> min(took_us, TOOK_US_MAX)

    def note(self, int32_t actor, kind, int64_t cause, partition="", int64_t offset1=-1, int64_t offset2=-1,
             subject=""):
        """Write a row and return its sequence. ``kind`` is a name or a message class."""
        cdef int32_t about = self.mention(partition)
        return self.write(actor, kind, cause, about, offset1, offset2, self.mention(subject) if subject else 0, NOTE,
                          self.clock.monotonic_us())

    def spool_to(self, sink):
        """From now on call ``sink(names, rows)`` for all rows before they are overwritten, first those in the ring.

        ``names`` are (number, name) pairs that these and later rows use, ``rows`` the bytes of whole rows; the sink
        must not raise. None ends the calls.
        """
        self.spooled = max(1, self.next_sequence - self.capacity)
        self.fresh = [number for number, name in enumerate(self.names) if name]
        self.sink = sink

    def flush(self):
        """Give the sink what it doesn't have yet."""
        if self.sink is not None:
            self.spool(self.next_sequence)

    cdef int spool(self, int64_t end) except -1:
        """Give the sink the rows before the turn under way, whose length isn't known yet; all if it fills the ring."""
        cdef list fresh, parts = []
        if self.turn_row > self.spooled and end - self.spooled < self.capacity - 1:
            end = self.turn_row
        while self.spooled < end:
            slot = self.spooled & (self.capacity - 1)
            length = min(end - self.spooled, self.capacity - slot)
            parts.append((<const unsigned char*> &self.rows[slot])[:length * sizeof(Row)])
            self.spooled += length
        fresh, self.fresh = self.fresh, []
        self.sink([(number, self.names[number]) for number in fresh], b"".join(parts))
        return 0

    cdef int hash_up_to(self, int64_t end) except -1:
        cdef int64_t begin = self.hashed
        cdef int64_t slot, length
        while begin < end:
            slot = begin & (self.capacity - 1)
            length = min(end - begin, self.capacity - slot)
            self.hasher.update((<const unsigned char*> &self.rows[slot])[:length * sizeof(Row)])
            begin += length
        self.hashed = end
        return 0

    def check(self):
        """Assert that rows follow each other, each name they mention is there, and no number has two names."""
        cdef int64_t sequence
        cdef int32_t number
        cdef Row* row
        cdef set named = set(self.ids.values())
        assert len(named) == len(self.ids), "a number stands for one name"
        assert named.isdisjoint(self.free), "the number of a name isn't free"
        for sequence in range(max(1, self.next_sequence - self.capacity), self.next_sequence):
            row = &self.rows[sequence & (self.capacity - 1)]
            assert row.sequence == sequence, "rows follow each other"
            for number in (row.actor, row.kind, row.partition, row.subject):
                assert number in named, "a name that a row speaks of isn't forgotten"

    def count(self, kind):
        """How many rows of a kind were written, including those that were overwritten since."""
        cdef object number = self.ids.get(kind)
        return 0 if number is None else self.known[<int32_t> number].written

    def trace_hash(self):
        """The run's fingerprint: XXH3-128 over all rows and names so far, as 32 hex digits."""
        assert self.hasher is not None, "a recorder hashes only when made with hashing=True"
        self.hash_up_to(self.next_sequence)
        whole = self.hasher.copy()
        whole.update("\n".join(self.names).encode())
        return whole.hexdigest()

    def copy(self):
        """What the ring holds, oldest first: the bytes of its rows, and all names by their numbers."""
        cdef int64_t first = max(1, self.next_sequence - self.capacity)
        cdef int64_t slot = first & (self.capacity - 1)
        cdef int64_t length = min(self.next_sequence - first, self.capacity - slot)
        cdef int64_t left = self.next_sequence - first - length
        cdef bytes rows = (<const unsigned char*> &self.rows[slot])[:length * sizeof(Row)]
        if left:
            rows += (<const unsigned char*> self.rows)[:left * sizeof(Row)]
        return rows, list(self.names)

    cdef object resolved(self, Row* row):
        cdef list names = self.names
        return TraceRow(row.sequence, row.time_us, row.cause, names[row.actor], names[row.kind], names[row.partition],
                        row.offset1, row.offset2, names[row.subject], row.took_us, row.depth)

    def recent(self, int64_t count=65536):
        """The last rows, oldest first, at most ``count`` and at most what the ring still holds."""
        cdef int64_t first = max(1, self.next_sequence - min(count, self.capacity - 1))
        cdef list out = []
        while first < self.next_sequence:
            out.append(self.resolved(&self.rows[first & (self.capacity - 1)]))
            first += 1
        return out

    def chain(self, int64_t sequence):
        """The chain of causes that led to a row, from that row back to what came from outside or was overwritten."""
        cdef list out = []
        cdef Row* row
        while sequence > 0 and sequence > self.next_sequence - self.capacity:
            row = &self.rows[sequence & (self.capacity - 1)]
            if row.sequence != sequence:
                break
            out.append(self.resolved(row))
            sequence = row.cause
        return out
