"""One replica of a partition, as an actor that owns a log on disk, from its opening to its end."""
