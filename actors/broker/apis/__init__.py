"""One file per API key: what the broker does with it, its versions, what it leaves out.

Each module has ``API_KEY``, ``VERSIONS`` (first and last version answered) and ``handle(call)``, which returns the
response, returns ``None`` to ``call.respond(...)`` later, or is a generator that yields questions (``Ask``,
``Remote``, or a list of them) and returns the response.
"""
