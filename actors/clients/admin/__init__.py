"""The admin client: ``Admin`` as its user has it, and what it says to brokers, a file for each kind of thing."""

from actors.clients.admin.admin import Admin as Admin
