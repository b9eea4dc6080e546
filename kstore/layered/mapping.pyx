"""Persistent mappings: a new version shares unchanged entries with the old one, so it costs only its changes.

The cluster's image and a client's view of it are immutable and replaced with every change. In a mapping of 10,000
topics a copy for each new topic would be most of the work. A ``Layered`` shares one dict with the mapping it was copied
from, and has a small dict of its own for what differs. When the small one has grown to the square root of the shared
one's size, both are joined into a new dict. So a change costs at most the square root of the size, and a look-up
searches two dicts.

In everything else it is a dict: order, equality, and a key that was removed and set again stands last. Only the code
that made it fills or changes it, before others see it.

Invariants: ``base`` is changed only while no other mapping shares it (``is_own``); ``over`` and ``hidden`` are then
empty. ``hidden`` has the keys of ``base`` that were removed; one that was set again stands in ``over``, as a new one.
"""

from collections.abc import MutableMapping

cdef object MISSING = object()


cdef class Layered:
    """A mapping; ``items`` is a mapping or pairs."""

    cdef dict base
    cdef dict over
    cdef set hidden
    cdef bint is_own

    def __init__(self, items=()):
        self.base = dict(items)
        self.over = {}
        self.hidden = set()
        self.is_own = True

    def copy(self):
        """A copy; changing one of the two doesn't change the other."""
        cdef Layered made = Layered.__new__(Layered)
        self.is_own = False
        made.base = self.base
        made.over = self.over.copy()
        made.hidden = self.hidden.copy()
        return made

    cdef object find(self, object key):
        cdef object found
        if self.over:
            found = self.over.get(key, MISSING)
            if found is not MISSING:
                return found
        if self.hidden and key in self.hidden:
            return MISSING
        return self.base.get(key, MISSING)

    def get(self, key, default=None, /):
        found = self.find(key)
        return default if found is MISSING else found

    def __getitem__(self, key):
        found = self.find(key)
        if found is MISSING:
            raise KeyError(key)
        return found

    def __contains__(self, key):
        return self.find(key) is not MISSING

    cdef dict whole(self):
        """All entries in one dict, which is the shared one from now on."""
        cdef dict base
        if self.over or self.hidden:
            if self.hidden:
                base = {key: value for key, value in self.base.items() if key not in self.hidden}
            else:
                base = self.base.copy()
            base.update(self.over)
            self.base = base
            self.hidden = set()
            self.over = {}
            self.is_own = True
        return self.base

    def __len__(self):
        cdef Py_ssize_t count = len(self.base) - len(self.hidden)
        for key in self.over:
            if key in self.hidden or key not in self.base:
                count += 1
        return count

    def __iter__(self):
        return iter(self.whole())

    def keys(self):
        return self.whole().keys()

    def values(self):
        return self.whole().values()

    def items(self):
        return self.whole().items()

    def __eq__(self, other):
        if isinstance(other, Layered):
            return self.whole() == (<Layered>other).whole()
        return self.whole() == other

    __hash__ = None

    def __repr__(self):
        return f"Layered({self.whole()!r})"

    cdef int settle(self) except -1:
        """Join both dicts when the small one has grown enough."""
        cdef Py_ssize_t differs = len(self.over) + len(self.hidden)
        if differs * differs > 64 + len(self.base):
            self.whole()
        return 0

    def __setitem__(self, key, value):
        if self.is_own:
            self.base[key] = value
            return
        self.over[key] = value
        self.settle()

    def pop(self, key, default=MISSING):
        found = self.find(key)
        if found is MISSING:
            if default is MISSING:
                raise KeyError(key)
            return default
        del self[key]
        return found

    def __delitem__(self, key):
        if self.is_own:
            del self.base[key]
            return
        if self.find(key) is MISSING:
            raise KeyError(key)
        self.over.pop(key, None)
        if key in self.base:
            self.hidden.add(key)
        self.settle()


MutableMapping.register(Layered)
