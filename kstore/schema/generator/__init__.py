"""Emits ``kstore/schema/messages`` and ``kstore/schema/versions.py`` from the definitions in Apache Kafka's jars.

``python -m kstore.schema.generator JARS_DIR`` writes them; with ``--check`` it only compares.

Kafka describes its messages in JSON with comments, one file a message, inside the jars that use them. What we
take from there are facts: names, types, versions, nullability, defaults, tags. ``definitions`` reads them,
``modules`` says which message goes into which module, ``emit`` writes Python.
"""
