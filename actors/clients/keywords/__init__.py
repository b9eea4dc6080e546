"""The keywords of producer, consumer and admin: their defaults, the values they take, and those that are refused."""
