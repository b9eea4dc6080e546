"""The admin client: ``Admin`` as its user has it, and its calls to brokers, one file for each kind of thing."""

from actors.clients.admin.admin import Admin as Admin
