"""The clock of a world: real time, or virtual time that moves only when the driver moves it.

Two readings, both integers: ``now_us()`` counts microseconds from an arbitrary start and never goes back (timers and
trace rows use it); ``now_ms()`` is wall-clock time in milliseconds since 1970 (what records and metadata carry).
In virtual time both come from one counter, so a run is the same whenever and wherever it is made.

A real clock can be frozen, to inspect a cluster in a debugger: both readings stand still until it is thawed. Then
``now_us`` goes on where it stopped, so that nothing has become due meanwhile, and ``now_ms`` is the real time again.
"""

from libc.stdint cimport int64_t
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

# Virtual time begins here: 2020-01-01T00:00:00Z, in microseconds since 1970.
cdef int64_t VIRTUAL_EPOCH_US = 1_577_836_800_000_000


cdef int64_t read_clock(int which) noexcept nogil:
    cdef timespec spec
    clock_gettime(which, &spec)
    return <int64_t> spec.tv_sec * 1_000_000 + spec.tv_nsec // 1000


cdef class Clock:
    def __init__(self, bint virtual=False):
        self.virtual = virtual
        self._virtual_us = 0
        self._epoch_us = VIRTUAL_EPOCH_US if virtual else read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC)

    cdef int64_t monotonic_us(self) noexcept nogil:
        if self.virtual:
            return self._virtual_us
        return read_clock(CLOCK_MONOTONIC) - self._virtual_us  # real time less the time it was frozen

    cdef int64_t wall_ms(self) noexcept nogil:
        if self.virtual:
            return (self._epoch_us + self._virtual_us) // 1000
        return read_clock(CLOCK_REALTIME) // 1000

    def now_us(self):
        return self.monotonic_us()

    def now_ms(self):
        return self.wall_ms()

    def base_us(self):
        """The wall-clock time of ``now_us()`` 0, in microseconds since 1970; read when this clock was made."""
        return self._epoch_us

    def advance_to(self, int64_t now_us):
        """Move virtual time forward to ``now_us``; a real clock can't be moved."""
        assert self.virtual, "only virtual time can be moved"
        assert now_us >= self._virtual_us, "time never goes back"
        self._virtual_us = now_us

    def freeze(self):
        """Let a real clock stand still."""
        cdef int64_t now_us = self.monotonic_us()
        assert not self.virtual, "a clock is frozen once, and virtual time stands still by itself"
        self._epoch_us = read_clock(CLOCK_REALTIME) - now_us
        self._virtual_us = now_us
        self.virtual = True

    def thaw(self):
        """Let a frozen clock go on from where it stands."""
        assert self.virtual, "only what is frozen can be thawed"
        self._virtual_us = read_clock(CLOCK_MONOTONIC) - self._virtual_us
        self.virtual = False
