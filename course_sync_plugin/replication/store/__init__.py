"""Keeps in the database what is wanted of each linked entity, and what each site is known to hold of it."""
