"""Integration tests of the sandbox and of ``make demo``."""
