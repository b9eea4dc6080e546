"""The story of ``kstore demo``: its steps, its client processes, its state, and the two ways to show it."""
