"""The broker: its connections, a request handler for each API key (``apis``), and how its parts start and stop."""
