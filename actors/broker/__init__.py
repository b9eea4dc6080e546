"""The broker: its configs, and one handler for every API key it answers."""
