"""A database backend of the sandbox: Django's SQLite, for several processes at the same time."""
