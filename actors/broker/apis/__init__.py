"""Request handlers, one file per API key: what the broker does, the versions, what is left out.

Each module has ``API_KEY``, ``VERSIONS`` (first and last version answered) and ``handle(call)``, which returns the
response, returns ``None`` to ``call.respond(...)`` later, or is a generator that yields questions (``Ask``,
``Remote``, or a list of them) and returns the response.
"""
