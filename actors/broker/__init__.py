"""The broker: its connections, a handler for every API key it answers (``apis``), the start and end of its parts."""
