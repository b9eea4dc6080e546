"""The transactions of a log that are open, or have ended so recently that their markers may still be truncated.

At the first unstable offset begins the oldest transaction that is open, or whose marker isn't below the high watermark
yet; records from there on may still be committed or aborted. This is the part of Apache Kafka's
``ProducerStateManager`` that keeps ``ongoingTxns`` and ``unreplicatedTxns``.

Invariants. ``ongoing`` is in the order in which the transactions began, which is that of the log, so the oldest is the
first. A transaction that ends moves from there to ``unreplicated``, in the order of the markers. That doesn't change
the first unstable offset, so it is found anew only when the high watermark has passed a marker.
"""

cimport cython
from libc.stdint cimport int64_t

cdef int64_t NO_OFFSET = -1


@cython.final
cdef class Transactions:
    """The transactions of one log by producer id: a producer has one at a time."""

    def __cinit__(self):
        self.ongoing = {}
        self.unreplicated = []
        self.first_unstable = NO_OFFSET

    @property
    def first_unstable_offset(self):
        """Where the oldest of them began; -1 while there is none."""
        return self.first_unstable

    cdef int begin(self, int64_t producer_id, int64_t first_offset) except -1:
        """Note a producer's first batch in a transaction."""
        self.ongoing[producer_id] = first_offset
        if self.first_unstable < 0:
            self.first_unstable = first_offset
        return 0

    cdef int64_t end(self, int64_t producer_id, int64_t last_offset) except -2:
        """Note a producer's marker at ``last_offset``; returns where the transaction began, -1 if there was none."""
        cdef object began = self.ongoing.pop(producer_id, None)
        if began is None:
            return NO_OFFSET
        self.unreplicated.append((began, last_offset))
        return began

    cdef int64_t first_undecided(self, int64_t otherwise) except -2:
        """Where the oldest open one began; ``otherwise`` if none is open."""
        for first_offset in self.ongoing.values():
            return first_offset
        return otherwise

    def high_watermark_advanced(self, int64_t high_watermark):
        """Drop the transactions whose markers lie below it: they are stable now."""
        cdef list left
        if not self.unreplicated or <int64_t>self.unreplicated[0][1] >= high_watermark:
            return
        left = [each for each in self.unreplicated if <int64_t>each[1] >= high_watermark]
        self.unreplicated = left
        firsts = [each[0] for each in left]
        if self.ongoing:
            firsts.append(self.first_undecided(NO_OFFSET))
        self.first_unstable = min(firsts, default=NO_OFFSET)

    def clear(self):
        """Forget all transactions."""
        self.ongoing.clear()
        self.unreplicated = []
        self.first_unstable = NO_OFFSET

    def restore(self, began):
        """Replace all by these open ones: producer ids, and where their transactions began, in any order."""
        self.clear()
        for producer_id, first_offset in sorted(began.items(), key=lambda item: item[1]):
            self.begin(producer_id, first_offset)

    def check(self, began, int64_t end_offset):
        """Assert the invariants; ``began`` are the open ones as the producer states have them."""
        firsts = [*self.ongoing.values(), *(first for first, _ in self.unreplicated)]
        assert self.ongoing == began, f"open are {self.ongoing}, as producers say {began}"
        assert list(self.ongoing.values()) == sorted(self.ongoing.values()), f"{self.ongoing} aren't in order"
        assert self.first_unstable == min(firsts, default=NO_OFFSET), f"{self.first_unstable}, of {firsts}"
        for producer_id, first_offset in self.ongoing.items():
            assert first_offset < end_offset, f"producer {producer_id} began at {first_offset}, in {end_offset} records"
        for first_offset, ended in self.unreplicated:
            assert first_offset <= ended < end_offset, f"from {first_offset} to {ended}, in {end_offset} records"
