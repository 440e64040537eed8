"""Finds what is inconsistent in the tables, at the published courses and at receivers, and mends it."""
