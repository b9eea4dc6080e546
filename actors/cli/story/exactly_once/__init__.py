"""The exactly-once story of ``kstore demo``: its clients, state, picture and counts."""
