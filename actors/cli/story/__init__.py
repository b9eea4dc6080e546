"""What ``kstore demo`` tells: the steps, the processes that play in it, its state, and the two ways to show it."""
