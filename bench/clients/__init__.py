"""kstore's clients beside the other Python clients, and inside the process: ``python -m bench.clients``."""
