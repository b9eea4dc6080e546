"""Simulation: a cluster on virtual time with simulated clients, random faults from a seed, and checks of invariants.

A run is one seed: a cluster in a virtual world; producers, readers and group members as actors on nodes of their own
(``producer.py``, ``reader.py``, ``member.py``); programs with the project's own clients, which write in transactions or
read what is committed (``programs.py``); a schedule of faults (``faults.py``); then healing and a phase in which
everything must come to rest. After every turn of a replica the safety of what it did is judged (``invariants.py``, over
the books of ``ledger.py``); at the end so is what the clients saw (``history.py``, ``transaction_history.py``).
``campaign.py`` runs many seeds::

    python -m actors.simulation.campaign --seeds 100
    python -m actors.simulation.campaign --seed 7        # one again, the same turn by turn
"""
